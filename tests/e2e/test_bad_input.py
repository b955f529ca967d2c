"""Bad input from clients: refused clearly, over both transports, and the server goes on."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

import pytest
from harness import schema
from harness.mcp import LEGACY

TRANSPORTS = ["stdio", "http"]
HUGE = 100 * 1024 * 1024


@pytest.fixture(params=TRANSPORTS)
def server(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)()


def exchange(server: Any, data: bytes) -> dict[str, Any]:
    """Sends bytes as one message and gives back the judged response."""
    if hasattr(server, "raw_exchange"):
        return server.raw_exchange(data)
    status, _, body = server.post(data, {"MCP-Protocol-Version": LEGACY})
    assert status in (200, 400, 413)
    answered = json.loads(body)
    schema.check_response(LEGACY, "tools/call", answered)
    return answered


def assert_goes_on(server: Any) -> None:
    assert server.process.alive()
    assert server.request("ping") == {}
    assert server.answer("whoami")


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b'{"jsonrpc":"2.0","id":1,"method":"ping"',
        b"nonsense",
        b'{"jsonrpc":"2.0",,}',
        b"{'jsonrpc':'2.0'}",
        b'{"jsonrpc":"2.0","id":1,"method":"ping"} {"more":1}',
        b'\x00{"jsonrpc":"2.0","id":1,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1,"method":"p\ting"}',
        b'{"jsonrpc":"2.0","id":01,"method":"ping"}',
        b"\xff\xfe{\x00}\x00",
    ],
)
def test_malformed_json(server: Any, data: bytes) -> None:
    answered = exchange(server, data)
    assert answered["error"]["code"] == -32700
    assert "id" not in answered
    assert_goes_on(server)


@pytest.mark.parametrize(
    "text",
    [
        b"\xff",
        b"\xc3",  # half a character
        b"\xc0\xaf",  # overlong
        b"\xed\xa0\x80",  # a surrogate
        b"\xf4\x90\x80\x80",  # beyond Unicode
    ],
)
def test_invalid_utf8(server: Any, text: bytes) -> None:
    data = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"%s"}}' % text
    answered = exchange(server, data)
    assert answered["error"]["code"] == -32700
    assert_goes_on(server)


@pytest.mark.parametrize(
    "message",
    [
        "[]",
        '"ping"',
        "17",
        "null",
        "{}",
        '{"jsonrpc":"1.0","id":1,"method":"ping"}',
        '{"id":1,"method":"ping"}',
        '{"jsonrpc":"2.0","id":1,"method":7}',
        '{"jsonrpc":"2.0","id":1}',
        '{"jsonrpc":"2.0","id":{"a":1},"method":"ping"}',
        '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[1]}',
        '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":"x"}',
    ],
)
def test_wrong_types_in_the_envelope(server: Any, message: str) -> None:
    answered = exchange(server, message.encode())
    assert answered["error"]["code"] in (-32600, -32602)
    assert_goes_on(server)


@pytest.mark.parametrize(
    "params",
    ["{}", '{"name":7}', '{"name":null}', '{"name":"query","arguments":[]}',
     '{"name":"query","arguments":"x"}'],
)
def test_wrong_types_in_a_call(server: Any, params: str) -> None:
    message = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":%s}' % params
    answered = exchange(server, message.encode())
    assert answered["id"] == 1
    assert answered.get("error", {}).get("code") == -32602 or answered["result"]["isError"]
    assert_goes_on(server)


@pytest.mark.parametrize("opening", [b'{"a":', b"["])
def test_nesting_10000_deep(server: Any, opening: bytes) -> None:
    closing = b"}" if opening.startswith(b"{") else b"]"
    deep = opening * 10000 + b"1" + closing * 10000
    call = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"query","arguments":%s}}'
    for data in (deep, call % deep, opening * 10000):
        answered = exchange(server, data)
        assert answered["error"]["code"] in (-32700, -32600), answered
        assert "nest" in answered["error"]["message"] or "deep" in answered["error"]["message"]
    assert_goes_on(server)


GOOD_QUERY = {"model": "thelook", "view": "orders", "fields": ["orders.count"]}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({**GOOD_QUERY, "limit": "ten"}, ["limit", "integer"]),
        ({**GOOD_QUERY, "limit": 1.5}, ["limit", "integer"]),
        ({**GOOD_QUERY, "limit": -3}, ["limit"]),
        ({**GOOD_QUERY, "fields": "orders.count"}, ["fields"]),
        ({**GOOD_QUERY, "fields": []}, ["fields"]),
        ({**GOOD_QUERY, "fields": ["orders.count", ["x"]]}, ["fields", "list"]),
        ({**GOOD_QUERY, "filters": ["orders.status"]}, ["filters", "object"]),
        ({**GOOD_QUERY, "filters": {"orders.status": [5]}}, ["filters", "orders.status", "list"]),
        ({**GOOD_QUERY, "dynamic_fields": [{"measure": "m"}]}, ["dynamic_fields", "JSON text"]),
        ({**GOOD_QUERY, "explore": "orders"}, ["explore", 'did you mean "view"']),
        ({}, ["model", "view", "fields"]),
        ({**GOOD_QUERY, "model": True}, ["model", "string"]),
        ({**GOOD_QUERY, "result_format": "sandwich"}, ["result_format", "sandwich"]),
        ({"view": "orders", "fields": ["orders.count"]}, ["model"]),
        ({**GOOD_QUERY, "filds": ["orders.count"]}, ["filds", "fields"]),
        ({**GOOD_QUERY, "surprise": 1}, ["surprise"]),
        ({**GOOD_QUERY, "limit": 10**18}, ["integer", "2^53"]),
    ],
)
def test_bad_arguments_are_explained(server: Any, arguments: dict[str, Any], named: list[str]) -> None:
    """A tool result with isError that names the argument; nothing reaches Looker."""
    error = server.failure("query", arguments)["error"]
    assert all(word in error for word in named), error
    assert_goes_on(server)


@pytest.mark.parametrize(
    "arguments",
    [
        {**GOOD_QUERY, "model": None},
        {**GOOD_QUERY, "model": "a\0b"},
        {**GOOD_QUERY, "filters": {"orders.status": None}},
    ],
)
def test_null_and_nul_are_refused(server: Any, arguments: dict[str, Any]) -> None:
    message = server.envelope("tools/call", {"name": "query", "arguments": arguments}, "x")
    answered = exchange(server, json.dumps(message).encode())
    assert "error" in answered or answered["result"]["isError"]
    assert_goes_on(server)


def test_a_number_is_taken_for_an_id(server: Any) -> None:
    """Ids are strings to Looker, and often numbers to a model."""
    assert server.answer("run_look", {"look_id": 1, "limit": 1})["look"]["id"] == "1"


def test_a_branch_is_refused_until_it_works(server: Any) -> None:
    error = server.failure("query", {**GOOD_QUERY, "branch": "x", "project_id": "thelook"})["error"]
    assert "branch" in error and '"x"' in error
    error = server.failure("query", {**GOOD_QUERY, "branch": "x", "project_id": "y"})["error"]
    assert 'project "y"' in error
    assert server.answer("query", {**GOOD_QUERY, "limit": 1})


def test_100_mb_on_stdio(stdio: Any) -> None:
    server = stdio()
    quiet = server.process.resident_kib()
    server.send_raw(b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"')
    for _ in range(100):
        server.send_raw(b"x" * (1024 * 1024))
    server.send_raw(b'"}}\n')
    answered = server.read("ping")
    assert answered["error"]["code"] in (-32600, -32700)
    assert "LOOKER_MAX_REQUEST_BYTES" in answered["error"]["message"]
    assert server.process.resident_kib() - quiet < 40 * 1024, "the line was kept in memory"
    assert_goes_on(server)


@pytest.mark.parametrize("chunked", [False, True])
def test_100_mb_over_http(http: Any, chunked: bool) -> None:
    server = http()
    quiet = server.process.resident_kib()
    head = "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    head += "Transfer-Encoding: chunked\r\n\r\n" if chunked else f"Content-Length: {HUGE}\r\n\r\n"
    piece = b"x" * (1024 * 1024)
    if chunked:
        piece = b"%x\r\n" % len(piece) + piece + b"\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(head.encode())
        try:
            for _ in range(100):
                connection.sendall(piece)
            if chunked:
                connection.sendall(b"0\r\n\r\n")
        except OSError:
            pass  # refused while it was still being sent: good
        try:
            response = http_response(connection)
        except (OSError, http.client.HTTPException):
            response = None  # the refusal was lost in the reset of the connection
    if response is not None:
        assert response == 413
    assert server.process.resident_kib() - quiet < 40 * 1024, "the body was kept in memory"
    assert_goes_on(server)



def http_response(connection: socket.socket) -> int:
    response = http.client.HTTPResponse(connection)
    response.begin()
    return response.status


def test_a_body_just_over_the_limit_names_the_limit(http: Any) -> None:
    server = http("--max-request-bytes", "20000")
    status, _, data = server.post(b'{"x":"' + b"x" * 20000 + b'"}', {"MCP-Protocol-Version": LEGACY})
    assert status == 413
    assert b"LOOKER_MAX_REQUEST_BYTES" in data
    assert_goes_on(server)


@pytest.mark.parametrize(
    "data",
    [
        b"GARBAGE\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # a TLS hello on a plain port
    ],
)
def test_what_is_not_http(http: Any, data: bytes) -> None:
    server = http()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass
    assert_goes_on(server)


def test_a_client_that_leaves_in_the_middle(http: Any) -> None:
    server = http(CORE_DUMPS="true")
    files = server.process.open_files()
    for _ in range(20):
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        connection.sendall(b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 500\r\n\r\n{")
        connection.close()
    assert_goes_on(server)
    assert server.process.open_files() <= files + 3


def test_an_unfinished_line_at_the_end_of_stdin(stdio: Any) -> None:
    server = stdio()
    server.send_raw(b'{"jsonrpc":"2.0","id":1,"method":"pi')
    server.close()
