"""Renders as a client lives through them: progress while it waits, over stdio and HTTP, pictures of
any size, limits, and what becomes of a render whose client leaves."""

from __future__ import annotations

import base64
import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from harness import schema
from harness.mcp import LEGACY, MODERN, HttpServer, StdioServer, answer_text
from harness.process import wait_for
from harness.sandbox import Sandbox

PNG = b"\x89PNG\r\n\x1a\n"
LOOK = {"look_id": "1", "width": 320, "height": 200}
ENDLESS = {**LOOK, "width": 999}
ERAS = pytest.mark.parametrize("revision", [LEGACY, MODERN])


def picture(result: dict[str, Any]) -> bytes:
    (image,) = [item for item in result["content"] if item["type"] == "image"]
    return base64.b64decode(image["data"], validate=True)


def check_progress(told: list[dict[str, Any]]) -> None:
    assert [t["method"] for t in told] == ["notifications/progress"] * len(told)
    values = [t["params"]["progress"] for t in told]
    assert values == sorted(set(values)), "it grows"
    words = [t["params"]["message"].split(",")[0] for t in told]
    assert words == ["enqueued_for_query", "querying", "rendering"]
    assert {t["params"]["progressToken"] for t in told} == {"tell-me"}


# ---- a client that sees the stream as it comes ----


