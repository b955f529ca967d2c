"""Whole results as files: links in answers, and the downloads that they lead to."""

from __future__ import annotations

import http.client as http_client
import json
import socket
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from harness.mcp import HttpServer
from harness.process import SANITIZED, wait_for
from harness.sandbox import Sandbox

MILLION = 1_000_000
WIDE = {"model": "thelook", "view": "orders", "fields": ["orders.id", "orders.status", "orders.count"]}


def link_in(result: dict[str, Any]) -> dict[str, Any]:
    """The resource_link of a result."""
    (block,) = [block for block in result["content"] if block["type"] == "resource_link"]
    return dict(block)


def export(server: HttpServer, **arguments: Any) -> str:
    """The path of a link to all rows of the wide query."""
    query = server.answer("query_url", WIDE)
    result = server.call("run_query", {"query_id": query["query_id"], "export": "csv", **arguments})
    link = link_in(result)
    assert link["uri"].startswith(f"http://127.0.0.1:{server.port}/export/")
    answer = json.loads(result["content"][0]["text"])
    assert answer["export"]["uri"] == link["uri"] and answer["export"]["expires_in_s"] == 600
    return urllib.parse.urlsplit(link["uri"]).path


@contextmanager
def download(
    server: HttpServer, path: str, headers: dict[str, str] | None = None
) -> Iterator[http_client.HTTPResponse]:
    connection = http_client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.request("GET", path, headers=headers or {})
        yield connection.getresponse()
    finally:
        connection.close()


