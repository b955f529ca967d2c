"""Queries that take longer than anybody waits: progress, handles, and what happens in Looker when the
call ends first. A query of ten minutes takes some seconds here: the sandbox's clock runs faster."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from harness.mcp import LEGACY, MODERN, answer_text, settings_for
from harness.process import run, wait_for
from harness.sandbox import Sandbox

QUERY = {
    "model": "thelook",
    "view": "orders",
    "fields": ["orders.status", "orders.count"],
    "limit": 5,
    "validate": False,
}
TEN_MINUTES = 600
RUNS = {
    "query": QUERY,
    "run_query": {"query_id": "1"},
    "run_look": {"look_id": "1"},
}


def takes(looker: Sandbox, real_seconds: float) -> None:
    """From now on each query takes ten minutes, of which so many seconds are real."""
    looker.control(
        "POST", "/_sandbox/queries", {"seconds": TEN_MINUTES, "speed": TEN_MINUTES / real_seconds}
    )


def running(looker: Sandbox) -> int:
    return int(looker.state()["running_queries"])


def kills(looker: Sandbox) -> list[int]:
    return [r["status"] for r in looker.requests("kill_query")]


def soon(what: str, condition: Callable[[], bool]) -> None:
    wait_for(what, lambda: condition() or None, 10)


def operations(looker: Sandbox) -> list[str]:
    return [r["operation"] for r in looker.requests() if r["operation"] not in ("login", "logout")]


def start(server: Any, tool: str, arguments: dict[str, Any], **meta: Any) -> Any:
    params: dict[str, Any] = {"name": tool, "arguments": arguments}
    if meta:
        params["_meta"] = meta
    return server.start("tools/call", params)


def answer(result: dict[str, Any]) -> dict[str, Any]:
    assert not result.get("isError"), answer_text(result)
    return dict(json.loads(answer_text(result)))


# ---- what a short query costs ----


def test_a_short_query_costs_three_requests(stdio: Any, looker: Sandbox) -> None:
    server = stdio()
    assert server.answer("query", QUERY)["count"] == 5
    assert operations(looker) == ["create_query", "create_query_task", "query_task_results"]
    looker.control("DELETE", "/_sandbox/requests")
    assert server.answer("run_look", {"look_id": "1"})["count"] == 10
    assert operations(looker) == ["look", "create_query_task", "query_task_results"]
    assert running(looker) == 0


def test_what_runs_nothing_costs_one(stdio: Any, looker: Sandbox) -> None:
    takes(looker, 60)
    assert "SELECT" in stdio().answer("query", {**QUERY, "result_format": "sql"})["text"]
    assert operations(looker) == ["run_inline_query"]


# ---- waiting ----


@pytest.mark.parametrize("tool", RUNS)
def test_it_is_waited_for_with_progress(stdio: Any, looker: Sandbox, tool: str) -> None:
    """LOOKER_TIMEOUT bounds each request, not the work."""
    server = stdio("--timeout", "1")
    takes(looker, 1.3)
    id_ = start(server, tool, RUNS[tool], progressToken="t")
    assert answer(server.finish(id_))["count"] == (5 if tool == "query" else 10)
    told = [n["params"] for n in server.notifications if n["method"] == "notifications/progress"]
    assert len(told) >= 3 and all(p["progressToken"] == "t" for p in told)
    assert [p["progress"] for p in told] == sorted({p["progress"] for p in told})
    assert {p["message"].split(",")[0] for p in told} <= {"added", "running"}
    assert kills(looker) == []


def test_after_some_seconds_its_state_is_looked_at(stdio: Any, looker: Sandbox) -> None:
    server = stdio()
    takes(looker, 6.5)
    short = start(server, "query", QUERY, progressToken=1)
    soon("it", lambda: running(looker) == 1)
    takes(looker, 60)
    long = start(server, "run_look", {"look_id": "1"})
    assert answer(server.finish(short))["count"] == 5
    asked: dict[str, list[str]] = {}
    for request in looker.requests():
        if "/query_tasks/" in request["path"]:
            asked.setdefault(request["path"].split("/")[4], []).append(request["operation"])
    first, second = asked.values()
    at = first.index("query_task")
    assert set(first[:at]) == {"query_task_results"} and set(first[at:-1]) == {"query_task"}
    assert first[-1] == "query_task_results"
    # At first often, then less and less.
    assert 8 <= len(first) <= 16
    soon("a look at its state", lambda: len(looker.requests("query_task")) > len(first) - at)
    cancel(server, long)
    assert_killed(server, looker)


def test_a_failing_query_says_what_looker_says(stdio: Any, looker: Sandbox) -> None:
    server = stdio()
    takes(looker, 0.2)
    broken = {**QUERY, "fields": ["orders.status", "orders.broken"]}
    for result_format in ("json", "csv", "json_detail"):
        failure = server.failure("query", {**broken, "result_format": result_format})
        assert "column orders.broken does not exist" in failure["detail"]
    assert kills(looker) == []


def test_stopped_in_looker(stdio: Any, looker: Sandbox) -> None:
    server = stdio()
    takes(looker, 60)
    id_ = start(server, "query", QUERY)
    soon("the query", lambda: running(looker) == 1)
    (task,) = [q for q in server.answer("list_running_queries")["items"] if q["source"] == "api4"]
    server.answer("kill_query", {"query_task_id": task["query_task_id"]})
    failure = json.loads(answer_text(server.finish(id_)))
    assert "killed" in failure["detail"]


# ---- handles ----


@pytest.mark.parametrize("tool", RUNS)
def test_a_handle_is_redeemed(stdio: Any, looker: Sandbox, tool: str) -> None:
    server = stdio(QUERY_WAIT="0.3")
    takes(looker, 1.5)
    handle = server.answer(tool, {**RUNS[tool], "result_format": "csv"})
    assert handle["status"] == "running" and "get_query_result" in handle["how"]
    redeem = {"query_task_id": handle["query_task_id"]}
    assert server.answer("get_query_result", redeem)["query_task_id"] == handle["query_task_id"]
    rows = server.answer("get_query_result", {**redeem, "max_wait_seconds": 30})
    assert rows["format"] == "csv" and rows["text"].count("\n") >= 6
    # More than once, as long as Looker has it.
    assert server.answer("get_query_result", redeem) == rows
    assert len(looker.requests("create_query_task")) == 1 and kills(looker) == []


@pytest.mark.parametrize("tool", ["query", "run_query", "run_look"])
def test_the_call_says_how_long(stdio: Any, looker: Sandbox, tool: str) -> None:
    server = stdio(QUERY_WAIT="0.2")
    takes(looker, 1)
    assert server.answer(tool, {**RUNS[tool], "max_wait_seconds": 30})["count"]
    takes(looker, 60)
    assert server.answer(tool, {**RUNS[tool], "max_wait_seconds": 0})["query_task_id"]


def test_a_shell_waits_for_the_rows(looker: Sandbox, tmp_path: Path) -> None:
    """No client gives up there before the call does."""
    takes(looker, 1.5)
    settings = settings_for(looker)
    command = ["call", "query", json.dumps(QUERY)]
    checked = run(["--check"], tmp_path, settings).stdout
    assert "LOOKER_QUERY_WAIT=50 (default)" in checked
    ended = run(command, tmp_path, settings)
    assert ended.returncode == 0 and json.loads(ended.stdout)["count"] == 5
    ended = run(["--query-wait", "0.1", *command], tmp_path, settings)
    assert json.loads(ended.stdout)["query_task_id"]
    ended = run(["--call-timeout", "1", *command], tmp_path, settings)
    assert json.loads(ended.stdout)["query_task_id"], "before its time is over"


def test_any_replica_redeems_it(stdio: Any, looker: Sandbox) -> None:
    handle = stdio().answer("query", {**QUERY, "max_wait_seconds": 0})
    assert stdio().answer("get_query_result", {"query_task_id": handle["query_task_id"]})["count"] == 5


def test_the_call_ends_before_its_time_limit(stdio: Any, looker: Sandbox) -> None:
    server = stdio("--call-timeout", "2")
    takes(looker, 60)
    began = time.monotonic()
    id_ = start(server, "query", {**QUERY, "max_wait_seconds": 3600}, progressToken=1)
    assert answer(server.finish(id_))["query_task_id"]
    assert 1.5 <= time.monotonic() - began < 8
    assert running(looker) == 1 and kills(looker) == []


def test_its_time_runs_while_it_waits_for_its_turn(stdio: Any, looker: Sandbox) -> None:
    """What is left of it counts, or it would be cancelled and its query killed."""
    server = stdio("--call-timeout", "4", "--max-in-flight", "1")
    takes(looker, 60)
    first = start(server, "query", {**QUERY, "max_wait_seconds": 2})
    second = start(server, "query", {**QUERY, "limit": 7, "max_wait_seconds": 60})
    assert answer(server.finish(first))["query_task_id"]
    assert answer(server.finish(second))["query_task_id"]
    assert running(looker) == 2 and kills(looker) == []


def test_the_dev_workspace_is_not_left_to_a_query(stdio: Any, looker: Sandbox) -> None:
    """Which LookML it means is given back with the call, so it ends with it."""
    server = stdio("--call-timeout", "2", QUERY_WAIT="0.2")
    takes(looker, 60)
    failure = server.failure("query", {**QUERY, "dev_mode": True})
    assert failure["kind"] == "timeout" and "dev workspace" in failure["error"]
    assert "LOOKER_CALL_TIMEOUT" in failure["error"]
    assert_killed(server, looker)


def test_the_dev_workspace_waits_as_long_as_it_is_told(stdio: Any, looker: Sandbox) -> None:
    takes(looker, 60)
    failure = stdio().failure("query", {**QUERY, "dev_mode": True, "max_wait_seconds": 0.4})
    seconds = re.search(r"within (\d\.\d) s", failure["error"])
    assert seconds and 0.4 <= float(seconds[1]) < 10
    assert "max_wait_seconds" in failure["error"]
    soon("the kill", lambda: len(kills(looker)) == 1)


@pytest.mark.parametrize("id_", ["nonsense", "0" * 32, "../1", "%2e%2e"])
def test_a_handle_that_is_none(stdio: Any, looker: Sandbox, id_: str) -> None:
    failure = stdio().failure("get_query_result", {"query_task_id": id_})
    assert "run the query again" in failure["error"] or ".." in failure["error"]
    assert kills(looker) == []


def test_pages_of_a_result_that_is_there(stdio: Any, looker: Sandbox) -> None:
    server = stdio(MAX_RESULT_BYTES="1000")
    handle = server.answer("query", {**QUERY, "limit": 60, "max_wait_seconds": 0})
    page = server.answer("get_query_result", {"query_task_id": handle["query_task_id"]})
    rows = page["items"]
    while "cursor" in page:
        page = server.answer("run_query", {"cursor": page["cursor"]})
        rows += page["items"]
    assert len(rows) == 60 and "result_changed" not in page
    assert len(looker.requests("create_query_task")) == 1, "nothing ran again"


# ---- cancelling ----


def cancel(server: Any, id_: Any) -> None:
    server.notify("notifications/cancelled", {"requestId": id_, "reason": "no more wanted"})


def assert_killed(server: Any, looker: Sandbox) -> None:
    """One kill that was one, and nothing runs; the server goes on."""
    soon("the kill", lambda: kills(looker) == [204])
    assert running(looker) == 0
    assert server.answer("whoami")
    assert kills(looker) == [204]
    (line,) = [e for e in server.process.log() if e["event"] == "query.killed"]
    assert line["level"] == "info" and line["query_task_id"]


@pytest.mark.parametrize("tool", [*RUNS, "get_query_result"])
def test_cancelled_while_it_runs(stdio: Any, looker: Sandbox, tool: str) -> None:
    server = stdio()
    takes(looker, 60)
    arguments = RUNS.get(tool)
    if arguments is None:
        handle = server.answer("query", {**QUERY, "max_wait_seconds": 0})
        arguments = {"query_task_id": handle["query_task_id"]}
    id_ = start(server, tool, arguments)
    soon("a look", lambda: bool(looker.requests("query_task_results")))
    assert running(looker) == 1
    cancel(server, id_)
    assert_killed(server, looker)


def test_cancelled_while_looker_is_asked_to_run_it(stdio: Any, looker: Sandbox) -> None:
    """Looker has taken the request, but not answered it: nobody knows the id yet."""
    server = stdio()
    takes(looker, 60)
    looker.rules({"operation": "create_query_task", "delay_ms": 1500})
    id_ = start(server, "query", QUERY)
    soon("the request", lambda: bool(looker.requests("create_query_task")))
    assert running(looker) == 1
    cancel(server, id_)
    assert_killed(server, looker)


def test_cancelled_before_looker_was_asked(stdio: Any, looker: Sandbox) -> None:
    server = stdio()
    server.answer("whoami")
    takes(looker, 60)
    for rule in (
        {"operation": "create_query", "delay_ms": 1000},
        {"operation": "create_query_task", "status": 429, "retry_after": 3},
    ):
        looker.rules(rule)
        before = len(looker.requests())
        id_ = start(server, "query", QUERY)
        soon("the request", lambda: looker.requests()[-1]["operation"] == rule["operation"])
        assert len(looker.requests()) > before
        cancel(server, id_)
        looker.obey()
        assert server.answer("whoami")
    server.close()
    assert running(looker) == 0 and kills(looker) == []
    assert [r["status"] for r in looker.requests("create_query_task")] == [429]


def test_cancelled_while_its_rows_come(stdio: Any, looker: Sandbox) -> None:
    """Nothing runs any more; a kill that finds nothing does no harm."""
    server = stdio()
    looker.rules({"operation": "query_task_results", "drip_ms": 50})
    id_ = start(server, "query", {**QUERY, "limit": 500})
    soon("the rows", lambda: bool(looker.requests("query_task_results")))
    cancel(server, id_)
    assert server.answer("whoami")
    server.close()
    assert kills(looker) in ([], [404])


@pytest.mark.parametrize("slow", ["", "running"])
def test_cancelled_as_another_user(stdio: Any, looker: Sandbox, slow: str) -> None:
    """The kill is that user's too, and has the sessions of the call."""
    server = stdio(SESSION_POOL="false" if slow else "true")
    takes(looker, 60)
    id_ = start(server, "query", {**QUERY, "act_as_user": "2"})
    soon("a look", lambda: bool(looker.requests("query_task_results")))
    cancel(server, id_)
    soon("the kill", lambda: kills(looker) == [204])
    assert {r["user"] for r in looker.requests("kill_query")} == {"2"}
    server.close()
    state = looker.state()
    assert running(looker) == 0 and state["live_tokens"] == 0
    assert state["logins"] + state["sudo_logins"] == state["logouts"]