class Stream:
    """One POST to /mcp on a socket of its own; events are read when they are asked for."""

    def __init__(self, server: HttpServer, arguments: dict[str, Any], version: str = "1.1", **more: str):
        params = {"name": "render_look", "arguments": arguments, "_meta": {"progressToken": "tell-me"}}
        message = server.envelope("tools/call", params, 1)
        body = json.dumps(message).encode()
        headers = {**server.request_headers(message), "Host": "localhost", **more}
        lines = [f"POST /mcp HTTP/{version}", *(f"{k}: {v}" for k, v in headers.items())]
        self.revision = server.revision
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=30)
        self.socket.sendall("\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body)
        self.file = self.socket.makefile("rb")

    def head(self) -> dict[str, str]:
        assert self.file.readline() == b"HTTP/1.1 200 OK\r\n"
        headers = {}
        while line := self.file.readline().decode().strip():
            name, value = line.split(": ", 1)
            headers[name.lower()] = value
        self.chunked = headers.get("transfer-encoding") == "chunked"
        return headers

    def lines(self) -> Iterator[bytes]:
        """Of the body, to its end."""
        if not self.chunked:
            yield from self.file
            return
        pending = b""
        while size := int(self.file.readline(), 16):
            *whole, pending = (pending + self.file.read(size)).split(b"\n")
            yield from (line + b"\n" for line in whole)
            assert self.file.read(2) == b"\r\n"
        assert self.file.read(2) == b"\r\n" and pending == b""

    def messages(self) -> Iterator[dict[str, Any]]:
        event: list[bytes] = []
        for line in self.lines():
            if line != b"\n":
                event.append(line)
                continue
            assert event[0] == b"event: message\n" and len(event) == 2, event
            message = json.loads(event[1].removeprefix(b"data: "))
            if "method" in message:
                schema.check_notification(self.revision, message)
            else:
                schema.check_response(self.revision, "tools/call", message)
            yield message
            event = []
        assert not event


@ERAS
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_progress_over_http(http: Callable[..., HttpServer], revision: str, version: str) -> None:
    stream = Stream(http(revision=revision), LOOK, version)
    head = stream.head()
    assert head["content-type"] == "text/event-stream"
    assert head["cache-control"] == "no-cache" and head["x-accel-buffering"] == "no"
    assert head["connection"] == ("keep-alive" if version == "1.1" else "close")
    *told, response = stream.messages()
    check_progress(told)
    assert response["id"] == 1
    assert picture(response["result"]).startswith(PNG)
    if version == "1.0":
        assert stream.socket.recv(1) == b""


def test_progress_comes_while_it_renders(http: Callable[..., HttpServer], looker: Sandbox) -> None:
    looker.rules({"operation": "render_task", "delay_ms": 400})
    stream = Stream(http(), LOOK)
    stream.head()
    times = []
    for message in stream.messages():
        times.append((time.monotonic(), message))
    check_progress([m for _, m in times[:-1]])
    gaps = [b - a for (a, _), (b, _) in zip(times, times[1:], strict=False)]
    assert min(gaps) > 0.3, gaps


@ERAS
def test_progress_over_stdio(stdio: Callable[..., StdioServer], revision: str) -> None:
    server = stdio(revision=revision)
    params = {"name": "render_look", "arguments": LOOK, "_meta": {"progressToken": "tell-me"}}
    result = server.request("tools/call", params)
    check_progress(server.notifications)
    assert picture(result).startswith(PNG)


@pytest.mark.parametrize("accept", ["application/json", "*/*", "application/json, text/event-stream;q=0"])
def test_one_body_for_clients_that_take_no_stream(http: Callable[..., HttpServer], accept: str) -> None:
    stream = Stream(http(), LOOK, Accept=accept)
    head = stream.head()
    assert head["content-type"] == "application/json"
    response = json.loads(stream.file.read(int(head["content-length"])))
    assert picture(response["result"]).startswith(PNG)


# ---- clients that leave, and that do not read ----


def looks(looker: Sandbox) -> int:
    return len([r for r in looker.requests() if r["operation"] == "render_task"])


@ERAS
def test_a_client_that_leaves(http: Callable[..., HttpServer], looker: Sandbox, revision: str) -> None:
    server = http(revision=revision)
    stream = Stream(server, {**ENDLESS, "max_wait_seconds": 5})
    stream.head()
    next(iter(stream.messages()))
    stream.file.close()
    stream.socket.close()

    def ended() -> dict[str, Any] | None:
        found = (e for e in server.process.log() if e.get("tool") == "render_look")
        return next(found, None)

    entry = wait_for("the end of the call", ended)
    if revision == MODERN:
        assert entry["outcome"] == "cancelled" and entry["ms"] < 2500
        before = looks(looker)
        time.sleep(1)
        assert looks(looker) == before, "nobody looks on"
    else:
        assert entry["event"] == "mcp.call" and entry["ms"] >= 5000
    assert server.answer("whoami")["id"]


def test_a_client_that_reads_late(http: Callable[..., HttpServer]) -> None:
    server = http()
    stream = Stream(server, {**LOOK, "width": 8000, "height": 6000})
    time.sleep(2.5)
    assert server.answer("whoami")["id"], "nobody else waits"
    stream.head()
    *told, response = stream.messages()
    check_progress(told)
    data = picture(response["result"])
    assert data.startswith(PNG) and len(data) > 6_000_000


# ---- sizes and times ----


@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_large_pictures_arrive_whole(request: pytest.FixtureRequest, transport: str) -> None:
    server = request.getfixturevalue(transport)()
    result = server.call("render_look", {**LOOK, "width": 8000, "height": 8000}, seconds=60)
    data = picture(result)
    assert data.startswith(PNG) and data.endswith(b"IEND\xaeB`\x82")
    assert len(data) == json.loads(answer_text(result))["bytes"] > 8_000_000


def test_pictures_have_a_limit(stdio: Callable[..., StdioServer]) -> None:
    server = stdio(MAX_RENDER_BYTES="20000")
    large = {**LOOK, "width": 2000, "height": 1000}
    failure = server.failure("render_look", large)
    assert failure["kind"] == "limit"
    assert "20000 are allowed (LOOKER_MAX_RENDER_BYTES)" in failure["error"]
    assert "smaller width or height" in failure["error"]
    assert server.answer("render_look", {**large, "result_format": "jpg"})["bytes"] < 20000


def test_the_id_is_told_before_the_call_runs_out(stdio: Callable[..., StdioServer]) -> None:
    server = stdio(CALL_TIMEOUT="2")
    began = time.monotonic()
    answer = server.answer("render_look", ENDLESS)
    assert time.monotonic() - began < 2
    assert answer["status"] == "rendering"
    answer = server.answer("get_render", {"render_task_id": answer["render_task_id"], "max_wait_seconds": 0})
    assert answer["looker_status"] == "rendering"


def test_stdio_cancels_a_render(stdio: Callable[..., StdioServer], looker: Sandbox) -> None:
    server = stdio()
    id_ = server.start("tools/call", {"name": "render_look", "arguments": ENDLESS})
    wait_for("the first look", lambda: looks(looker) or None)
    server.notify("notifications/cancelled", {"requestId": id_})
    assert server.answer("whoami")["id"]
    before = looks(looker)
    time.sleep(1)
    assert looks(looker) == before
