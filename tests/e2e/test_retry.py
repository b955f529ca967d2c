"""Looker turns requests away or is not there: what is sent again, how often, and what never is."""

from __future__ import annotations

import email.utils
import socket
import threading
import time
from typing import Any

import pytest
from harness.evil import EvilLooker, reply
from harness.sandbox import Sandbox

SLACK_S = 8.0  # a sanitized build on two busy cores
QUERY = {"model": "thelook", "view": "orders", "fields": ["orders.status"], "validate": False}
READS = ("list_connections", {}, "all_connections")
ACTS = ("create_folder", {"name": "Twice?", "parent_id": "1"}, "create_folder")
DELETES = ("delete_look", {"look_id": "3"}, "delete_look")
BUILDS = ("start_pdt_build", {"model_name": "thelook", "view_name": "orders"}, "start_pdt_build")
ASKS = ("query_sql", QUERY, "run_inline_query")


@pytest.fixture
def server(stdio: Any) -> Any:
    server = stdio("--groups", "all")
    server.answer("whoami")  # the session, so that rules meet nothing else
    return server


def retries(server: Any, operation: str) -> list[dict[str, Any]]:
    return [
        e
        for e in server.process.log()
        if e["event"] == "looker.retry" and e["operation"] == operation
    ]


def tried(looker: Sandbox, operation: str) -> int:
    return len(looker.requests(operation))


@pytest.mark.parametrize(("tool", "arguments", "operation"), [READS, ACTS, DELETES, BUILDS, ASKS])
def test_after_a_429_anything_is_sent_again(
    server: Any, looker: Sandbox, tool: str, arguments: Any, operation: str
) -> None:
    looker.rules({"operation": operation, "status": 429, "retry_after": 0, "times": 2})
    assert server.answer(tool, arguments)
    assert tried(looker, operation) == 3
    assert [(e["try"], e["status"], e["level"]) for e in retries(server, operation)] == [
        (1, 429, "debug"),
        (2, 429, "debug"),
    ]


@pytest.mark.parametrize("status", [502, 503])
@pytest.mark.parametrize(
    ("case", "again"), [(READS, True), (DELETES, True), (ACTS, False), (BUILDS, False), (ASKS, False)]
)
def test_when_looker_is_unavailable_only_what_may_be_repeated_is(
    server: Any, looker: Sandbox, status: int, case: tuple[str, Any, str], again: bool
) -> None:
    tool, arguments, operation = case
    looker.rules({"operation": operation, "status": status, "times": 1})
    if again:
        assert server.answer(tool, arguments)
    else:
        assert server.failure(tool, arguments)["status"] == status
    assert tried(looker, operation) == 1 + again


@pytest.mark.parametrize(
    ("case", "again"), [(READS, True), (DELETES, True), (ACTS, False), (BUILDS, False), (ASKS, False)]
)
@pytest.mark.parametrize("taken", [True, False])
def test_a_cut_connection(
    server: Any, looker: Sandbox, case: tuple[str, Any, str], again: bool, taken: bool
) -> None:
    """Whether Looker had taken the request cannot be seen from here."""
    tool, arguments, operation = case
    # curl itself repeats once on a connection that was idle; so both are cut.
    cut: dict[str, Any] = {"cut_after_bytes": 0} if taken else {"drop": True}
    looker.rules({"operation": operation, **cut, "times": 2 if again else 1})
    if not again:
        failure = server.failure(tool, arguments)
        assert failure["kind"] == "network" and "tried" not in failure["error"]
        assert tried(looker, operation) == taken
    elif operation == "delete_look" and taken:
        assert server.failure(tool, arguments)["status"] == 404, "it is gone since the first time"
    else:
        assert server.answer(tool, arguments)
        assert len(retries(server, operation)) == 1


def test_it_ends(server: Any, looker: Sandbox) -> None:
    looker.rules({"operation": "all_connections", "status": 503})
    failure = server.failure("list_connections")
    assert failure["status"] == 503
    assert "tried 4 times within" in failure["error"]
    assert tried(looker, "all_connections") == 4
    pauses = [e["pause_ms"] for e in retries(server, "all_connections")]
    assert len(pauses) == 3
    for pause, most in zip(pauses, (250, 500, 1000), strict=True):
        assert most / 2 <= pause <= most


@pytest.mark.parametrize("status", [400, 404, 422, 500, 504])
def test_what_does_not_pass_is_not_tried_again(server: Any, looker: Sandbox, status: int) -> None:
    looker.rules({"operation": "all_connections", "status": status, "retry_after": 0})
    assert server.failure("list_connections")["status"] == status
    assert tried(looker, "all_connections") == 1


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_obeyed(server: Any, looker: Sandbox, form: str) -> None:
    value = "2" if form == "seconds" else email.utils.formatdate(time.time() + 3, usegmt=True)
    looker.rules(
        {"operation": "all_connections", "status": 503, "headers": {"retry-after": value}, "times": 1}
    )
    began = time.monotonic()
    assert server.answer("list_connections")
    assert time.monotonic() - began >= 1.5
    (retry,) = retries(server, "all_connections")
    assert 1000 <= retry["pause_ms"] <= 3250


