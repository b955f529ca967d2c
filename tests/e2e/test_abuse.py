"""Clients over HTTP that are slow, broken or hostile. Whatever they do, another client is answered
meanwhile, and nothing of them is left afterwards."""

from __future__ import annotations

import contextlib
import json
import resource
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from harness import schema
from harness.mcp import MODERN
from harness.process import PATIENCE_S, SANITIZED, wait_for
from harness.sandbox import Sandbox

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
HEAD = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
WHOLE = HEAD + b"Content-Length: 40\r\n\r\n" + PING
# What another client may have to wait, on a sanitized build and a busy machine.
SOON_S = 5.0


def connect(server: Any) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), PATIENCE_S)


def read_all(connection: socket.socket) -> bytes:
    """Until the server closes."""
    seen = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := connection.recv(1 << 20):
            seen += chunk
    return seen


def others_are_served(server: Any, times: int = 3) -> None:
    for _ in range(times):
        began = time.monotonic()
        with connect(server) as connection:
            connection.sendall(WHOLE)
            assert b'"result":{}' in connection.recv(65536)
        assert time.monotonic() - began < SOON_S


@pytest.fixture
def server(http: Any) -> Iterator[Any]:
    """One that has no file open more after the test than before."""
    server = http(
        REQUEST_TIMEOUT="1", MAX_REQUEST_BYTES="10000", CORE_DUMPS="true", MAX_CONCURRENCY="2"
    )
    server.answer("whoami")
    server.connection().close()
    before = 0

    def settled() -> bool | None:
        nonlocal before
        last, before = before, server.process.open_files()
        return last == before or None

    wait_for("the number of open files to settle", settled)
    yield server
    # but what the second thread needs for its first call to Looker
    wait_for("all of them to be gone", lambda: server.process.open_files() <= before + 4 or None)


