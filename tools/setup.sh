#!/usr/bin/env bash
# Installs what a Debian 12 machine lacks to build, test and demonstrate this project: packages of
# the distribution, by apt. Changes nothing, and takes no time, where nothing is missing.
#
#   tools/setup.sh          everything but what only the benchmark needs (redis-server, which the
#                           tests start themselves, is not started as a service)
#   tools/setup.sh build    to build and regenerate
#   tools/setup.sh demo     that, and Node.js
#   tools/setup.sh bench    that, and nginx and wrk (nginx is not started as a service)
# shellcheck source=tools/lib.sh
source "$(dirname "$0")/lib.sh"

build_packages=(gcc libc6-dev cmake ninja-build pkg-config
    libh2o-evloop-dev libcjson-dev libcurl4-openssl-dev libssl-dev libhiredis-dev libcmocka-dev
    python3 python3-jinja2 python3-yaml)
test_packages=(git ca-certificates openssl g++ clang clang-format valgrind libc6-dbg redis-server strace
    jq curl python3-pytest python3-pytest-timeout python3-pytest-xdist python3-jsonschema python3-venv chromium)
bench_packages=(nginx wrk)

modules=(libh2o-evloop libcjson libcurl openssl hiredis cmocka)

case ${1:-all} in
build) packages=("${build_packages[@]}") ;;
demo) packages=("${build_packages[@]}") node=yes ;;
bench) packages=("${build_packages[@]}" "${bench_packages[@]}") ;;
all) packages=("${build_packages[@]}" "${test_packages[@]}") node=yes ;;
*) die "unknown part \"$1\"; give build, demo, bench or nothing" ;;
esac

node_is_there() {
    command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' \
        2>/dev/null
}

# Not Debian 12: nothing is installed; if all that a build needs is there, that will do.
. /etc/os-release 2>/dev/null || true
if [ "${ID:-}" != debian ] || [ "${VERSION_ID:-}" != 12 ]; then
    lacking=()
    for command in gcc cmake ninja pkg-config python3; do
        command -v "$command" >/dev/null || lacking+=("$command")
    done
    for module in "${modules[@]}"; do
        pkg-config --exists "$module" 2>/dev/null || lacking+=("$module (for pkg-config)")
    done
    if [ "${node:-}" = yes ] && ! node_is_there; then
        lacking+=("node 18 or later, with npm")
    fi
    [ ${#lacking[@]} -eq 0 ] && exit 0
    printf 'tools/setup.sh installs packages on Debian 12 only; this is %s.\n' \
        "${PRETTY_NAME:-another system}" >&2
    printf 'Still missing here:\n' >&2
    printf '  %s\n' "${lacking[@]}" >&2
    printf 'On Debian 12 these packages bring them: %s nodejs npm\n' "${packages[*]}" >&2
    exit 1
fi

if [ "${node:-}" = yes ] && ! node_is_there; then
    if command -v node >/dev/null; then
        die "the node on PATH ($(command -v node), $(node --version 2>/dev/null || echo broken)) is" \
            "older than 18 or has no npm; upgrade it, or take it off PATH to get Debian's"
    fi
    packages+=(nodejs npm)
fi

mapfile -t missing < <(
    dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null |
        awk '$2 == "installed" { print $1 }' | sort -u |
        comm -13 - <(printf '%s\n' "${packages[@]}" | sort -u)
)
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null ||
        die "these packages are missing: ${missing[*]}; run this script as root, or install sudo"
    as_root=(sudo)
fi

say "installing: ${missing[*]}"
# A package that wants to start a service (nginx and redis-server do) is told not to, as Debian
# provides for.
policy=/usr/sbin/policy-rc.d
if [[ " ${missing[*]} " == *" nginx "* || " ${missing[*]} " == *" redis-server "* ]] &&
    [ ! -e $policy ]; then
    trap '"${as_root[@]}" rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
    "${as_root[@]}" chmod 755 $policy
fi
mkdir -p build
log=build/setup.log
run_quietly $log "apt-get update" "${as_root[@]}" apt-get update
run_quietly $log "installing ${missing[*]}" "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "${missing[@]}"
