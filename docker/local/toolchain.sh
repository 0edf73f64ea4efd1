# The Swift toolchain and what it leaves behind. Sourced, never run.
# shellcheck shell=bash

# Puts Swift on the PATH, from where its installers leave it, and refuses one that is too old.
find_swift() {
    local folder version
    for folder in "$HOME/.local/share/swiftly/bin" {/opt,/usr/share,/usr/local}/swift/usr/bin; do
        command -v swift >/dev/null && break
        [ ! -x "$folder/swift" ] || PATH=$PATH:$folder
    done
    command -v swift >/dev/null || fail "no Swift here; install 6.3 or later from https://www.swift.org/install/linux"
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9.]*\).*/\1/p')
    [ "$(printf '%s\n' 6.3 "$version" | sort -V | head -n 1)" = 6.3 ] || fail "Swift $version is too old; 6.3 is needed"
}

# Files of the build and of our data belong to whoever ran us last, perhaps root. With sudo we take them over;
# without it we say so.
own_folders() {
    local folder
    for folder in "$project/.build" "$project/.local"; do
        [ "$(id -u)" -ne 0 ] && [ -e "$folder" ] || continue
        [ -n "$(find "$folder" ! -user "$(id -u)" -print -quit 2>/dev/null)" ] || continue
        detail "taking over $folder, where some files are not ours"
        as_root chown -R "$(id -u):$(id -g)" "$folder"
    done
}

# SwiftPM locks a build by a file in the temporary directory that is named by the project's path and never removed. One
# that another user has left can't be opened, so then we have a temporary directory of our own; always the same one,
# because a change of TMPDIR makes SwiftPM build half of everything anew.
avoid_foreign_lock() {
    local folder=${TMPDIR:-/tmp}
    local lock=$folder/${project//\//_}_.build.lock own=$folder/gatehouse-$(id -u)
    [ -e "$lock" ] && [ "$(stat -c %u "$lock")" != "$(id -u)" ] || return 0
    mkdir -p "$own"
    [ "$(stat -c %u "$own")" = "$(id -u)" ] || fail "$own is not ours; remove it or set TMPDIR"
    chmod 711 "$own"  # the tests' Postgres may run as another user
    export TMPDIR=$own
}