@pytest.mark.parametrize("status", [429, 503])
def test_a_long_retry_after_is_told_instead(server: Any, looker: Sandbox, status: int) -> None:
    looker.rules({"operation": "all_connections", "status": status, "retry_after": 60})
    assert "wait 60 s" in server.failure("list_connections")["error"]
    assert tried(looker, "all_connections") == 1


def test_nothing_waits_beyond_the_end_of_the_call(stdio: Any, looker: Sandbox) -> None:
    server = stdio("--call-timeout", "3")
    server.answer("whoami")
    looker.rules({"operation": "me", "status": 503, "retry_after": 5})
    began = time.monotonic()
    failure = server.failure("whoami")
    assert time.monotonic() - began < 3, "it is known at once"
    assert "no time left" in failure["error"] and failure["status"] == 503
    assert tried(looker, "me") == 2


def test_cancelling_ends_the_pause(server: Any, looker: Sandbox) -> None:
    looker.rules({"operation": "all_connections", "status": 429, "retry_after": 14})
    id_ = server.start("tools/call", {"name": "list_connections", "arguments": {}})
    while not retries(server, "all_connections"):
        time.sleep(0.02)
    began = time.monotonic()
    server.notify("notifications/cancelled", {"requestId": id_})
    server.close()
    assert time.monotonic() - began < SLACK_S
    assert tried(looker, "all_connections") == 1


def test_the_login_is_tried_again(stdio: Any, looker: Sandbox) -> None:
    looker.rules({"operation": "login", "status": 503, "times": 2})
    assert stdio().answer("whoami")
    assert tried(looker, "login") == 3


def test_looker_comes_back(stdio: Any, looker: Sandbox) -> None:
    """Its port is closed at first: whatever the request does, it has not been sent."""
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{port.getsockname()[1]}"
        server = stdio("--groups", "all", upstream=url)
        failure = server.failure("create_folder", {"name": "A", "parent_id": "1"})
    assert "refused the connection" in failure["error"] and "tried 4 times" in failure["error"]
    assert "look before" not in failure["error"], "it cannot have happened"


# ---- LOOKER_MAX_CONCURRENCY ----


class Busy(EvilLooker):
    """Counts what it has under way at once; answers when it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.lock, self.go = threading.Lock(), threading.Event()
        self.now = self.most = 0
        self.answer = self._slowly

    def _slowly(self, head: str, body: bytes) -> bytes:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.go.wait(30)
        with self.lock:
            self.now -= 1
        return reply([])


@pytest.fixture
def busy() -> Any:
    looker = Busy()
    yield looker
    looker.go.set()
    looker.close()


def wait_until(busy: Busy, n: int) -> None:
    end = time.monotonic() + SLACK_S
    while busy.now < n:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_requests_to_looker_are_bounded(stdio: Any, busy: Busy) -> None:
    server = stdio("--max-concurrency", "3", upstream=busy.url)
    ids = [server.start("tools/call", {"name": "list_connections"}) for _ in range(12)]
    wait_until(busy, 3)
    time.sleep(0.2)
    busy.go.set()
    assert all(not server.finish(id_).get("isError") for id_ in ids)
    assert busy.most == 3


def test_a_turn_that_does_not_come_is_said_honestly(stdio: Any, busy: Busy) -> None:
    server = stdio("--max-concurrency", "2", "--call-timeout", "2", upstream=busy.url)
    ids = [server.start("tools/call", {"name": "list_connections"}) for _ in range(2)]
    wait_until(busy, 2)
    failure = server.failure("list_connections")
    assert failure["kind"] == "limit"
    assert "2 requests" in failure["error"] and "LOOKER_MAX_CONCURRENCY" in failure["error"]
    assert "not sent" in failure["error"]
    busy.go.set()
    for id_ in ids:
        server.finish(id_)
    assert busy.most == 2


def test_waiting_for_a_turn_does_not_eat_the_time_for_the_answer(stdio: Any, busy: Busy) -> None:
    server = stdio("--max-concurrency", "1", "--timeout", "2", upstream=busy.url)
    busy.answer = lambda head, body: (time.sleep(0.6), reply([]))[1]
    ids = [server.start("tools/call", {"name": "list_connections"}) for _ in range(4)]
    assert all(not server.finish(id_).get("isError") for id_ in ids), "2.4 s, one after the other"
