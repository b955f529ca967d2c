# shellcheck shell=bash
# What the scripts of this folder share: where things are, how they speak, how they build. Sourced,
# never run. Every function either does its work or ends the script with one line that says what is
# wrong and what would help.

set -euo pipefail

# --help, for each of them: the comment at its head.
case ${1:-} in
-h | --help)
    sed -n '2,${ /^#/!q; /^# shellcheck/!s/^# \{0,1\}//p; }' "$0"
    exit 0
    ;;
esac

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034  # read by the scripts that source this file
JOBS=$(nproc 2>/dev/null || echo 2)
cd "$ROOT"

say() { printf '==> %s\n' "$*" >&2; }

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# run_quietly LOG WHAT COMMAND…: the output goes to LOG and is shown only when the command fails.
run_quietly() {
    local log=$1 what=$2
    shift 2
    mkdir -p "$(dirname "$log")"
    if ! "$@" >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        die "$what failed; the whole output is in ${log#"$ROOT"/}"
    fi
}

# The Python that has the packages of the distribution; another `python3` may come first on PATH.
find_python() {
    local candidate
    for candidate in /usr/bin/python3 python3; do
        if command -v "$candidate" >/dev/null && "$candidate" -c "$1" >/dev/null 2>&1; then
            command -v "$candidate"
            return
        fi
    done
    die "no python3 can run \"$1\"; run tools/setup.sh"
}

# build PRESET [TARGET…]: configures once, then builds what changed.
build() {
    local preset=$1 folder
    shift
    case $preset in
    release) folder=build ;;
    *) folder=build-$preset ;;
    esac
    if [ ! -f "$folder/build.ninja" ]; then
        run_quietly "$folder/configure.log" "configuring the $preset build" \
            cmake --preset "$preset"
    fi
    run_quietly "$folder/build.log" "the $preset build" \
        cmake --build "$folder" -j "$JOBS" ${1:+--target "$@"}
}

# install_npm FOLDER WHAT [FLAG…]: the npm packages of FOLDER, as its lock file names them; again
# only when that changed. The flags are for npm.
install_npm() {
    local folder=$1 what=$2
    shift 2
    local stamp=$folder/node_modules/.installed
    if [ ! -f "$stamp" ] || [ "$folder/package-lock.json" -nt "$stamp" ]; then
        say "installing $what (npm)"
        run_quietly build/npm.log "npm ci in $folder (is the npm registry reachable?)" \
            npm --prefix "$folder" ci --no-audit --no-fund "$@"
        touch "$stamp"
    fi
}

install_clients() { install_npm tests/clients "the MCP client packages"; }

install_authserver() { install_npm tests/authserver "an authorization server"; }

install_browser() { install_npm tests/browser "what drives the browser"; }

# Its scripts build what only its other programs need.
install_inspector() { install_npm tests/inspector "the MCP Inspector" --ignore-scripts; }

install_prism() { install_npm tests/prism "Stoplight Prism, which judges the requests to Looker"; }

# A Python environment that sees the distribution's packages and adds tests/e2e/requirements.txt.
install_venv() {
    local wanted=tests/e2e/requirements.txt
    local stamp=build/venv/.installed
    if [ ! -f "$stamp" ] || [ "$wanted" -nt "$stamp" ]; then
        say "installing MCP's published message types (pip, into build/venv)"
        mkdir -p build
        run_quietly build/venv.log "making build/venv" \
            "$(find_python 'import pytest, venv')" -m venv --clear --system-site-packages build/venv
        run_quietly build/pip.log "pip install -r $wanted (is the Python package index reachable?)" \
            build/venv/bin/python -m pip install --quiet --disable-pip-version-check -r "$wanted"
        touch "$stamp"
    fi
}

# Processes that a script started in the background; stop_all ends them, by id, newest first.
STARTED=()

stop_all() {
    local i pid
    for ((i = ${#STARTED[@]} - 1; i >= 0; i--)); do
        pid=${STARTED[i]}
        kill -TERM "$pid" 2>/dev/null || continue
        for _ in {1..50}; do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    STARTED=()
}

# start_and_wait LOG PATTERN WHAT COMMAND…: starts COMMAND in the background and waits until LOG,
# which takes both its outputs, has a line that matches PATTERN (extended regular expression).
# Sets MATCH to the first group.
start_and_wait() {
    local log=$1 pattern=$2 what=$3
    shift 3
    mkdir -p "$(dirname "$log")"
    : >"$log"
    "$@" >"$log" 2>&1 </dev/null &
    local pid=$!
    STARTED+=("$pid")
    local line
    for _ in {1..100}; do
        while IFS= read -r line; do
            if [[ $line =~ $pattern ]]; then
                # shellcheck disable=SC2034
                MATCH=${BASH_REMATCH[1]}
                return
            fi
        done <"$log"
        if ! kill -0 "$pid" 2>/dev/null; then
            tail -n 20 "$log" >&2
            die "$what ended at once; its last words are above"
        fi
        sleep 0.1
    done
    tail -n 20 "$log" >&2
    die "$what did not get ready within 10 seconds"
}