def test_a_dashboard_is_cancelled_tile_by_tile(stdio: Any, looker: Sandbox) -> None:
    server = stdio()
    takes(looker, 60)
    id_ = start(server, "run_dashboard", {"dashboard_id": "1"})
    soon("the tiles", lambda: running(looker) >= 3)
    time.sleep(0.3)
    tasks = len(looker.requests("create_query_task"))
    cancel(server, id_)
    soon("the kills", lambda: running(looker) == 0 and len(kills(looker)) >= 3)
    server.close()
    assert kills(looker) == [204] * len(looker.requests("create_query_task"))
    assert len(looker.requests("create_query_task")) <= tasks + 8


def test_the_time_limit_of_the_call(stdio: Any, looker: Sandbox) -> None:
    """It comes while Looker is slow to say that it runs: too late for a handle."""
    server = stdio("--call-timeout", "1")
    takes(looker, 60)
    looker.rules({"operation": "create_query_task", "delay_ms": 2000})
    assert "LOOKER_CALL_TIMEOUT" in server.failure("query", QUERY)["error"]
    soon("the kill", lambda: kills(looker) == [204])
    assert running(looker) == 0


def test_a_kill_that_fails_is_told(stdio: Any, looker: Sandbox) -> None:
    server = stdio()
    takes(looker, 60)
    looker.rules({"operation": "kill_query", "status": 403})
    id_ = start(server, "query", QUERY)
    soon("a look", lambda: bool(looker.requests("query_task_results")))
    cancel(server, id_)
    soon("the kill", lambda: bool(kills(looker)))
    server.close()
    assert kills(looker) == [403]
    (line,) = [e for e in server.process.log() if e["event"] == "query.kill_failed"]
    assert line["level"] == "warning" and line["query_task_id"]


