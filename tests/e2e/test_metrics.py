"""What an operator sees from outside: /metrics, a log line a call, and traces that go on.

The metrics are read by Prometheus' own parser, so that what it would refuse fails here.
"""

from __future__ import annotations

import concurrent.futures
import json
import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from harness.mcp import MODERN, settings_for
from harness.process import PATIENCE_S, SERVER, Process, environment, wait_for
from harness.sandbox import Sandbox
from prometheus_client.parser import text_string_to_metric_families

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
HOTFIX = {"project_id": "thelook", "branch": "hotfix"}


class Metrics:
    def __init__(self, text: str) -> None:
        self.samples: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        self.types: dict[str, str] = {}
        for family in text_string_to_metric_families(text):
            assert family.name not in self.types, f"{family.name} is there twice"
            assert family.documentation and family.type != "unknown", family.name
            self.types[family.name] = family.type
            for sample in family.samples:
                key = (sample.name, frozenset(sample.labels.items()))
                assert key not in self.samples, f"{key} is there twice"
                self.samples[key] = sample.value

    def get(self, name: str, **labels: str) -> float:
        return self.samples.get((name, frozenset(labels.items())), 0)


def scrape(server: Any, **headers: str) -> Metrics:
    status, answered, data = server.exchange("GET", "/metrics", None, headers)
    assert status == 200, data
    assert answered["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert data.endswith(b"\n")
    return Metrics(data.decode())


def post_call(server: Any, tool: str, arguments: dict[str, Any], headers: dict[str, str], **meta: str) -> Any:
    """Answer and response headers of a call that says what its _meta adds."""
    message = server.envelope("tools/call", {"name": tool, "arguments": arguments}, 1)
    message["params"].setdefault("_meta", {}).update(meta)
    status, answered, data = server.exchange(
        "POST", "/mcp", json.dumps(message).encode(), {**server.request_headers(message), **headers}
    )
    assert status == 200, data
    return json.loads(data)["result"], answered


def call_lines(server: Any, tool: str, count: int = 1) -> list[dict[str, Any]]:
    def lines() -> list[dict[str, Any]] | None:
        found = [e for e in server.process.log() if e["event"].startswith("mcp.call") and e["tool"] == tool]
        return found if len(found) >= count else None

    return wait_for(f"{count} log lines of {tool}", lines)


# ---- metrics ----


def test_numbers_of_all_threads(http: Any, looker: Sandbox) -> None:
    server = http(THREADS="3")
    before = scrape(server)
    assert before.get("looker_mcp_threads") == 3

    together = threading.Barrier(6)

    def some_calls(_: int) -> None:
        together.wait(PATIENCE_S)  # each on a thread, and so on a connection, of its own
        server.answer("whoami")
        server.answer("whoami")
        server.failure("query", {"model": 3})

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        list(pool.map(some_calls, range(6)))

    def all_counted() -> Metrics | None:
        """A call is counted right after its answer is sent, on its own thread."""
        now = scrape(server)
        durations = "looker_mcp_call_duration_seconds_count"
        return now if now.get(durations, tool="whoami") + now.get(durations, tool="query") == 18 else None

    after = wait_for("all calls to be counted", all_counted)
    assert after.get("looker_mcp_calls_total", tool="whoami", outcome="ok") == 12
    assert after.get("looker_mcp_calls_total", tool="query", outcome="error") == 6
    for suffix in ("count", "sum"):
        assert after.get(f"looker_mcp_call_duration_seconds_{suffix}", tool="whoami") > 0
    buckets = [
        (float(dict(labels)["le"]), value)
        for (name, labels), value in after.samples.items()
        if name == "looker_mcp_call_duration_seconds_bucket" and ("tool", "whoami") in labels
    ]
    counts = [value for _, value in sorted(buckets)]
    assert counts == sorted(counts) and counts[-1] == 12 and len(counts) > 5
    assert after.get("looker_mcp_upstream_requests_total", operation="me", code="2xx") == 12
    assert 1 <= after.get("looker_mcp_upstream_requests_total", operation="login", code="2xx") <= 3
    assert after.get("looker_mcp_sessions") == looker.state()["logins"]
    assert after.get("looker_mcp_connections") >= 1
    assert after.get("looker_mcp_connections_accepted_total") >= 7
    assert after.get("looker_mcp_http_responses_total", code="200") >= 19
    assert after.get("process_cpu_seconds_total") > 0
    assert after.get("process_resident_memory_bytes") > 1e6
    assert abs(after.get("process_start_time_seconds") - time.time()) < 3600
    assert after.types["looker_mcp_call_duration_seconds"] == "histogram"


def test_what_is_going_on(http: Any, looker: Sandbox) -> None:
    server = http(MAX_IN_FLIGHT="2", MAX_QUEUE="3")
    looker.rules({"operation": "me", "delay_ms": 800})
    with concurrent.futures.ThreadPoolExecutor(7) as pool:
        running = [pool.submit(server.call, "whoami") for _ in range(7)]

        def busy() -> Metrics | None:
            now = scrape(server)
            full = now.get("looker_mcp_calls_queued") == 3
            return now if full and now.get("looker_mcp_calls_refused_total") == 2 else None

        now = wait_for("a full queue", busy)
        assert now.get("looker_mcp_calls_in_flight") == 2
        for future in running:
            future.result()

    def quiet() -> Metrics | None:
        now = scrape(server)
        busy = now.get("looker_mcp_calls_in_flight") + now.get("looker_mcp_calls_queued")
        return now if busy == 0 and now.get("looker_mcp_calls_total", tool="whoami", outcome="ok") == 5 else None

    end = wait_for("the end of all calls", quiet)
    assert end.get("looker_mcp_calls_total", tool="whoami", outcome="error") == 2
    looker.obey()


def test_failures_of_looker(http: Any, looker: Sandbox) -> None:
    server = http()
    server.answer("list_connections")
    looker.rules({"operation": "all_connections", "status": 404})
    server.failure("list_connections")
    looker.rules({"operation": "all_connections", "status": 503, "times": 1})
    server.answer("list_connections")
    looker.obey()
    now = scrape(server)
    assert now.get("looker_mcp_upstream_requests_total", operation="all_connections", code="4xx") == 1
    assert now.get("looker_mcp_upstream_requests_total", operation="all_connections", code="5xx") == 1
    assert now.get("looker_mcp_upstream_requests_total", operation="all_connections", code="2xx") == 2
    assert now.get("looker_mcp_upstream_retries_total", reason="unavailable") == 1


def test_nothing_that_clients_make_up_is_a_label(http: Any) -> None:
    server = http()
    for n in range(20):
        server.exchange("GET", f"/made-up-{n}", None)
        message = server.envelope("tools/call", {"name": f"made_up_{n}", "arguments": {}}, 1)
        server.exchange("POST", "/mcp", json.dumps(message).encode(), server.request_headers(message))
    text = server.exchange("GET", "/metrics", None)[2].decode()
    assert "made" not in text
    assert Metrics(text).get("looker_mcp_http_responses_total", code="404") == 20


@pytest.mark.parametrize(
    ("settings", "open_to_all"),
    [({}, True), ({"METRICS_TOKEN": "m3trics"}, False), ({"MCP_AUTH_TOKEN": "callers"}, None)],
)
def test_who_may_read_them(http: Any, settings: dict[str, str], open_to_all: bool | None) -> None:
    headers = {"Authorization": "Bearer callers"} if "MCP_AUTH_TOKEN" in settings else {}
    server = http(headers=headers, **settings)
    status = server.exchange("GET", "/metrics", None)[0]
    assert status == {True: 200, False: 401, None: 404}[open_to_all]
    if open_to_all is False:
        wrong = server.exchange("GET", "/metrics", None, {"Authorization": "Bearer no"})
        assert wrong[0] == 401
        assert scrape(server, Authorization="Bearer m3trics").get("looker_mcp_threads") == 2
        assert "m3trics" not in server.process.stderr.decode()
    if open_to_all is None:
        assert server.exchange("GET", "/metrics", None, headers)[0] == 404
    assert server.exchange("POST", "/metrics", b"")[0] in (404, 405)


def test_not_from_a_strange_host(http: Any) -> None:
    server = http()
    assert server.exchange("GET", "/metrics", None, {"Host": "evil.example"})[0] == 403


def leases(server: Any, *names: str) -> list[float]:
    now = scrape(server)
    return [now.samples[(f"looker_mcp_{name}", frozenset())] for name in names]


def test_branches(http: Any, looker: Sandbox, tmp_path: Path) -> None:
    """What was counted is there at the first scrape; what a crash has left counts as well."""
    settings = {"STATE_DIR": str(tmp_path / "state")}
    command = [str(SERVER), "call", "validate_project", json.dumps(HOTFIX)]
    looker.rules({"operation": "validate_project", "delay_ms": 20_000, "times": 1})
    victim = Process(command, tmp_path, environment(tmp_path, settings_for(looker, **settings)), "the server")
    try:
        wait_for("the branch", lambda: looker.requests("validate_project") or None)
    finally:
        victim.discard()  # SIGKILL
    server = http(**settings)
    counted = ("leases_held", "leases_waiting", "leases_stuck", "branch_swaps_total", "branches_given_back_total")
    wait_for("the recovery", lambda: leases(server, *counted) == [0, 0, 0, 0, 1] or None)
    looker.rules({"operation": "validate_project", "delay_ms": 2_000, "times": 1})
    with concurrent.futures.ThreadPoolExecutor(1) as caller:
        caller.submit(server.call, "validate_project", HOTFIX)
        wait_for("the branch", lambda: leases(server, *counted) == [1, 0, 0, 1, 1] or None)
    assert leases(server, *counted) == [0, 0, 0, 1, 2], "nothing is told late"
    assert scrape(server).types["looker_mcp_leases_held"] == "gauge"


# ---- the log ----


def test_a_line_a_call(http: Any) -> None:
    server = http(LOG_LEVEL="INFO")
    _, answered = post_call(server, "whoami", {}, {"X-Request-Id": "from-the-gateway/1"})
    assert answered["x-request-id"] == "from-the-gateway/1"
    line = call_lines(server, "whoami")[0]
    assert line["event"] == "mcp.call" and line["level"] == "info" and line["outcome"] == "ok"
    assert line["request_id"] == "from-the-gateway/1" and line["bytes"] > 10 and line["ms"] >= 0
    assert "caller" not in line and "trace_id" not in line
    server.request("prompts/get", {"name": "explore_dataset"})
    assert "bytes" not in call_lines(server, "prompts/get")[0], "which are not counted"
    server.failure("query", {"model": 3})
    line = call_lines(server, "query")[0]
    assert line["event"] == "mcp.call_failed" and line["outcome"] == "error"
    assert line["kind"] == "argument"


@pytest.mark.parametrize("wrong", ["", "with space", "a" * 129, "quo\"te", "\xe4"])
def test_a_request_id_that_is_not_fit(http: Any, wrong: str) -> None:
    server = http()
    _, answered = post_call(server, "whoami", {}, {"X-Request-Id": wrong})
    assert re.fullmatch("[0-9a-f]{32}", answered["x-request-id"])
    assert call_lines(server, "whoami")[0]["request_id"] == answered["x-request-id"]


def test_calls_on_stdio_have_ids_too(stdio: Any) -> None:
    server = stdio()
    server.answer("whoami")
    server.answer("whoami")
    ids = {line["request_id"] for line in call_lines(server, "whoami", 2)}
    assert len(ids) == 2 and all(re.fullmatch("[0-9a-f]{32}", id_) for id_ in ids)


# ---- traces ----


def sent_headers(looker: Sandbox, operation: str) -> list[dict[str, str]]:
    return [request["headers"] for request in looker.requests(operation)]


@pytest.mark.parametrize("way", ["headers", "_meta"])
def test_a_trace_goes_on(http: Any, looker: Sandbox, way: str) -> None:
    server = http()
    context = {"traceparent": PARENT, "tracestate": "vendor=1,other=2", "baggage": "tenant=blue"}
    for _ in range(2):
        if way == "headers":
            post_call(server, "whoami", {}, context)
        else:
            post_call(server, "whoami", {}, {}, **context)
    assert call_lines(server, "whoami", 2)[0]["trace_id"] == TRACE
    parents = set()
    for headers in sent_headers(looker, "me"):
        match = re.fullmatch(f"00-{TRACE}-([0-9a-f]{{16}})-01", headers["traceparent"])
        assert match and match.group(1) not in ("00f067aa0ba902b7", "0" * 16)
        parents.add(match.group(1))
        assert headers["tracestate"] == "vendor=1,other=2" and headers["baggage"] == "tenant=blue"
    assert len(parents) == 2, "a span each"


def test_the_message_knows_better_than_a_header(http: Any, looker: Sandbox) -> None:
    server = http(revision=MODERN)
    other = "0" * 31 + "1"
    post_call(server, "whoami", {}, {"traceparent": f"00-{other}-00f067aa0ba902b7-01", "tracestate": "h=1"}, traceparent=PARENT)
    headers = sent_headers(looker, "me")[0]
    assert TRACE in headers["traceparent"] and "tracestate" not in headers


def test_on_stdio_by_meta(stdio: Any, looker: Sandbox) -> None:
    server = stdio()
    server.request(
        "tools/call", {"name": "whoami", "arguments": {}, "_meta": {"traceparent": PARENT}}
    )
    assert TRACE in sent_headers(looker, "me")[0]["traceparent"]


def test_none_is_made_up(http: Any, looker: Sandbox) -> None:
    server = http()
    post_call(server, "whoami", {}, {"traceparent": "00-nonsense", "tracestate": "a=1"})
    headers = sent_headers(looker, "me")[0]
    assert "traceparent" not in headers and "tracestate" not in headers
    assert "trace_id" not in call_lines(server, "whoami")[0]
