"""Borrowing branches through several replicas that share a Redis, seen from outside: one swap for all
calls of a branch; Redis that is killed, away or empty; a replica that stands still.

Looker keeps one branch a user and project. Each query here has a limit that tells on which branch
it should run, and the sandbox notes on which it did.
"""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import json
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from harness.cell import BRANCHES, HOME, Cell
from harness.mcp import HttpServer, StdioServer, answer_text
from harness.process import wait_for
from harness.redis import Redis
from harness.sandbox import Sandbox

N_CALLS = 50


@pytest.fixture
def cell(looker: Sandbox) -> Cell:
    return Cell(looker)


def call_all(servers: list[HttpServer], cell: Cell, n: int = N_CALLS) -> Iterator[dict[str, Any]]:
    """n calls at once, of all branches in turn, shared out to the servers; what each came to."""

    def call(i: int) -> dict[str, Any]:
        server = servers[i // len(BRANCHES) % len(servers)]
        return server.call("query", cell.query(i % len(BRANCHES)))

    with concurrent.futures.ThreadPoolExecutor(n) as pool:
        yield from pool.map(call, range(n))


def assert_no_trouble(results: list[dict[str, Any]]) -> None:
    for result in results:
        assert not result["isError"], answer_text(result)
        assert "restore" not in json.loads(answer_text(result))


@contextlib.contextmanager
def all_wait(holder: StdioServer, cell: Cell, store: Redis) -> Iterator[None]:
    """Somebody holds the workspace as it is until N_CALLS wait for it: none is too late to join."""

    def n_claims() -> int:
        return store.command("HVALS", store.leases(cell.looker.url)).count(b'"what":"query"')

    cell.looker.rules({"operation": "create_query_task", "delay_ms": 30000, "times": 1})
    arguments = {**cell.production(0), "dev_mode": True}
    call = holder.start("tools/call", {"name": "query", "arguments": arguments})
    wait_for("the holder's query", lambda: bool(cell.looker.requests("create_query_task")))
    yield
    wait_for("all to wait", lambda: n_claims() == N_CALLS + 1)
    cell.forget()
    holder.notify("notifications/cancelled", {"requestId": call})


def test_replicas_share_a_swap(
    http: Any, stdio: Any, looker: Sandbox, cell: Cell, redis: Callable[..., Redis]
) -> None:
    store = redis(password="sesame")
    settings = {"LEASE_URL": store.url, "LEASE_TTL": "5"}
    replicas = [http(**settings) for _ in range(2)]
    store.is_old(looker.url)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with all_wait(stdio(**settings), cell, store):
            calls = pool.submit(lambda: list(call_all(replicas, cell)))
        assert_no_trouble(calls.result())
    assert cell.swaps() == collections.Counter(BRANCHES), "five swaps, not fifty"
    cell.assert_well(N_CALLS)
    for replica in replicas:
        assert b"sesame" not in replica.process.stderr


@pytest.mark.parametrize("keeps", [True, False], ids=["with its data", "empty"])
def test_redis_is_killed_and_started_again(
    http: Any, stdio: Any, looker: Sandbox, cell: Cell, redis: Callable[..., Redis], keeps: bool
) -> None:
    store = redis(keeps=keeps)
    settings = {"LEASE_URL": store.url, "LEASE_TTL": "6"}
    replicas = [http(**settings) for _ in range(2)]
    store.is_old(looker.url)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with all_wait(stdio(**settings), cell, store):
            calls = pool.submit(lambda: list(call_all(replicas, cell)))
        looker.rules({"operation": "create_query_task", "delay_ms": 200})
        wait_for("the second swap", lambda: len(cell.swaps()) >= 2)
        store.kill()
        time.sleep(0.3)
        store.start()
        results = calls.result()
    assert_no_trouble(results)
    assert cell.swaps() == collections.Counter(BRANCHES)
    cell.assert_well(N_CALLS)


def test_redis_is_away(
    http: Any, looker: Sandbox, cell: Cell, redis: Callable[..., Redis]
) -> None:
    store = redis()
    store.kill()
    server = http(LEASE_URL=store.url, LEASE_TTL="1")
    for arguments in (cell.query(0), {**cell.production(0), "dev_mode": True}):
        failure = server.failure("query", arguments)
        assert f"Redis at 127.0.0.1:{store.port} cannot be reached" in failure["error"]
        assert "LOOKER_LEASE_URL" in failure["error"]
    assert not looker.requests("create_query_task"), "nothing runs unguarded"
    assert not cell.checkouts()
    server.answer("query", cell.production(0))  # production needs no lease
    (warned,) = (e for e in server.process.log() if e["event"] == "lease.store_unusable")
    assert str(store.port) in warned["why"] and "--check" in warned["remedy"]
    store.start()
    server.answer("query", cell.query(0))
    cell.assert_well()


def test_a_redis_that_came_up_empty_is_waited_for_and_the_answer_says_so(
    http: Any, looker: Sandbox, cell: Cell, redis: Callable[..., Redis]
) -> None:
    store = redis()
    server = http(LEASE_URL=store.url, LEASE_TTL="3", CI_USERS="ada")
    pool = {"project_id": "thelook", "branch": "hotfix", "act_as_user": "pool"}
    store.command("FLUSHALL")
    with concurrent.futures.ThreadPoolExecutor(2) as callers:
        answers = [
            callers.submit(server.answer, "query", cell.query(0)),
            callers.submit(server.answer, "validate_project", pool),
        ]
    for answer in answers:
        assert "LOOKER_LEASE_TTL" in answer.result()["wait_note"]
    said = [e["nothing_begins_for_ms"] for e in server.process.log() if e["event"] == "lease.store_empty"]
    assert said and all(0 < ms <= 3000 for ms in said)
    assert "wait_note" not in server.answer("query", cell.query(0))
    store.command("FLUSHALL")
    hurried = http(LEASE_URL=store.url, LEASE_TTL="60", BRANCH_WAIT="0.3", CI_USERS="ada")
    assert "has come up empty, and for another" in hurried.failure("query", cell.query(0))["error"]
    assert "has come up empty" in hurried.failure("validate_project", pool)["detail"]


def test_redis_that_stands_still_for_too_long(
    http: Any, looker: Sandbox, cell: Cell, redis: Callable[..., Redis]
) -> None:
    store = redis()
    server = http(LEASE_URL=store.url, LEASE_TTL="2")
    store.is_old(looker.url)
    looker.rules({"operation": "create_query_task", "delay_ms": 2500, "times": 1})
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        call = pool.submit(server.call, "query", cell.query(0))
        wait_for("its query", lambda: bool(looker.requests("create_query_task")))
        store.signal(signal.SIGSTOP)
        try:
            result = call.result()  # others might have the branch by now, for all that it knows
        finally:
            store.signal(signal.SIGCONT)
    assert result["isError"] and "lease" in json.loads(answer_text(result))["error"]
    wait_for("the branch to be given back", lambda: cell.branch() == HOME)
    server.answer("query", cell.query(1))
    cell.assert_well()


def test_a_replica_that_stands_still_loses_its_lease(
    http: Any, looker: Sandbox, cell: Cell, redis: Callable[..., Redis]
) -> None:
    store = redis()
    still, other = (http(LEASE_URL=store.url, LEASE_TTL="2") for _ in range(2))
    store.is_old(looker.url)
    looker.rules({"operation": "create_query_task", "delay_ms": 300, "times": 1})
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        call = pool.submit(still.call, "query", cell.query(0))
        wait_for("its query", lambda: bool(looker.requests("create_query_task")))
        still.process.popen.send_signal(signal.SIGSTOP)
        try:
            other.answer("query", cell.query(1))  # waits until the lease has expired
        finally:
            still.process.popen.send_signal(signal.SIGCONT)
        result = call.result()
    assert result["isError"], "what it was told counts for nothing"
    assert "lease" in json.loads(answer_text(result))["error"]
    assert cell.checkouts() == [BRANCHES[0], HOME, BRANCHES[1], HOME], "it wrote nothing more"
    cell.assert_well()
