#!/bin/sh
# Makes the passwords and keys that compose.yaml mounts, in docker/secrets/; what exists is kept. Keep a copy of app_keys:
# without it, what it sealed is lost.
set -eu

cd "$(dirname "$0")"
mkdir -p secrets
# Closed to others here; inside a container each file is open to its one process, whatever that runs as.
chmod 700 secrets
cd secrets

keep() { [ -s "$1" ] || { cat >"$1.new" && chmod 444 "$1.new" && mv "$1.new" "$1" && echo "made docker/secrets/$1"; }; }
word() { od -An -v -tx1 -N24 /dev/urandom | tr -d ' \n'; }

word | keep postgres_password
printf 'requirepass %s\n' "$(word)" | keep redis_conf
printf 'k1:%s' "$(head -c 32 /dev/urandom | base64 | tr -d '\n')" | keep app_keys
printf 'postgresql://gatehouse:%s@postgres:5432/gatehouse' "$(cat postgres_password)" | keep database_url
printf 'redis://:%s@redis:6379/0' "$(sed 's/^requirepass //' redis_conf)" | keep redis_url
# Of the partner's app at PayPal; this one is for the pretended PayPal of the sandbox. Put your own there.
printf 'sandbox-partner-secret' | keep paypal_client_secret
# The word that ThriveCart shows under "order validation"; this one is for the sandbox's shop.
LC_ALL=C tr -dc 'A-Z0-9' </dev/urandom | head -c 12 | keep thrivecart_secret
