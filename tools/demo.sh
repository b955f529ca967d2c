#!/usr/bin/env bash
# Shows the server at work without a Looker: sets up, builds, starts the sandbox (a stand-in for
# Looker) and lets a real MCP client list the tools, run a query and print its rows, over stdio and
# over HTTP.
#
#   tools/demo.sh            the demonstration
#   tools/demo.sh --serve    leaves an HTTP server running and prints how to connect a client to it
#                            (on port 8080; PORT=9000 tools/demo.sh --serve takes another)
# shellcheck source=tools/lib.sh
source "$(dirname "$0")/lib.sh"

CREDENTIAL=demo
SERVER=$ROOT/build/looker-mcp-server
SANDBOX=$ROOT/build/looker-sandbox

serve=no
case ${1:-} in
'') ;;
--serve) serve=yes ;;
*) die "unknown option \"$1\"; give --serve or nothing" ;;
esac

prepare() {
    say "set-up: checking for missing packages"
    tools/setup.sh demo
    say "build: release (build/)"
    build release looker-mcp-server looker-sandbox
    [ "$serve" = yes ] || install_clients
}

start_sandbox() {
    say "sandbox: starting a stand-in for Looker"
    start_and_wait "$ROOT"/build/demo/sandbox.log '(https?://[^[:space:]/"]+)' looker-sandbox \
        "$SANDBOX" --port 0 --client-id $CREDENTIAL --client-secret $CREDENTIAL
    LOOKER_URL=$MATCH
    export LOOKER_BASE_URL=$LOOKER_URL LOOKER_CLIENT_ID=$CREDENTIAL LOOKER_CLIENT_SECRET=$CREDENTIAL
    say "sandbox: $LOOKER_URL"
}

# check_port PORT: says so, before anything is built, if somebody listens there.
check_port() {
    ! (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null ||
        die "port $1 is taken; choose another: PORT=9000 tools/demo.sh --serve"
}

# start_server PORT: over HTTP, on loopback.
start_server() {
    say "server: starting it for HTTP"
    start_and_wait "$ROOT"/build/demo/server.log '"port":([0-9]+)' looker-mcp-server \
        "$SERVER" --transport streamable-http --port "$1"
    MCP_URL=http://127.0.0.1:$MATCH/mcp
    say "server: $MCP_URL"
}

print_clients() {
    local env="\"LOOKER_BASE_URL\": \"$LOOKER_URL\", \"LOOKER_CLIENT_ID\": \"$CREDENTIAL\", \"LOOKER_CLIENT_SECRET\": \"$CREDENTIAL\""
    local stdio="{\"command\": \"$SERVER\", \"env\": {$env}}"
    cat <<TEXT

The server is running. Paste one of these, then ask for "revenue by product category in thelook".

Claude Code
  HTTP    claude mcp add --transport http looker $MCP_URL
  stdio   claude mcp add looker -e LOOKER_BASE_URL=$LOOKER_URL -e LOOKER_CLIENT_ID=$CREDENTIAL -e LOOKER_CLIENT_SECRET=$CREDENTIAL -- $SERVER

Claude Desktop, in claude_desktop_config.json (it starts the server itself)
  stdio   {"mcpServers": {"looker": $stdio}}

Cursor, in .cursor/mcp.json
  HTTP    {"mcpServers": {"looker": {"url": "$MCP_URL"}}}
  stdio   {"mcpServers": {"looker": $stdio}}

VS Code, in .vscode/mcp.json
  HTTP    {"servers": {"looker": {"type": "http", "url": "$MCP_URL"}}}
  stdio   {"servers": {"looker": {"type": "stdio", ${stdio#\{}}}

The sandbox makes its rows up: a category may come twice, and the order is arbitrary. Only a real
Looker has real numbers.

Ctrl-C stops the server and the sandbox.
TEXT
}

# Nobody's own settings or .env take part in the demonstration.
for variable in $(compgen -e | grep -E '^LOOKER' || true); do
    unset "$variable"
done
trap stop_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

[ "$serve" = no ] || check_port "${PORT:-8080}"
prepare
mkdir -p build/demo/empty
cd build/demo/empty
start_sandbox
if [ "$serve" = yes ]; then
    start_server "${PORT:-8080}"
    print_clients
    wait "${STARTED[-1]}" || die "the server ended; see build/demo/server.log"
    exit 0
fi
say "client: the official MCP SDK, over stdio"
node "$ROOT/tests/clients/demo.mjs" stdio "$SERVER" --log-level WARNING ||
    die "the client failed over stdio; see above and build/demo/sandbox.log"
start_server 0
say "client: the official MCP SDK, over HTTP"
node "$ROOT/tests/clients/demo.mjs" http "$MCP_URL" ||
    die "the client failed over HTTP; see above and build/demo/server.log"
say "done. tools/demo.sh --serve leaves it running for your own client"
