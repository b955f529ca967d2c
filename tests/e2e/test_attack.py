"""Hostile peers, from both sides: a Looker that was taken over, clients that do not read, starts
with streams missing. Each test is about something that once went wrong."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.evil import TOKEN, EvilLooker, reply
from harness.mcp import settings_for
from harness.process import PATIENCE_S, SERVER, environment
from harness.sandbox import CLIENT_SECRET, Sandbox


@pytest.fixture
def evil() -> Iterator[EvilLooker]:
    looker = EvilLooker()
    yield looker
    looker.close()


@pytest.fixture
def server(stdio: Any, evil: EvilLooker) -> Any:
    return stdio("--timeout", "5", upstream=evil.url)


def says_nothing_of(secret: str, failure: Any, server: Any) -> None:
    assert secret not in json.dumps(failure)
    assert secret not in server.process.stderr.decode("utf-8", "replace")


# ---- login ----


def test_a_token_of_one_second_is_used(server: Any, evil: EvilLooker) -> None:
    """Once it was taken for expired at once, and logging in never ended."""
    evil.login["expires_in"] = 1
    assert server.answer("list_connections", seconds=10) == {"count": 0, "total": 0, "items": []}
    assert evil.logins <= 2


@pytest.mark.parametrize(
    "token", ["a\r\nX-Evil: 1", "a\nb", "a\0b", "a b", "é", "x" * 5000], ids=lambda t: repr(t[:9])
)
def test_a_token_that_cannot_be_sent(server: Any, evil: EvilLooker, token: str) -> None:
    evil.login["access_token"] = token
    failure = server.failure("list_connections")
    assert "access_token" in failure["error"] and failure["kind"] == "parse"
    assert len(evil.heads) == 1, "nothing is sent with it"
    evil.login["access_token"] = TOKEN
    assert server.answer("list_connections")["count"] == 0


def test_an_error_page_that_repeats_the_login(server: Any, evil: EvilLooker) -> None:
    def repeat(head: str, body: bytes) -> bytes:
        return reply({"message": f"cannot take {body.decode()}"}, "422 Unprocessable")

    evil.login_answer = repeat
    failure = server.failure("list_connections")
    assert failure["status"] == 422
    says_nothing_of(CLIENT_SECRET, failure, server)


def test_an_error_page_that_repeats_the_token(server: Any, evil: EvilLooker) -> None:
    def repeat(head: str, body: bytes) -> bytes:
        return reply({"message": "see", "documentation_url": head}, "400 Bad Request")

    evil.answer = repeat
    failure = server.failure("list_connections")
    assert failure["status"] == 400 and "left out" in failure["detail"]
    says_nothing_of(TOKEN, failure, server)


# ---- answers ----


def test_a_redirect_is_not_followed(server: Any, evil: EvilLooker) -> None:
    other = EvilLooker()
    evil.answer = lambda head, body: reply(b"", "302 Found", f"Location: {other.url}/x\r\n")
    failure = server.failure("list_connections")
    assert failure["status"] == 302 and "LOOKER_BASE_URL" in failure["error"]
    assert other.heads == []
    other.close()


def test_a_header_line_without_end(server: Any, evil: EvilLooker) -> None:
    evil.answer = lambda head, body: b"HTTP/1.1 200 OK\r\nX: " + b"a" * 2_000_000
    failure = server.failure("list_connections")
    assert failure["kind"] == "limit" and "header" in failure["error"]


def test_a_compressed_answer_that_does_not_end(server: Any, evil: EvilLooker) -> None:
    import zlib

    def bomb(begin: bytes) -> bytes:
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        pieces = [packer.compress(begin)] + [packer.compress(b"a" * (1 << 20)) for _ in range(200)]
        return b"".join(pieces) + packer.flush()

    # A list is read as it comes, an object as a whole; neither gets far.
    for tool, begin in (("list_connections", b'["'), ("whoami", b'{"id":"')):
        data = bomb(begin)
        evil.answer = lambda head, body, data=data: reply(data, headers="Content-Encoding: gzip\r\n")
        assert server.failure(tool)["kind"] == "limit"
        assert server.process.resident_kib() < 400_000


def test_nothing_is_not_taken_for_an_answer(stdio: Any, looker: Sandbox) -> None:
    server = stdio()
    looker.rules({"operation": "me", "status": 204})
    assert server.failure("whoami")["kind"] == "parse"
    looker.obey()


# ---- streams ----


def start(looker: Sandbox, folder: Path, **streams: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [str(SERVER)], cwd=folder, env=environment(folder, settings_for(looker)), bufsize=0, **streams
    )


def test_a_log_that_nobody_reads(looker: Sandbox, tmp_path: Path) -> None:
    """Clients exist that open stderr and never look at it."""
    pipe = subprocess.PIPE
    process = start(looker, tmp_path, stdin=pipe, stdout=pipe, stderr=pipe)
    assert process.stdin and process.stdout and process.stderr
    watchdog = threading.Timer(PATIENCE_S, process.kill)
    watchdog.start()
    call = {"name": "whoami", "arguments": {"unknown": 1}}
    for id_ in range(2000):  # each logs a line
        message = {"jsonrpc": "2.0", "id": id_, "method": "tools/call", "params": call}
        process.stdin.write(json.dumps(message).encode() + b"\n")
        if id_ % 50 == 49:
            seen = b""
            while seen.count(b"\n") < 50:
                chunk = os.read(process.stdout.fileno(), 65536)
                assert chunk, f"it stopped after {id_} calls"
                seen += chunk
    process.stdin.close()
    assert process.wait(PATIENCE_S) == 0
    watchdog.cancel()
    process.stdout.close()
    process.stderr.close()


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_start_with_closed_streams(looker: Sandbox, tmp_path: Path, closed: str) -> None:
    ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}\n'
    result = subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" {closed}', str(SERVER)],
        cwd=tmp_path,
        env=environment(tmp_path, settings_for(looker)),
        input=ping.encode(),
        capture_output=True,
        timeout=PATIENCE_S,
    )
    assert result.returncode == 0
    reads = "<&-" not in closed and ">&-" not in closed.replace("2>&-", "").replace("<&-", "")
    assert result.stdout == (b'{"jsonrpc":"2.0","id":1,"result":{}}\n' if reads else b"")


def test_a_second_sigterm_does_not_wait(stdio: Any, looker: Sandbox) -> None:
    server = stdio()
    looker.rules({"operation": "me", "delay_ms": 60_000})
    id_ = server.start("tools/call", {"name": "whoami", "arguments": {}})
    time.sleep(0.3)
    began = time.monotonic()
    server.process.popen.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    server.process.popen.send_signal(signal.SIGTERM)
    assert server.finish(id_)["isError"] is True
    server.process.assert_clean_end(server.process.wait())
    assert time.monotonic() - began < 4.5, "the grace time of the first one is 5 s"
    looker.obey()


# ---- messages ----


def test_names_with_escapes(stdio: Any) -> None:
    """PHP's encoder writes "/" as "\\/" everywhere, member names included."""
    server = stdio(revision="2026-07-28")
    message = server.envelope("tools/list", None, 7)
    text = json.dumps(message).replace("/", "\\/").replace('"method"', '"m\\u0065thod"')
    assert server.raw_exchange(text.encode(), "tools/list")["result"]["resultType"] == "complete"


def test_one_request_for_all_readers(http: Any) -> None:
    """Bytes that a gateway in front could split into other requests than the server does."""
    server = http()
    ping = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
    head = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    for lengths in (
        b"Content-Length: 40\r\nContent-Length: 3\r\n",
        b"Content-Length: 40\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 40\r\nHost: evil.example\r\n",
        b"X-User-Email: ada@example.com\r\n .example\r\nContent-Length: 40\r\n",
        b"X-Some: thing\r\n\tX-User-Email: ada@example.com\r\nContent-Length: 40\r\n",
    ):
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE_S) as connection:
            chunked = b"28\r\n" + ping + b"\r\n0\r\n\r\n" if b"chunked" in lengths else ping
            connection.sendall(head + lengths + b"\r\n" + chunked + b"GET /hidden HTTP/1.1\r\n\r\n")
            seen = b""
            while chunk := connection.recv(65536):
                seen += chunk
        assert seen.startswith(b"HTTP/1.1 400 ") and seen.count(b"HTTP/1.1") == 1