def hurry(server: Any) -> None:
    """Ends it as somebody does who does not wait for calls to finish."""
    server.process.popen.terminate()
    time.sleep(0.2)
    server.process.popen.terminate()
    server.close()


@pytest.mark.parametrize("stage", ["create_query_task", "query_task_results"])
def test_shutdown(stdio: Any, looker: Sandbox, stage: str) -> None:
    server = stdio()
    takes(looker, 60)
    if stage == "create_query_task":
        looker.rules({"operation": stage, "delay_ms": 1500})
    start(server, "query", QUERY)
    soon("the request", lambda: bool(looker.requests(stage)))
    hurry(server)
    assert kills(looker) == [204] and running(looker) == 0
    assert looker.state()["live_tokens"] == 0


def test_shutdown_while_looker_does_not_answer(stdio: Any, looker: Sandbox) -> None:
    """Neither the kill nor the logout: the end comes all the same."""
    server = stdio()
    takes(looker, 60)
    start(server, "query", QUERY)
    soon("a look", lambda: bool(looker.requests("query_task_results")))
    looker.rules(
        {"operation": "kill_query", "delay_ms": 60_000}, {"operation": "logout", "delay_ms": 60_000}
    )
    began = time.monotonic()
    hurry(server)
    assert time.monotonic() - began < 15
    assert len(kills(looker)) == 1