def fetch(server: HttpServer, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    with download(server, path, headers) as response:
        return response.status, response.read()


def looker_s_own(looker: Sandbox, query_id: str, result_format: str, limit: int) -> bytes:
    """What Looker answers when it is asked directly."""
    connection = looker._connection()
    try:
        token = looker.token_of("1")
        path = f"/api/4.0/queries/{query_id}/run/{result_format}?limit={limit}"
        connection.request("GET", path, headers={"Authorization": f"token {token}"})
        return connection.getresponse().read()
    finally:
        connection.close()


@pytest.mark.parametrize("rows", [3, 1000 if SANITIZED else MILLION])
def test_csv_comes_byte_for_byte(http: Any, looker: Sandbox, rows: int) -> None:
    server = http()
    query_id = server.answer("query_url", WIDE)["query_id"]
    with download(server, export(server, limit=rows)) as response:
        assert response.status == 200
        assert response.getheader("content-type") == "text/csv"
        assert response.getheader("content-disposition") == f'attachment; filename="query-{query_id}.csv"'
        got = response.read()
    assert got == looker_s_own(looker, query_id, "csv", rows)
    assert got.count(b"\n") == rows + 1
    if not SANITIZED:
        assert server.process.peak_kib() * 1024 / 1e6 < 32


def test_json_lines(http: Any) -> None:
    rows = 2000 if SANITIZED else MILLION
    server = http()
    status, data = fetch(server, export(server, export="jsonl", limit=rows))
    assert status == 200
    lines = data.split(b"\n")
    assert lines.pop() == b"" and len(lines) == rows
    for number, line in enumerate(lines[:: rows // 1000]):
        assert json.loads(line)["orders.id"] == number * (rows // 1000) + 1
    if not SANITIZED:
        assert server.process.peak_kib() * 1024 / 1e6 < 32


def test_without_a_limit_it_is_all_that_may_be(http: Any) -> None:
    server = http(MAX_EXPORT_ROWS="1234", MAX_ROWS="10")
    status, data = fetch(server, export(server))
    assert status == 200 and data.count(b"\n") == 1235
    status, data = fetch(server, export(server, limit=5000))
    assert status == 200 and data.count(b"\n") == 1235


def test_only_some_columns(http: Any) -> None:
    server = http()
    _, data = fetch(server, export(server, export="jsonl", limit=3, fields=["orders.id"]))
    assert [json.loads(line) for line in data.splitlines()] == [{"orders.id": n} for n in (1, 2, 3)]


def test_a_cut_answer_links_to_all_of_it(http: Any) -> None:
    server = http()
    result = server.call("query", {**WIDE, "limit": 4000, "max_bytes": 2000})
    link = link_in(result)
    assert link["mimeType"] == "application/x-ndjson" and "4000" in link["description"]
    status, data = fetch(server, urllib.parse.urlsplit(link["uri"]).path)
    assert status == 200 and data.count(b"\n") == 4000
    result = server.call("query", {**WIDE, "limit": 4000, "max_bytes": 2000, "result_format": "csv"})
    assert link_in(result)["mimeType"] == "text/csv"
    whole = server.call("query", {**WIDE, "limit": 4})
    assert [block["type"] for block in whole["content"]] == ["text"]


def test_a_look(http: Any) -> None:
    server = http()
    result = server.call("run_look", {"look_id": "1", "export": "csv"})
    status, data = fetch(server, urllib.parse.urlsplit(link_in(result)["uri"]).path)
    assert status == 200 and data.startswith(b"Orders Status,")


def test_a_slow_reader_pauses_looker(http: Any) -> None:
    """What it does not take stays with Looker: neither the server nor the kernel has room for all."""
    server = http()
    path = export(server, limit=MILLION)
    raw = socket.create_connection(("127.0.0.1", server.port))
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    raw.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
    first = raw.recv(1000)
    assert first.startswith(b"HTTP/1.1 200")
    began = server.process.resident_kib()
    time.sleep(1)
    assert server.answer("whoami")  # others are served meanwhile
    raw.settimeout(60)
    got = len(first)
    while got < 3_000_000:
        got += len(raw.recv(65536))
    if not SANITIZED:
        assert server.process.resident_kib() - began < 2048
        assert server.process.peak_kib() * 1024 / 1e6 < 32
    raw.close()


def test_a_slow_reader_takes_nobody_s_turn(http: Any) -> None:
    """It is bounded by LOOKER_MAX_EXPORTS; the requests of calls are for those who wait for them."""
    server = http(THREADS="1", MAX_CONCURRENCY="1", CALL_TIMEOUT="10")
    path = export(server, limit=MILLION)
    with download(server, path) as response:
        assert len(response.read(1000)) == 1000
        assert server.answer("whoami")


def test_a_client_that_leaves_makes_room(http: Any) -> None:
    server = http(MAX_EXPORTS="1", THREADS="3")
    path = export(server, limit=MILLION)
    with download(server, path) as response:
        assert len(response.read(100_000)) == 100_000
        for _ in range(3):  # whichever thread it comes to
            status, body = fetch(server, path)
            assert status == 503 and b"(1, LOOKER_MAX_EXPORTS)" in body
    small = export(server, limit=10)
    assert wait_for("room for another download", lambda: fetch(server, small)[0] == 200)


def test_one_caller_gets_half_of_the_downloads(http: Any) -> None:
    server = http(MAX_EXPORTS="2")
    path = export(server, limit=MILLION)
    with download(server, path) as response:
        assert len(response.read(1000)) == 1000
        status, body = fetch(server, path)
        assert status == 503 and b"half of 2 (LOOKER_MAX_EXPORTS)" in body
        source = ("127.0.0.2", 0)
        other = http_client.HTTPConnection("127.0.0.1", server.port, source_address=source, timeout=60)
        other.request("GET", path)
        assert other.getresponse().status == 200
        other.close()


def test_links_that_are_none(http: Any) -> None:
    server = http()
    path = export(server, limit=10)
    assert fetch(server, path)[0] == 200
    assert fetch(server, path)[0] == 200  # more than once, until it expires
    for wrong in (path[:-1], path + "A", "/export/", path[:40] + "x" + path[41:], "/export/" + "A" * 9000):
        status, body = fetch(server, wrong)
        assert status == 400 and b"no link that this server" in body, wrong
    status, _ = fetch(server, "/export")
    assert status == 404
    connection = http_post(server, path)
    assert connection == 405


def http_post(server: HttpServer, path: str) -> int:
    connection = http_client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("POST", path, body=b"{}")
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize(
    "setting,start",
    [
        ("https://mcp.example.com/", "https://mcp.example.com/export/"),
        ("https://example.com/mcp//", "https://example.com/mcp/export/"),
    ],
)
def test_links_begin_with_the_public_address(http: Any, setting: str, start: str) -> None:
    server = http(PUBLIC_URL=setting)
    query_id = server.answer("query_url", WIDE)["query_id"]
    uri = server.answer("run_query", {"query_id": query_id, "export": "csv", "limit": 2})["export"]["uri"]
    assert uri.startswith(start)
    assert fetch(server, "/export/" + uri[len(start) :])[0] == 200


def test_replicas_take_each_other_s_links(http: Any) -> None:
    one, other = http(), http()
    path = export(one, limit=5)
    assert fetch(other, path)[0] == 200
    keyed, alike, else_ = (http(SIGNING_KEY=key * 16) for key in ("ab", "ab", "cd"))
    path = export(keyed, limit=5)
    assert [fetch(server, path)[0] for server in (alike, else_, one)] == [200, 400, 400]


def test_it_is_let_in_as_every_call_is(http: Any) -> None:
    bearer = {"Authorization": "Bearer let-me-in-please-0123456789"}
    server = http(MCP_AUTH_TOKEN="let-me-in-please-0123456789", headers=bearer)
    path = export(server, limit=5)
    assert fetch(server, path)[0] == 401
    assert fetch(server, path, bearer)[0] == 200


def test_it_runs_as_whom_the_call_ran(http: Any, looker: Sandbox) -> None:
    server = http()
    path = export(server, limit=5, act_as_user="2")
    assert fetch(server, path)[0] == 200
    assert [r["user"] for r in looker.requests("run_query")] == ["2"]
    # Whoever else comes with a link has their own rights, and no others.
    path = export(server, limit=5)
    assert fetch(server, path, {"X-User-Email": "grace@example.com"})[0] == 200
    assert looker.requests("run_query")[-1]["user"] == "3"
    status, body = fetch(server, path, {"X-User-Email": "nobody@example.com"})
    assert status == 403 and b"X-User-Email" in body
    assert len(looker.requests("run_query")) == 2


def test_what_fails_before_it_begins_says_why(http: Any, looker: Sandbox) -> None:
    server = http()
    path = export(server, limit=5)
    looker.rules({"operation": "run_query", "status": 404, "body": '{"message":"Not found"}'})
    status, body = fetch(server, path)
    assert status == 404 and "no access" in json.loads(body)["error"]
    looker.rules({"operation": "run_query", "status": 500, "body": "{}"})
    with download(server, path) as response:
        assert (response.status, response.reason) == (502, "Bad Gateway")
    looker.obey()
    assert fetch(server, path)[0] == 200
    counted = [
        line for line in fetch(server, "/metrics")[1].decode().split("\n") if "responses_total{" in line
    ]
    assert [n for n in counted if '"502"' in n] == ['looker_mcp_http_responses_total{code="502"} 1']
    assert [n for n in counted if '"200"' in n] == ['looker_mcp_http_responses_total{code="200"} 4']
    path = export(server, limit=5, export="jsonl")
    looker.rules({"operation": "run_query", "body": '[{"looker_error":"No such column"}]'})
    status, body = fetch(server, path)
    assert status == 502 and "No such column" in json.loads(body)["detail"]


def responses(server: HttpServer, status: int) -> int:
    _, _, metrics = server.exchange("GET", "/metrics")
    start = f'looker_mcp_http_responses_total{{code="{status}"}} '
    return sum(int(line[len(start) :]) for line in metrics.decode().splitlines() if line.startswith(start))


def test_it_is_logged_and_counted_as_every_call_is(http: Any, looker: Sandbox) -> None:
    server = http()
    path = export(server, limit=500)
    with download(server, path, {"X-Request-Id": "from-the-gateway/2"}) as response:
        assert response.getheader("x-request-id") == "from-the-gateway/2"
        data = response.read()

    def lines() -> list[dict[str, Any]] | None:
        return [entry for entry in server.process.log() if entry.get("tool") == "export"] or None

    (line,) = wait_for("the log line of the download", lines)
    assert line["request_id"] == "from-the-gateway/2" and line["outcome"] == "ok"
    assert line["bytes"] == len(data)
    _, _, metrics = server.exchange("GET", "/metrics")
    assert b'looker_mcp_calls_total{tool="export",outcome="ok"} 1\n' in metrics
    looker.rules({"operation": "run_query", "status": 500, "body": "{}"})
    with download(server, path) as response:
        assert (response.status, response.reason) == (502, "Bad Gateway")
        assert response.getheader("x-request-id")
    assert responses(server, 502) == 1
    looker.obey()
    before = responses(server, 200)
    assert fetch(server, path)[0] == 200
    assert responses(server, 200) == before + 2  # itself, and the scrape before


def test_a_batch_hands_out_links_as_well(http: Any) -> None:
    server = http(revision="2025-03-26")
    query_id = server.answer("query_url", WIDE)["query_id"]
    message = {"name": "run_query", "arguments": {"query_id": query_id, "export": "csv", "limit": 2}}
    _, _, data = server.post(
        json.dumps([server.envelope("tools/call", message, 1)]).encode(),
        {"MCP-Protocol-Version": "2025-03-26"},
    )
    (answered,) = json.loads(data)
    answer = json.loads(answered["result"]["content"][0]["text"])
    assert fetch(server, urllib.parse.urlsplit(answer["export"]["uri"]).path)[0] == 200


def test_what_breaks_off_is_no_whole_file(http: Any, looker: Sandbox) -> None:
    server = http()
    path = export(server, limit=50_000)
    looker.rules({"operation": "run_query", "cut_after_bytes": 300_000})
    with download(server, path) as response:
        assert response.status == 200
        with pytest.raises((http_client.IncompleteRead, ConnectionError)):
            response.read()
    assert server.answer("whoami")


def test_over_stdio_there_are_no_links(stdio: Any) -> None:
    server = stdio()
    failed = server.failure("run_query", {"query_id": "1", "export": "csv"})
    assert "HTTP" in failed["error"] and "cursor" in failed["error"]
    cut = server.call("query", {**WIDE, "limit": 4000, "max_bytes": 2000})
    assert [block["type"] for block in cut["content"]] == ["text"]


def test_a_stop_ends_downloads(http: Any) -> None:
    server = http()
    path = export(server, limit=MILLION)
    with download(server, path) as response:
        assert response.read(1000)
        server.close(30)
