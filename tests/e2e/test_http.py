"""The HTTP side: routes, who may call, and what a proxy or a browser may do."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from harness.mcp import LEGACY, HttpServer, settings_for
from harness.process import run, wait_for
from harness.sandbox import Sandbox

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
VERSION = {"MCP-Protocol-Version": LEGACY}


def test_health(http: Any, looker: Sandbox) -> None:
    server = http()
    status, _, _ = server.exchange("GET", "/healthz")
    assert status == 200
    assert looker.requests() == [], "liveness says nothing about Looker"


def test_readiness_asks_looker(http: Any, looker: Sandbox) -> None:
    server = http("--timeout", "2")
    assert server.exchange("GET", "/readyz")[0] == 200
    assert looker.requests("login")


def test_readiness_is_observed_not_remembered(http: Any, looker: Sandbox) -> None:
    """A token from before says nothing of now."""
    server = http("--timeout", "2")
    assert server.exchange("GET", "/readyz")[0] == 200
    looker.rules({"operation": "me", "status": 503})
    wait_for("the verdict to change", lambda: server.exchange("GET", "/readyz")[0] == 503 or None)


def test_not_ready_while_looker_is_away(http: Any, looker: Sandbox) -> None:
    server = http("--timeout", "2")
    looker.rules({"operation": "login", "status": 500})
    status, _, data = server.exchange("GET", "/readyz")
    assert status == 503 and data
    assert server.exchange("GET", "/healthz")[0] == 200


def test_ready_without_credentials(http: Any) -> None:
    """Where no API keys are configured, readiness cannot mean a login."""
    server = http(CLIENT_ID="", CLIENT_SECRET="")
    assert server.exchange("GET", "/readyz")[0] == 200


def test_without_credentials_looker_must_answer_all_the_same(http: Any) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        server = http(upstream=url, CLIENT_ID="", CLIENT_SECRET="")
        assert server.exchange("GET", "/readyz")[0] == 503


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "PATCH"])
def test_other_methods_are_405(http: Any, method: str) -> None:
    status, headers, _ = http().exchange(method, "/mcp", None, VERSION)
    assert status == 405
    assert "POST" in headers.get("allow", "")


def test_unknown_paths_are_404(http: Any) -> None:
    server = http()
    for path in ("/page", "/mcpx", "/mcp/extra", "/.env"):
        assert server.exchange("GET", path)[0] == 404, path


def test_notifications_are_accepted(http: Any) -> None:
    message = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5}}
    status, _, data = http().post(json.dumps(message).encode(), VERSION)
    assert (status, data) == (202, b"")


@pytest.mark.parametrize("accept", ["application/json", "*/*", None, "text/html"])
def test_accept_is_taken_leniently(http: Any, accept: str | None) -> None:
    headers = {"Content-Type": "application/json", **VERSION}
    if accept:
        headers["Accept"] = accept
    assert http().exchange("POST", "/mcp", PING, headers)[0] == 200


def test_a_missing_version_header_means_2025_03_26(http: Any) -> None:
    server = http()
    batch = b"[" + PING + b"]"
    status, _, data = server.post(batch)
    assert status == 200 and isinstance(json.loads(data), list)


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:3000", 200),
        ("http://127.0.0.1", 200),
        ("http://[::1]:9", 200),
        ("https://evil.example", 403),
        ("http://localhost.evil.example", 403),
        ("http://127.0.0.1.evil.example", 403),
        ("null", 403),
        ("http://", 403),
    ],
)
def test_origins(http: Any, origin: str, status: int) -> None:
    assert http().post(PING, {"Origin": origin, **VERSION})[0] == status


def test_origins_can_be_named(http: Any) -> None:
    server = http("--allowed-origins", "https://app.example.com,https://two.example.com")
    for origin, status in (
        ("https://app.example.com", 200),
        ("https://two.example.com", 200),
        ("https://three.example.com", 403),
        ("https://app.example.com.evil.example", 403),
    ):
        assert server.post(PING, {"Origin": origin, **VERSION})[0] == status, origin


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example"])
def test_a_foreign_host_is_refused_on_loopback(http: Any, host: str) -> None:
    """DNS rebinding: a page of evil.example whose name points at 127.0.0.1."""
    server = http(PUBLIC_URL="https://mcp.example.com/")
    status, _, body = server.post(PING, {"Host": host, **VERSION})
    assert status == 403 and b"LOOKER_ALLOWED_HOSTS" in body
    assert server.post(PING, {"Host": "mcp.example.com", **VERSION})[0] == 200


def test_a_bearer_token_is_demanded(http: Any) -> None:
    token = "a-static-token-for-the-test"
    started = http(MCP_AUTH_TOKEN=token, headers={"Authorization": f"Bearer {token}"})
    for header in (None, "Bearer wrong", f"Basic {token}", f"Bearer {token}x", "Bearer "):
        started.headers = {"Authorization": header} if header else {}
        status, headers, _ = started.post(PING, VERSION)
        assert status == 401, header
        assert headers["www-authenticate"].startswith("Bearer")
    started.headers = {"Authorization": f"Bearer {token}"}
    assert started.post(PING, VERSION)[0] == 200
    started.headers = {}
    assert started.exchange("GET", "/healthz")[0] == 200


def listening(server: HttpServer) -> list[str]:
    """The local addresses (hexadecimal, as /proc has them) that listen on the server's port."""
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            address, port = local.rsplit(":", 1)
            if state == "0A" and int(port, 16) == server.port:
                found.append(address)
    return found


def test_one_line_says_where_it_listens(http: Any) -> None:
    server = http()
    assert server.answer("whoami")
    lines = [entry for entry in server.process.log() if entry["event"] == "http.listening"]
    assert [(line["host"], line["port"], line["path"]) for line in lines] == [
        ("127.0.0.1", server.port, "/mcp")
    ]


def test_only_loopback_is_bound_by_default(http: Any) -> None:
    assert listening(http()) == ["0100007F"]


def test_another_host_is_obeyed_with_a_warning(http: Any) -> None:
    server = http("--host", "0.0.0.0")
    assert listening(server) == ["00000000"]
    assert any(entry.get("level") == "warning" for entry in server.process.log())
    assert server.answer("whoami")


def test_a_port_that_is_taken(looker: Sandbox, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        arguments = ["--transport", "streamable-http", "--port", str(port)]
        result = run(arguments, tmp_path, settings_for(looker))
    assert result.returncode == 2
    assert str(port) in result.stderr and "in use" in result.stderr


def test_connections_are_kept_and_pipelined(http: Any) -> None:
    server = http()
    one = (
        b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(PING), PING)
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(one * 3)
        received = b""
        while received.count(b'"result"') < 3:
            piece = connection.recv(65536)
            assert piece, received
            received += piece
    assert received.count(b"HTTP/1.1 200") == 3


def test_http2_is_not_offered(http: Any) -> None:
    server = http()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(
            b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade, HTTP2-Settings\r\n"
            b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
