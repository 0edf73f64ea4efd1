# Settings of the local system: secrets made once, ports chosen at every start, all in .local/env. Sourced, never run.
# shellcheck shell=bash

local_folder=$project/.local
log_folder=$local_folder/log

# Reads what earlier runs left, makes what is missing, chooses ports, writes it all back.
load_settings() {
    umask 077
    mkdir -p "$log_folder"
    rm -f "$log_folder"/*.log  # what is there is of this run
    # Never make new keys because the old ones can't be read: what they sealed would be lost.
    [ ! -e "$local_folder/env" ] || [ -r "$local_folder/env" ] || fail "$local_folder/env can't be read"
    local name found
    for name in APP_KEYS POSTGRES_PASSWORD REDIS_PASSWORD POSTGRES_PORT REDIS_PORT; do
        # Because what the caller set for another system must not leak into this one.
        found=$(sed -n "s/^$name='\(.*\)'$/\1/p" "$local_folder/env" 2>/dev/null || true)
        printf -v "$name" '%s' "$found"
    done
    : "${APP_KEYS:=k1:$(random_base64)}" "${POSTGRES_PASSWORD:=$(random_hex)}" "${REDIS_PASSWORD:=$(random_hex)}"
    make_thrivecart_secret

    choose_port POSTGRES_PORT "${POSTGRES_PORT:-15432}"
    choose_port REDIS_PORT "${REDIS_PORT:-16379}"
    choose_port INGRESS_PORT "${INGRESS_PORT:-8080}"
    choose_port PRODUCT_API_PORT "${PRODUCT_API_PORT:-8081}"
    choose_port SANDBOX_PORT "${SANDBOX_PORT:-8090}"
    choose_port SANDBOX_PAYPAL_PORT "${SANDBOX_PAYPAL_PORT:-8091}"
    choose_port FULFILLMENT_HEALTH_PORT "${FULFILLMENT_HEALTH_PORT:-9101}"
    choose_port RENEWALS_HEALTH_PORT "${RENEWALS_HEALTH_PORT:-9102}"
    choose_port RECONCILIATION_HEALTH_PORT "${RECONCILIATION_HEALTH_PORT:-9103}"
    choose_port NOTIFICATIONS_HEALTH_PORT "${NOTIFICATIONS_HEALTH_PORT:-9104}"
    # The shop that is told stands on this machine.
    OUTBOUND_ALLOW=127.0.0.0/8
    OUTBOUND_PLAIN=true

    # The pretended PayPal, and who we are there.
    PAYPAL_ENV=sandbox
    PAYPAL_BASE_URL=http://127.0.0.1:$SANDBOX_PAYPAL_PORT
    PAYPAL_CLIENT_ID=sandbox-partner
    PAYPAL_CLIENT_SECRET=sandbox-partner-secret
    PAYPAL_PARTNER_MERCHANT_ID=SANDBXPARTNR2
    PAYPAL_WEBHOOK_ID='' PAYPAL_WEBHOOK_ROOTS=''

    APP_URL=http://127.0.0.1:$INGRESS_PORT
    PAYPAL_WEBHOOK_URL=$APP_URL/webhooks/paypal
    DATABASE_URL=postgresql://gatehouse:$POSTGRES_PASSWORD@127.0.0.1:$POSTGRES_PORT/gatehouse
    REDIS_URL=redis://:$REDIS_PASSWORD@127.0.0.1:$REDIS_PORT/0
    SANDBOX_WEBHOOK_URLS=$APP_URL/webhooks/thrivecart/demo
    SANDBOX_THRIVECART_ACCOUNT=demoshop
    # The shop's own books, which have no limit for us.
    THRIVECART_API_URL=http://127.0.0.1:$SANDBOX_PORT/thrivecart/api/external
    THRIVECART_API_PER_MINUTE=0
    PAYPAL_BOOKS_PER_MINUTE=0
    SANDBOX_THRIVECART_SECRET_FILE=$thrivecart_secret_file
    write_settings
}

# The word that ThriveCart would show under "order validation".
make_thrivecart_secret() {
    thrivecart_secret_file=$local_folder/thrivecart-secret
    [ -s "$thrivecart_secret_file" ] || random_word >"$thrivecart_secret_file"
}

# Every setting but the passwords' own names is one that the processes read, so the file serves both them and people:
#     (set -a; . .local/env; gatehouse members list)
write_settings() {
    local name
    for name in APP_KEYS APP_URL DATABASE_URL REDIS_URL INGRESS_PORT FULFILLMENT_HEALTH_PORT NOTIFICATIONS_HEALTH_PORT \
        RENEWALS_HEALTH_PORT RECONCILIATION_HEALTH_PORT THRIVECART_API_URL THRIVECART_API_PER_MINUTE PAYPAL_BOOKS_PER_MINUTE \
        PRODUCT_API_PORT PAYPAL_ENV PAYPAL_BASE_URL PAYPAL_CLIENT_ID PAYPAL_CLIENT_SECRET PAYPAL_PARTNER_MERCHANT_ID \
        PAYPAL_WEBHOOK_ID PAYPAL_WEBHOOK_ROOTS OUTBOUND_ALLOW OUTBOUND_PLAIN SANDBOX_PORT SANDBOX_PAYPAL_PORT SANDBOX_WEBHOOK_URLS \
        SANDBOX_THRIVECART_ACCOUNT SANDBOX_THRIVECART_SECRET_FILE \
        POSTGRES_PASSWORD POSTGRES_PORT REDIS_PASSWORD REDIS_PORT; do
        printf "%s='%s'\n" "$name" "${!name}"
    done >"$local_folder/env.new"
    mv "$local_folder/env.new" "$local_folder/env"
}

random_hex() { od -An -v -tx1 -N16 /dev/urandom | tr -d ' \n'; }
random_base64() { head -c 32 /dev/urandom | base64 -w 0; }
random_word() { tr -dc 'A-Z0-9' </dev/urandom 2>/dev/null | head -c 12 || true; }

# choose_port NAME WANTED: sets NAME to the port wanted or, when somebody listens there, to a free one, and says so.
choose_port() {
    local port=$2
    while is_taken "$port" || [[ " ${chosen_ports:-} " == *" $port "* ]]; do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
    done
    [ "$port" = "$2" ] || detail "port $2 is taken, so $1 is $port"
    chosen_ports="${chosen_ports:-} $port"
    printf -v "$1" '%s' "$port"
}

# Does anything listen on this TCP port? The kernel's own table knows, whatever address it listens on (state 0A).
is_taken() {
    local hex
    printf -v hex '%04X' "$1"
    grep -qsE "^ *[0-9]+: [0-9A-F]+:$hex [0-9A-F]+:0000 0A" /proc/net/tcp /proc/net/tcp6
}
