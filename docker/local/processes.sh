# Starting, watching and stopping processes, and only those that are ours. Sourced, never run.
# shellcheck shell=bash

# apart COMMAND…: runs it in the background in a session of its own, so that Ctrl-C reaches us alone and we stop
# things in order. $! is its process id. It must not hold our lock (descriptor 9) when it outlives us.
apart() {
    setsid "$@" </dev/null 9>&- &
}

# stop_process PID SIGNAL SECONDS: asks, waits, and kills only what does not go in time.
stop_process() {
    kill -"$2" "$1" 2>/dev/null || return 0
    within "$3" is_gone "$1" && return 0
    warn "process $1 did not stop in $3 s and is killed"
    kill -KILL "$1" 2>/dev/null || true
}

# A child of ours that has ended stays in the table until we wait for it: that one is gone, too.
is_gone() {
    local state
    state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) || return 0
    [ -z "$state" ] || [ "$state" = Z ]
}

# stop_leftover PID FOLDER SIGNAL: ends a server that an interrupted run left behind. It is ours when it works in our
# folder; a number that has gone to somebody else's process is left alone.
stop_leftover() {
    [[ $1 =~ ^[0-9]+$ ]] || return 0
    [ -d "/proc/$1" ] || return 0
    local folder
    folder=$(readlink "/proc/$1/cwd") || fail "process $1 of $(stat -c %U "/proc/$1") may still use $2; stop it first"
    [ "$folder" = "$2" ] || return 0
    detail "stopping process $1, left over from an earlier run"
    stop_process "$1" "$3" 30
}

# Ends processes of the Procfile that an interrupted run left behind: they carry our mark in their environment.
stop_leftover_services() {
    local environment pid
    for environment in /proc/[0-9]*/environ; do
        pid=${environment//[!0-9]/}
        [ "$pid" != $$ ] || continue
        grep -qszxF "GATEHOUSE_LOCAL=$local_folder" "$environment" || continue
        detail "stopping process $pid, left over from an earlier run"
        stop_process "$pid" TERM 60
    done
}

# give_up TEXT LOG: fails with the reason before our eyes.
give_up() {
    show_end "$2"
    fail "$1; the whole story is in $2"
}