@pytest.mark.parametrize(
    "beginning",
    [b"", b"P", HEAD, HEAD + b"X-A: ", HEAD + b"Content-Length: 400\r\n\r\n" + PING,
     HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"],
    ids=["nothing", "a byte", "headers", "a header", "a body", "chunks"],
)  # fmt: skip
def test_slow_clients(server: Any, beginning: bytes) -> None:
    """A byte now and then does not buy more time."""
    began = time.monotonic()
    slow = [connect(server) for _ in range(50)]
    for connection in slow:
        connection.sendall(beginning)
    others_are_served(server)
    while time.monotonic() - began < 0.8:
        time.sleep(0.1)
        with contextlib.suppress(OSError):
            slow[0].sendall(b"a" if beginning else b"")
    for connection in slow:
        assert read_all(connection) == b""
        connection.close()
    assert time.monotonic() - began < 1 + SOON_S


def test_half_open_clients(server: Any) -> None:
    half = [connect(server) for _ in range(50)]
    for n, connection in enumerate(half):
        connection.sendall(WHOLE[: n * 2])
        connection.shutdown(socket.SHUT_WR)
    others_are_served(server)
    for connection in half:
        assert read_all(connection) == b""
        connection.close()


def test_oversized_requests(server: Any) -> None:
    for head, status in (
        (HEAD + b"X: " + b"a" * 100_000 + b"\r\n", 431),
        (HEAD + b"".join(b"X-%d: a\r\n" % n for n in range(20_000)), 431),
        (HEAD + b"Content-Length: 10001\r\n\r\n" + b"a" * 10_001, 413),
        (HEAD + b"Content-Length: 18446744073709551615\r\n\r\n", 400),
        (HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + (b"400\r\n" + b"a" * 1024 + b"\r\n") * 10, 413),
        (b"POST /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 431),
    ):
        with connect(server) as connection:
            connection.sendall(head)
            connection.shutdown(socket.SHUT_WR)
            answer = read_all(connection)
        assert answer.startswith(b"HTTP/1.1 %d " % status), (head[:200], answer[:300])
        assert b'"error"' in answer or status == 400
    others_are_served(server)


def test_a_hundred_headers_and_more(server: Any) -> None:
    with connect(server) as connection:
        connection.sendall(HEAD + b"".join(b"X-%d: a\r\n" % n for n in range(200)) + b"\r\n")
        connection.shutdown(socket.SHUT_WR)
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 431 ") and b"more than 100" in answer
    with connect(server) as connection:
        connection.sendall(HEAD + b"".join(b"X-%d: a\r\n" % n for n in range(97)))
        connection.sendall(b"Content-Length: 40\r\n\r\n" + PING)
        assert b'"result":{}' in connection.recv(65536)
    others_are_served(server)


@pytest.mark.parametrize(
    "lengths",
    [
        b"Content-Length: 40\r\nContent-Length: 40\r\n",
        b"Content-Length: 40\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 40\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: identity\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: +40\r\n",
        b"Content-Length: 0x28\r\n",
        b"Content-Length: 40, 40\r\n",
        b"Content-Length: \r\n",
        b"X-Some: thing\nTransfer-Encoding: chunked\r\n",
        b"X-Some: thing\n\tother\r\nContent-Length: 40\r\n",
    ],
)
def test_smuggled_requests(server: Any, lengths: bytes) -> None:
    """What stands behind is not taken for a request, whatever its length is thought to be."""
    chunked = b"28\r\n" + PING + b"\r\n0\r\n\r\n" if b"chunked" in lengths else PING
    with connect(server) as connection:
        connection.sendall(HEAD + lengths + b"\r\n" + chunked + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 400 ") and answer.count(b"HTTP/1.1 ") == 1, answer
    others_are_served(server, 1)


@pytest.mark.parametrize("line", [b"28", b"28 28", b"28;x=\r1", b"28xyz", b"0x28"])
def test_nothing_is_read_behind_chunks(server: Any, line: bytes) -> None:
    """Where chunks end is read in more than one way; then what is behind them is, too."""
    hidden = b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connect(server) as connection:
        head = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head + line + b"\r\n" + PING + b"\r\n" + hidden)
        answer = read_all(connection)
    assert answer.count(b"HTTP/1.1 ") == 1 and b"\r\nConnection: close\r\n" in answer, answer
    assert (b'"result":{}' in answer) == (line != b"0x28")


def test_chunks_before_http_1_1(server: Any) -> None:
    head = HEAD.replace(b"1.1", b"1.0") + b"Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"
    with connect(server) as connection:
        connection.sendall(head + b"28\r\n" + PING + b"\r\n0\r\n\r\n")
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 400 ") and b"before HTTP/1.1" in answer


def test_pipelined_requests(server: Any) -> None:
    """All are answered, in order, and one that does not read them does not fill the memory."""
    count = 2000
    many = b"".join(WHOLE.replace(b'"id":1', b'"id":%d' % (n % 10)) for n in range(count))
    with connect(server) as connection:
        connection.settimeout(0.05)
        sent, seen = 0, b""
        while seen.count(b'"result":{}') < count:
            with contextlib.suppress(TimeoutError):
                sent += connection.send(many[sent:]) if sent < len(many) else 0
            with contextlib.suppress(TimeoutError):
                chunk = connection.recv(1 << 20)
                assert chunk, "closed"
                seen += chunk
    ids = [int(part[:1]) for part in seen.split(b'"id":')[1:]]
    assert ids == [n % 10 for n in range(count)]
    flood = connect(server)
    flood.settimeout(0.3)
    before = server.process.resident_kib()
    with contextlib.suppress(TimeoutError, ConnectionResetError, BrokenPipeError):
        for _ in range(200):
            flood.sendall(many)
    others_are_served(server)
    if not SANITIZED:  # a sanitizer keeps freed memory back on purpose
        assert server.process.resident_kib() < before + 8 * 1024
    flood.close()


def test_clients_that_close_early(server: Any, looker: Sandbox) -> None:
    looker.rules({"operation": "me", "delay_ms": 50})
    call = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami"}}'
    whole = HEAD + b"Content-Length: %d\r\n\r\n" % len(call) + call
    linger = b"\x01\0\0\0\0\0\0\0"  # close with a reset
    for n in range(200):
        connection = connect(server)
        connection.sendall(whole[: len(whole) - n % 3])
        if n % 2:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        connection.close()
    others_are_served(server)
    looker.obey()


def test_garbage(server: Any) -> None:
    for text in (
        b"\0" * 1000,
        b"\xff\xfe" * 1000,
        b"\r\n" * 5,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /mcp HTTP/1.1\nHost: localhost\n\n",
        HEAD + b"X\0Y: z\r\n\r\n",
        b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
        b"GET http://example.com/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ):
        with connect(server) as connection:
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
            answer = read_all(connection)
        assert not answer or answer.startswith(b"HTTP/1.1 4"), (text[:60], answer)
    others_are_served(server)


# ---- many connections ----


@pytest.fixture
def many() -> Iterator[list[socket.socket]]:
    """Where to put thousands of sockets; 10,000 where the limit on open files allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    held: list[socket.socket] = []
    yield held
    for connection in held:
        connection.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def count_of_idle() -> int:
    return min(10_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 1000)


def test_ten_thousand_idle_connections(http: Any, many: list[socket.socket]) -> None:
    server = http(REQUEST_TIMEOUT="60")
    before = server.process.resident_kib()
    for _ in range(count_of_idle()):
        many.append(connect(server))
    others_are_served(server)
    assert server.answer("whoami")
    assert (server.process.resident_kib() - before) / len(many) < 16, "KiB each"
    for connection in many[:: len(many) // 50]:
        connection.sendall(WHOLE)
        assert b'"result":{}' in connection.recv(65536), "none was closed"


def test_more_idle_connections_than_allowed(http: Any, many: list[socket.socket]) -> None:
    server = http(REQUEST_TIMEOUT="60", MAX_CONNECTIONS="500")
    for _ in range(count_of_idle() // 2):
        many.append(connect(server))
    others_are_served(server)
    server.connection().close()  # the longest idle of all
    assert server.answer("whoami")
    open_ones = sum(is_open(connection) for connection in many)
    assert 480 <= open_ones <= 500 and all(is_open(c) for c in many[-200:]), "the longest idle went"
    line = [e for e in server.process.log() if e["event"] == "http.connection_limit"]
    assert len(line) == 1 and line[0]["max_connections"] == 500


def is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False


def test_listeners_make_room(http: Any, many: list[socket.socket]) -> None:
    """Who has opened one subscription after the other does not shut anybody out; the oldest one is
    told that it has ended."""
    server = http(revision=MODERN, MAX_CONNECTIONS="8")
    message = server.envelope("subscriptions/listen", {"notifications": {}}, 7)
    headers = "".join(f"{k}: {v}\r\n" for k, v in server.request_headers(message).items())
    body = json.dumps(message)
    request = f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n{headers}\r\n{body}"
    for _ in range(8):
        many.append(connect(server))
        many[-1].sendall(request.encode())
        assert b"subscriptions/acknowledged" in many[-1].recv(65536)
    others_are_served(server)
    ended = read_all(many[0]).decode()
    [result] = [line[6:] for line in ended.split("\n") if line.startswith("data: ")]
    schema.check_response(MODERN, message["method"], json.loads(result))
    assert ended.endswith("\r\n0\r\n\r\n")
    assert is_open(many[-1]), "the others go on"


def test_probes_that_wait_make_room(http: Any, looker: Sandbox, many: list[socket.socket]) -> None:
    """Whether Looker answers is asked by anybody; while it does not, that takes nobody's place."""
    server = http(MAX_CONNECTIONS="4", REQUEST_TIMEOUT="60", THREADS="1")
    server.connection().close()
    looker.rules({"operation": "me", "delay_ms": 3000})
    for _ in range(4):
        many.append(connect(server))
        many[-1].sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(0.05)
    began = time.monotonic()
    others_are_served(server)
    assert time.monotonic() - began < 2
    assert b"HTTP/1.1 503 " in read_all(many[0])
    assert b"HTTP/1.1 200 " in many[-1].recv(65536), "the others go on"
    looker.obey()


def test_busy_connections_are_not_closed_for_others(
    http: Any, looker: Sandbox, many: list[socket.socket]
) -> None:
    server = http(MAX_CONNECTIONS="8", REQUEST_TIMEOUT="60")
    server.answer("whoami")
    server.connection().close()
    looker.rules({"operation": "me", "delay_ms": 1500})
    call = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami"}}'
    calling = [connect(server) for _ in range(6)]
    for connection in calling:
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(call) + call)
    time.sleep(0.3)
    for _ in range(100):
        many.append(connect(server))
    for connection in calling:
        assert b'"isError":false' in connection.recv(65536)
        connection.close()
    others_are_served(server)
    looker.obey()


@pytest.mark.parametrize("sent", ["a head", "a body"])
def test_clients_that_go_on_after_a_refusal_make_room(
    http: Any, many: list[socket.socket], sent: str
) -> None:
    """What they still send is taken in, so that they get to read the answer; but not for ever."""
    server = http(MAX_CONNECTIONS="8", MAX_REQUEST_BYTES="10000", REQUEST_TIMEOUT="60", THREADS="1")
    server.connection().close()
    too_much = {
        "a head": HEAD + b"X: " + b"a" * 100_000,
        "a body": HEAD + b"Content-Length: 1000000\r\n\r\n" + b"a" * 20_000,
    }[sent]
    for _ in range(8):
        many.append(connect(server))
        many[-1].sendall(too_much)
        assert many[-1].recv(65536).startswith(b"HTTP/1.1 4")
    others_are_served(server)
    assert is_cut(many[0], b"a") and not is_cut(many[-1], b"a"), "the longest of them went"


def test_many_large_requests_that_do_not_end(http: Any, many: list[socket.socket]) -> None:
    """What they take together is bounded, and the oldest of them make room for whoever comes."""
    server = http(MAX_CLIENT_BYTES=str(8 * 2**20), REQUEST_TIMEOUT="60", THREADS="1")
    part = HEAD + b"Content-Length: 60000\r\n\r\n" + b" " * 59_000
    for _ in range(160):  # 9.4 MB together
        many.append(connect(server))
        many[-1].sendall(part)
        others_are_served(server, 1)  # so it has been read
    assert is_cut(many[0], b" ") and is_cut(many[10], b" ")
    many[-1].sendall(b" " * 960 + PING)
    assert b'"result":{}' in many[-1].recv(65536)
    [line] = [e for e in server.process.log() if e["event"] == "http.memory_limit"]
    assert line["max_client_bytes"] == 8 * 2**20
    for connection in many:
        connection.close()
    many[:] = [connect(server) for _ in range(100)]  # nothing is counted twice, nor for ever
    for connection in many:
        connection.sendall(part)
        others_are_served(server, 1)
    assert all(is_open(connection) for connection in many)


def test_many_large_answers_that_are_not_taken(http: Any, many: list[socket.socket]) -> None:
    server = http(MAX_CLIENT_BYTES=str(2**20), MAX_REQUEST_BYTES="10000", REQUEST_TIMEOUT="60", THREADS="1")
    page = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for _ in range(8):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", server.port))
        many.append(connection)
        connection.sendall(page * 20)  # more than the kernel has room for
    wait_for(
        "the first ones to be cut off",
        lambda: (others_are_served(server, 1), server.exchange("GET", "/"))
        and any(e["event"] == "http.memory_limit" for e in server.process.log()),
    )
    others_are_served(server)


def is_cut(connection: socket.socket, more: bytes) -> bool:
    """Whether what is sent to it is answered with a reset."""
    connection.settimeout(PATIENCE_S)
    for _ in range(20):
        try:
            connection.sendall(more)
        except OSError:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("request_", [WHOLE, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"])
def test_clients_that_do_not_take_their_answers_make_room(
    http: Any, many: list[socket.socket], request_: bytes
) -> None:
    server = http(MAX_CONNECTIONS="4", REQUEST_TIMEOUT="60")
    server.connection().close()
    for _ in range(4):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(0.2)
        connection.connect(("127.0.0.1", server.port))
        many.append(connection)
        with contextlib.suppress(TimeoutError):  # until nothing more goes in: it waits for us
            while True:
                connection.sendall(request_ * 1000)
    others_are_served(server)
    for connection in many:  # the requests that it has sent are nobody's any more
        connection.close()
    others_are_served(server)
