# The private Postgres and Redis under .local/: their data lasts from run to run, they themselves do not.
# Sourced, never run.
# shellcheck shell=bash

redis_folder=$project/.local/redis
redis_pid='' postgres_pid=''

# Ends what an interrupted run left behind, before ports are chosen.
stop_leftover_servers() {
    stop_leftover "$(cat "$redis_folder/redis.pid" 2>/dev/null)" "$redis_folder" TERM
    choose_postgres_folder
    stop_leftover "$(head -n 1 "$postgres_folder/postmaster.pid" 2>/dev/null)" "$postgres_folder" INT
    # A process of another program may have the number that a crash left in this file; Postgres would then refuse.
    rm -f "$postgres_folder/postmaster.pid"
}

# MARK: Redis, as durable as in production: nothing is acknowledged that is not on disk

start_redis() {
    mkdir -p "$redis_folder"
    cat >"$redis_folder/redis.conf" <<CONF
bind 127.0.0.1
port $REDIS_PORT
requirepass $REDIS_PASSWORD
dir "$redis_folder"
pidfile "$redis_folder/redis.pid"
appendonly yes
appendfsync always
maxmemory-policy noeviction
save ""
CONF
    # A file written by us alone, so that the password is not in the list of processes.
    apart redis-server "$redis_folder/redis.conf" --daemonize no >>"$log_folder/redis.log" 2>&1
    redis_pid=$!
    echo "$redis_pid" >"$redis_folder/redis.pid"
    within 30 redis_answers || give_up "Redis did not start" "$log_folder/redis.log"
    detail "Redis on 127.0.0.1:$REDIS_PORT"
}

redis_answers() {
    ! is_gone "$redis_pid" || give_up "Redis stopped at once" "$log_folder/redis.log"
    [ "$(REDISCLI_AUTH=$REDIS_PASSWORD redis-cli -h 127.0.0.1 -p "$REDIS_PORT" ping 2>/dev/null)" = PONG ]
}

stop_redis() {
    [ -n "$redis_pid" ] || return 0
    stop_process "$redis_pid" TERM 30
    rm -f "$redis_folder/redis.pid"
    redis_pid=''
}

# MARK: Postgres, which refuses to run as root

start_postgres() {
    find_postgres_programs
    [ -s "$postgres_folder/PG_VERSION" ] || make_cluster

    apart "${as_postgres[@]}" "$postgres_programs/postgres" -D "$postgres_folder" -c listen_addresses=127.0.0.1 \
        -c port="$POSTGRES_PORT" -c unix_socket_directories= >>"$log_folder/postgres.log" 2>&1
    postgres_pid=$!
    within 60 postgres_answers || give_up "Postgres did not start" "$log_folder/postgres.log"
    [ "$(sql postgres "SELECT count(*) FROM pg_database WHERE datname = 'gatehouse'")" = 1 ] ||
        sql postgres "CREATE DATABASE gatehouse" >/dev/null
    detail "Postgres on 127.0.0.1:$POSTGRES_PORT"
}

# Under .local/, unless we are root and the user who has to run it could not walk there (/root is closed to others).
# `as_postgres` goes before a command that this user runs, from a folder it may be in; env and setpriv exec, so the
# process id is the command's own.
choose_postgres_folder() {
    postgres_folder=$local_folder/postgres
    postgres_user='' as_postgres=(env -C /)
    [ "$(id -u)" -eq 0 ] || return 0
    postgres_user=postgres
    if [ -e "$postgres_folder" ] && [ "$(stat -c %u "$postgres_folder")" -ne 0 ]; then
        postgres_user=$(stat -c %U "$postgres_folder")  # one who is not root was here before us
    fi
    as_postgres+=(setpriv --reuid="$postgres_user" --regid="$(id -g "$postgres_user")" --clear-groups --)
    chmod 711 "$local_folder"
    if ! "${as_postgres[@]}" test -x "$local_folder"; then
        postgres_folder=/var/lib/gatehouse-local/$(printf '%s' "$project" | cksum | cut -d ' ' -f 1)
        (umask 022 && mkdir -p "${postgres_folder%/*}")
        detail "$postgres_user can't reach $local_folder, so its data is in $postgres_folder"
    fi
}

find_postgres_programs() {
    local version root=/usr/lib/postgresql
    version=$(cat "$postgres_folder/PG_VERSION" 2>/dev/null || true)
    postgres_programs=$(find "$root" -mindepth 2 -maxdepth 2 -path "*/${version:-*}/bin" | sort -V | tail -n 1)
    [ -x "$postgres_programs/postgres" ] || fail "no server programs of Postgres ${version:-} under $root"
}

make_cluster() {
    detail "making a cluster in $postgres_folder"
    rm -rf "$postgres_folder"  # no PG_VERSION: an initdb that was interrupted
    mkdir -m 700 "$postgres_folder"
    printf '%s\n' "$POSTGRES_PASSWORD" >"$postgres_folder.password"
    [ -z "$postgres_user" ] || chown "$postgres_user" "$postgres_folder" "$postgres_folder.password"
    "${as_postgres[@]}" "$postgres_programs/initdb" --pgdata="$postgres_folder" --username=gatehouse --encoding=UTF8 \
        --locale=C.UTF-8 --auth=scram-sha-256 --pwfile="$postgres_folder.password" --no-instructions \
        >>"$log_folder/postgres.log" 2>&1 || give_up "initdb failed" "$log_folder/postgres.log"
    rm -f "$postgres_folder.password"
}

# sql DATABASE TEXT: prints the answer, bare.
sql() {
    PGPASSWORD=$POSTGRES_PASSWORD PGCONNECT_TIMEOUT=5 "$postgres_programs/psql" -X -At \
        -h 127.0.0.1 -p "$POSTGRES_PORT" -U gatehouse -d "$1" -v ON_ERROR_STOP=1 -c "$2"
}

postgres_answers() {
    ! is_gone "$postgres_pid" || give_up "Postgres stopped at once" "$log_folder/postgres.log"
    [ "$(sql postgres 'SELECT 1' 2>/dev/null)" = 1 ]
}

stop_postgres() {
    [ -n "$postgres_pid" ] || return 0
    stop_process "$postgres_pid" INT 30  # INT is Postgres's "fast": it ends sessions and writes a checkpoint
    postgres_pid=''
}
