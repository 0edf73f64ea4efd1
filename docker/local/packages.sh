# Installs the Debian packages that are missing. Sourced, never run.
# shellcheck shell=bash

# To build: the C libraries below Shared/. To run: the servers, foreman, and what the scripts themselves call.
needed_packages=(
    libhiredis-dev libpq-dev libssl-dev pkg-config git ca-certificates
    redis-server postgresql nginx-light ruby-foreman curl iproute2 jq util-linux
)

# One of these gives the same thing, so it counts as installed.
stands_for() {
    case $1 in
        nginx-light) echo nginx nginx-core nginx-full nginx-extras ;;
        pkg-config) echo pkgconf ;;
    esac
}

is_installed() {
    local package
    # shellcheck disable=SC2046 # Because the answer is a list of words.
    for package in "$1" $(stands_for "$1"); do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ] || return 0
    done
    return 1
}

# Runs a command as root, through sudo where we are not.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif ! command -v sudo >/dev/null; then
        fail "needs root for: $* (there is no sudo here)"
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

install_packages() {
    local package missing=()
    command -v dpkg-query >/dev/null || fail "this is not Debian; install what stands for: ${needed_packages[*]}"
    for package in "${needed_packages[@]}"; do
        is_installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0

    step "Installing ${missing[*]}"
    without_starting_services install_now "${missing[@]}" || fail "apt-get could not install: ${missing[*]}"
}

install_now() {
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300)
    as_root "${apt[@]}" update </dev/null && as_root "${apt[@]}" install --no-install-recommends "$@" </dev/null
}

# Debian starts a server when it installs it, on the well-known port; ours are private ones. A policy that says no is
# Debian's own way to ask for that; one that the machine already has is left as it is.
without_starting_services() {
    local policy=/usr/sbin/policy-rc.d status=0
    if [ -e "$policy" ]; then
        "$@"
        return
    fi
    printf '#!/bin/sh\n# Lasts for one run of apt-get.\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    "$@" || status=$?
    as_root rm -f "$policy"
    return "$status"
}