@pytest.mark.parametrize("revision", [LEGACY, MODERN])
def test_a_client_that_disconnects(http: Any, looker: Sandbox, revision: str) -> None:
    """Has cancelled, in the revision without sessions; in the others it has not."""
    server = http(revision=revision)
    server.answer("whoami")
    takes(looker, 2.5)
    message = server.envelope("tools/call", {"name": "query", "arguments": QUERY}, 7)
    connection = HTTPConnection("127.0.0.1", server.port)
    body, headers = json.dumps(message), server.request_headers(message)
    connection.request("POST", "/mcp", body, headers)
    soon("a look", lambda: bool(looker.requests("query_task_results")))
    connection.close()
    if revision == MODERN:
        assert_killed(server, looker)
    else:
        soon("its end", lambda: running(looker) == 0)
        assert kills(looker) == []


# ---- dashboards ----


def test_a_dashboard_answers_what_is_there(stdio: Any, looker: Sandbox) -> None:
    server = stdio(QUERY_WAIT="0.5")
    takes(looker, 1.5)
    answer = server.answer("run_dashboard", {"dashboard_id": "1", "tiles": ["Users by State", "About"]})
    (tile,) = [t for t in answer["items"] if t["title"] == "Users by State"]
    assert answer["running"] == 1 and tile["status"] == "running"
    rows = server.answer(
        "get_query_result", {"query_task_id": tile["query_task_id"], "max_wait_seconds": 30}
    )
    assert {row["users.state"] for row in rows["items"]} == {"California"}


