# What the scripts say, and how they give up. Sourced, never run.
# shellcheck shell=bash

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
    bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
else
    bold='' dim='' green='' red='' plain=''
fi

# step TEXT: a new part of the story.
step() {
    printf '%s==>%s %s\n' "$bold" "$plain" "$*"
}

# detail TEXT: a line under a step.
detail() {
    printf '    %s%s%s\n' "$dim" "$*" "$plain"
}

# hop NAME TEXT: one process has had the purchase in its hands.
hop() {
    printf '    %s✓%s %-12s %s\n' "$green" "$plain" "$1" "$2"
}

warn() {
    printf '%swarning:%s %s\n' "$bold" "$plain" "$*" >&2
}

# fail TEXT: says why and ends the script; what it started is stopped by its exit trap.
fail() {
    printf '%serror:%s %s\n' "$red" "$plain" "$*" >&2
    exit 1
}

# show_end FILE: the last lines of a log, for a failure that somebody has to read.
show_end() {
    [ -s "$1" ] || return 0
    printf '%s--- the end of %s%s\n' "$dim" "$1" "$plain" >&2
    tail -n 25 "$1" >&2
}

# within SECONDS COMMAND…: repeats the command until it succeeds; fails when the time is over.
within() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.2
    done
}
