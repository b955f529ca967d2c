#!/usr/bin/env bash
# Measures the release build against the sandbox, with nginx as the yardstick, and prints a table:
# start-up, memory, calls a second and CPU a call at 1, 32 and 256 clients, what the session pool is
# worth, what a second thread is, 10,000 calls at once, latency added. Takes about two minutes; for
# figures worth quoting, let nothing else run meanwhile.
#
#   tools/bench.sh [SECONDS]    of load for each line (default 6)
# shellcheck source=tools/lib.sh
source "$(dirname "$0")/lib.sh"

seconds=${1:-6}
[[ $seconds =~ ^[1-9][0-9]?$ ]] || die "give the seconds of load for each line, 1 to 99, or nothing"

say "set-up: checking for missing packages"
tools/setup.sh bench
say "build: release (build/)"
build release looker-mcp-server looker-sandbox
exec "$(find_python 'import sys; assert sys.version_info >= (3, 9)')" tests/bench/bench.py \
    --build build --seconds "$seconds"