# ---- comparisons ----

COMPARED = {
    "project_id": "thelook",
    "branch": "feature/margin",
    "model": "thelook",
    "view": "orders",
    "fields": ["orders.id", "orders.count"],
    "limit": 4,
}


def test_both_sides_of_a_comparison_take_their_time(stdio: Any, looker: Sandbox) -> None:
    server = stdio("--timeout", "1", "--groups", "workflows", QUERY_WAIT="0.2")
    takes(looker, 1.5)
    id_ = start(server, "compare_query", COMPARED, progressToken="t")
    assert answer(server.finish(id_))["rows"]["added"] == 2
    told = [n["params"]["progress"] for n in server.notifications if n["method"] == "notifications/progress"]
    assert len(told) >= 3 and told == sorted(set(told))
    # Nobody could do anything with a half: it is waited for without progress as well.
    assert server.answer("compare_query", COMPARED)["rows"]["added"] == 2
    assert kills(looker) == []


def test_a_comparison_is_cancelled_on_both_sides(stdio: Any, looker: Sandbox) -> None:
    server = stdio("--groups", "workflows")
    takes(looker, 60)
    id_ = start(server, "compare_query", COMPARED)
    soon("both", lambda: running(looker) == 2)
    soon("a look at each", lambda: len({r["path"] for r in looker.requests("query_task_results")}) == 2)
    cancel(server, id_)
    soon("the kills", lambda: kills(looker) == [204, 204])
    assert running(looker) == 0
    server.close()
    (cell,) = looker.control("GET", "/_sandbox/cells")
    assert cell["branch"] != COMPARED["branch"], "the branch was given back"
