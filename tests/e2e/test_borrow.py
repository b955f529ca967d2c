"""Calls that borrow a branch of a Looker user's dev workspace, and those that use it as it is: what they
see, that nobody gets in each other's way, and that what was checked out before is there afterwards,
whatever happens to the call."""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.client
import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness.mcp import MODERN, HttpServer, StdioServer, answer_text
from harness.process import PATIENCE_S, wait_for
from harness.sandbox import Sandbox

SERVICE, ADA = "1", "2"
MARGIN, HOTFIX, RETURNS = "feature/margin", "hotfix", "feature/returns"
ORDERS: dict[str, Any] = {
    "model": "thelook",
    "view": "orders",
    "fields": ["orders.id", "orders.count"],
    "limit": 4,
}
HERE = {"branch": MARGIN, "project_id": "thelook"}
IN_PRODUCTION, ON_MARGIN = [1, 2, 3, 4], [3, 4, 5, 6]
# A tool that is one call, what Looker does for it, and whether it finds all in order.
TOOL, RUNS, CHECKS_OUT = "validate_project", "validate_project", "update_git_branch"
VALID = {MARGIN: False, HOTFIX: True, RETURNS: False, "main": True, "dev-ada-lovelace-x2kq": True}
PROJECT = {"project_id": "thelook"}


def ids(answer: dict[str, Any]) -> list[int]:
    return [row["orders.id"] for row in answer["items"]]


def cells(looker: Sandbox) -> dict[tuple[str, str], dict[str, Any]]:
    return {(c["user"], c["project"]): c for c in looker.control("GET", "/_sandbox/cells")}


def branch(looker: Sandbox, user: str = SERVICE, project: str = "thelook") -> str | None:
    """What is checked out; None: nobody has looked yet."""
    cell = cells(looker).get((user, project))
    return cell["branch"] if cell else None


def switches(looker: Sandbox) -> int:
    return sum(c["switches"] for c in cells(looker).values())


def home(looker: Sandbox, user: str = SERVICE) -> str:
    """The branch that a user begins on."""
    return {SERVICE: "dev-sandbox-service-ff00", ADA: "dev-ada-lovelace-x2kq"}[user]


def is_home(looker: Sandbox, user: str = SERVICE) -> bool:
    """Back again, after it was away."""
    cell = cells(looker).get((user, "thelook"))
    return cell is not None and cell["switches"] >= 2 and cell["branch"] == home(looker, user)


def wait_home(looker: Sandbox, user: str = SERVICE) -> None:
    wait_for("the branch to be given back", lambda: is_home(looker, user) or None)


def slow(operation: str, ms: int = 20_000, **more: Any) -> dict[str, Any]:
    return {"operation": operation, "delay_ms": ms, **more}


def asked(looker: Sandbox, operation: str, n: int = 1) -> None:
    wait_for(f"{operation} at Looker", lambda: len(looker.requests(operation)) >= n or None)


def audited(server: StdioServer | HttpServer, n: int) -> list[dict[str, Any]]:
    """The lines of the audit, which may come after the answer."""

    def found() -> list[dict[str, Any]] | None:
        lines = [e for e in server.process.log() if e["event"] == "looker.audit.act_as_user"]
        return lines if len(lines) == n else None

    return wait_for("the lines of the audit", found)


# ---- the workflows that the documentation of the reference shows ----


@pytest.fixture
def ci_bot(stdio: Any) -> str:
    """The id of a user for CI."""
    made = stdio().answer(
        "provision_user", {"email": "ci-bot@example.com", "first_name": "CI", "last_name": "Bot"}
    )
    return str(made["user_id"])


PULL_REQUEST = {**ORDERS, **HERE, "act_as_user": "ci-bot@example.com"}


def test_one_call_validates_a_pull_request(stdio: Any, looker: Sandbox, ci_bot: str) -> None:
    server = stdio()
    assert ids(server.answer("query", PULL_REQUEST)) == ON_MARGIN
    cell = cells(looker)[ci_bot, "thelook"]
    assert cell["switches"] == 2 and cell["branch"] != MARGIN
    assert [e["target_user_id"] for e in audited(server, 1)] == [ci_bot]
    assert branch(looker) is None, "nobody else's workspace was touched"


def test_production_and_the_pull_request_are_compared(stdio: Any, looker: Sandbox, ci_bot: str) -> None:
    server = stdio()
    production = server.answer("query", ORDERS)
    pull_request = server.answer("query", PULL_REQUEST)
    assert (ids(production), ids(pull_request)) == (IN_PRODUCTION, ON_MARGIN)


def test_a_person_debugs_a_branch(stdio: Any, looker: Sandbox) -> None:
    server = stdio()
    server.answer("switch_git_branch", {**PROJECT, "branch_name": MARGIN})
    assert ids(server.answer("query", {**ORDERS, "dev_mode": True})) == ON_MARGIN
    two = {"file_id": "views/orders.view.lkml", "content": "#sandbox has_rows orders 2\n"}
    server.answer("update_file", {**PROJECT, **two})
    assert ids(server.answer("query", {**ORDERS, "dev_mode": True})) == IN_PRODUCTION[:2]
    assert ids(server.answer("query", ORDERS)) == IN_PRODUCTION
    server.answer("switch_git_branch", {**PROJECT, "branch_name": "main"})
    assert branch(looker) == "main"


def test_somebody_elses_workspace_is_cleaned_up(stdio: Any, looker: Sandbox) -> None:
    looker.control("POST", "/_sandbox/cells", {"user": ADA, "project": "thelook", "branch": RETURNS})
    arguments = {"project_id": "thelook", "branch_name": "main", "act_as_user": "ada@example.com"}
    stdio().answer("switch_git_branch", arguments)
    assert branch(looker, ADA) == "main"


# ---- CI users ----

CI_USERS = "ada, grace@example.com,4"
POOL = {**PROJECT, "act_as_user": "pool"}


def test_branches_fan_out_over_the_ci_users(http: Any, looker: Sandbox) -> None:
    server = http(CI_USERS=CI_USERS, THREADS="1")
    looker.rules(slow(RUNS, 500))
    with concurrent.futures.ThreadPoolExecutor(4) as callers:
        wanted = [MARGIN, HOTFIX, RETURNS, MARGIN]
        answers = list(callers.map(lambda name: server.answer(TOOL, {**POOL, "branch": name}), wanted))
    users = [a["ci_user"]["id"] for a in answers]
    assert sorted(users[:3]) == ["2", "3", "4"] and users[3] == users[0]
    assert [a["valid"] for a in answers] == [VALID[name] for name in wanted]
    assert {r["user"]: r["branch"] for r in looker.requests(RUNS)} == dict(zip(users, wanted))
    assert all(c["switches"] == 2 for c in cells(looker).values())
    audit = audited(server, 4)
    assert sorted(e["target_user_id"] for e in audit) == sorted(users)
    assert {e["triggered_by"] for e in audit} == {"pool"}


def test_a_fourth_branch_waits_for_a_ci_user(http: Any, looker: Sandbox) -> None:
    server, other = (http(CI_USERS="2", THREADS="1", BRANCH_WAIT="0.4") for _ in range(2))
    looker.rules(slow(RUNS, 1500, times=1))
    with concurrent.futures.ThreadPoolExecutor(1) as caller:
        first = caller.submit(server.answer, TOOL, {**POOL, "branch": MARGIN})
        asked(looker, RUNS)
        busy = server.failure(TOOL, {**POOL, "branch": HOTFIX})
        assert "LOOKER_BRANCH_WAIT" in busy["error"] and MARGIN in busy["detail"]
        elsewhere = other.failure(TOOL, {**POOL, "branch": HOTFIX})["detail"]
        assert f"2 is in use by 1 other call ({TOOL}) on branch {MARGIN} since 20" in elsewhere
        assert first.result()["valid"] is False
    assert server.answer(TOOL, {**POOL, "branch": HOTFIX})["valid"] is True


def test_a_ci_user_that_is_nobody_is_an_error(stdio: Any, looker: Sandbox) -> None:
    server = stdio(CI_USERS="ada,nobody")
    error = server.failure(TOOL, {**POOL, "branch": MARGIN})["error"]
    assert "LOOKER_CI_USERS" in error and "nobody" in error and cells(looker) == {}


def test_any_ci_user_takes_the_same_permission(stdio: Any, looker: Sandbox) -> None:
    server = stdio(CI_USERS=CI_USERS, SUDO_AS_USER="false")
    assert "LOOKER_SUDO_AS_USER" in server.failure(TOOL, {**POOL, "branch": MARGIN})["error"]


# ---- together ----


def claims(folder: Path) -> int:
    """How many calls use the workspace, or wait for it."""
    return sum(path.read_text().count(TOOL) for path in folder.rglob("*") if path.is_file())


def test_many_calls_share_a_few_swaps(http: Any, looker: Sandbox, tmp_path: Path) -> None:
    state = tmp_path / "state"
    server = http(THREADS="2", STATE_DIR=str(state), BRANCH_WAIT="600", revision=MODERN)
    branches = list(VALID) * 10
    looker.rules(slow(RUNS, times=1))
    with concurrent.futures.ThreadPoolExecutor(50) as callers:
        with goes_away(server, {**PROJECT, "dev_mode": True}):  # nobody can begin before all are there
            asked(looker, RUNS)
            results = [callers.submit(server.answer, TOOL, {**HERE, "branch": name}) for name in branches]
            wait_for("all calls", lambda: claims(state) == 51 or None)
        answers = [result.result() for result in results]
    assert [a["valid"] for a in answers] == [VALID[name] for name in branches]
    assert switches(looker) == 10, "five out, five back"
    assert is_home(looker)


def test_a_dev_mode_call_holds_the_workspace_as_it_is(http: Any, looker: Sandbox) -> None:
    server = http(THREADS="1")
    looker.rules(slow(RUNS, 700, times=1))
    with concurrent.futures.ThreadPoolExecutor(2) as callers:
        dev = callers.submit(server.answer, TOOL, {**PROJECT, "dev_mode": True})
        asked(looker, RUNS)
        on_branch = callers.submit(server.answer, TOOL, HERE)
        assert (dev.result()["valid"], on_branch.result()["valid"]) == (True, False)
    first, second = looker.requests(RUNS)
    (out, _) = looker.requests(CHECKS_OUT)
    assert first["branch"] == home(looker) and second["branch"] == MARGIN
    assert first["n"] < out["n"] < second["n"]


def test_what_moves_the_branch_waits_for_those_who_use_it(http: Any, looker: Sandbox) -> None:
    server = http(THREADS="1")
    looker.rules(slow(RUNS, 700, times=1))
    with concurrent.futures.ThreadPoolExecutor(2) as callers:
        validation = callers.submit(server.answer, TOOL, HERE)
        asked(looker, RUNS)
        arguments = {**PROJECT, "branch_name": HOTFIX}
        switch = callers.submit(server.answer, "switch_git_branch", arguments)
        assert validation.result()["valid"] is False
        switch.result()
    names = [json.loads(r["body"])["name"] for r in looker.requests(CHECKS_OUT)]
    assert names == [MARGIN, home(looker), HOTFIX] and branch(looker) == HOTFIX


def test_who_waits_too_long_hears_for_whom(http: Any, looker: Sandbox) -> None:
    server = http(THREADS="1", BRANCH_WAIT="0.3")
    looker.rules(slow(RUNS, 1500, times=1))
    with concurrent.futures.ThreadPoolExecutor(1) as caller:
        first = caller.submit(server.answer, TOOL, HERE)
        asked(looker, RUNS)
        refused = server.failure("query", {**ORDERS, **HERE, "branch": HOTFIX})
        assert MARGIN in refused["error"] and TOOL in refused["error"]
        assert first.result()["valid"] is False
    assert is_home(looker)


def test_production_does_not_wait(http: Any, looker: Sandbox) -> None:
    server = http(THREADS="1", BRANCH_WAIT="0.1")
    looker.rules(slow(RUNS, 1000, times=1))
    with concurrent.futures.ThreadPoolExecutor(1) as caller:
        first = caller.submit(server.answer, TOOL, HERE)
        asked(looker, RUNS)
        assert ids(server.answer("query", ORDERS)) == IN_PRODUCTION
        assert server.answer("get_git_branch", PROJECT)["name"] == "main"
        assert not first.done()
        first.result()


def test_the_workspace_is_entered_once(stdio: Any, looker: Sandbox) -> None:
    server = stdio()
    for _ in range(5):
        server.answer("query", {**ORDERS, **HERE})
    assert len(looker.requests("update_session")) == 1


def test_imported_projects_come_along(stdio: Any, looker: Sandbox) -> None:
    server = stdio()
    arguments = {"project_id": "retail", "branch": "feature/tax", "imports": True}
    server.answer("list_project_files", arguments)
    seen = {project: c["switches"] for (_, project), c in cells(looker).items()}
    assert seen == {"retail": 2, "common": 2} | ({"finance": 0} if "finance" in seen else {})
    server.answer("list_project_files", {**arguments, "imports": False})
    assert cells(looker)[SERVICE, "common"]["switches"] == 2


def test_a_branch_of_another_project_than_the_model_s_is_told(stdio: Any, looker: Sandbox) -> None:
    server = stdio()
    elsewhere = {"project_id": "retail", "branch": "feature/tax"}
    for _ in range(2):
        answer = server.answer("query", {**ORDERS, **elsewhere})
        for word in ("thelook belongs to project thelook", "feature/tax", "retail", "project_id thelook"):
            assert word in answer["branch_note"]
    explores = len(looker.requests("lookml_model_explore"))
    assert explores == 1, "what is known needs no request"
    compared = server.answer("compare_query", {**ORDERS, **elsewhere})
    assert compared["equal"] is True and "project_id thelook" in compared["branch_note"]
    for tool in ("query", "compare_query"):
        assert "branch_note" not in server.answer(tool, {**ORDERS, **HERE})


def test_a_cursor_goes_on_on_its_branch(stdio: Any, looker: Sandbox) -> None:
    server = stdio()
    first = server.answer("query", {**ORDERS, **HERE, "limit": 900, "max_bytes": 1000})
    rest = server.answer("run_query", {"cursor": first["cursor"], "max_bytes": 1000})
    assert "result_changed" not in rest and ids(rest)[0] == ids(first)[-1] + 1
    assert is_home(looker) and switches(looker) == 4
    again = {"cursor": first["cursor"], "project_id": "thelook"}
    assert ids(server.answer("run_query", {**again, "branch": MARGIN}))[0] == ids(rest)[0]
    for wrong in (
        {**again, "branch": HOTFIX},
        {**again, "branch": MARGIN, "imports": True},
        {"cursor": first["cursor"], "dev_mode": True},
    ):
        assert "cursor says on which branch" in server.failure("run_query", wrong)["error"]
    dev = server.answer("query", {**ORDERS, "dev_mode": True, "limit": 900, "max_bytes": 1000})
    server.answer("run_query", {"cursor": dev["cursor"]})
    assert looker.requests("create_query_task")[-1]["workspace"] == "dev"


def test_a_callers_own_token_borrows_nothing(http: Any, looker: Sandbox) -> None:
    server = http(DEPLOYMENT_TYPE="google_cloud_core", headers={"X-User-Token": looker.token_of(ADA)})
    refused = server.failure("query", {**ORDERS, **HERE})
    assert "dev workspace" in refused["error"] and cells(looker) == {}


# ---- it is given back ----


def wants(**more: Any) -> dict[str, Any]:
    return {"name": TOOL, "arguments": {**HERE, **more}}


def test_an_error_gives_back(stdio: Any, looker: Sandbox) -> None:
    looker.rules({"operation": RUNS, "status": 500})
    error = stdio().failure(TOOL, HERE)
    assert error["status"] == 500 and "restore" not in error and is_home(looker)


def test_a_file_that_is_written_late_is_on_the_branch_that_was_meant(stdio: Any, looker: Sandbox) -> None:
    server = stdio()
    file, late = {"file_id": "views/orders.view.lkml"}, "view: late {}"
    looker.rules({"operation": "update_project_file", "late_ms": 1000})
    assert server.failure("update_file", {**HERE, **file, "content": late})["status"] == 504
    looker.obey()
    assert is_home(looker)
    assert server.answer("get_file", {**HERE, **file})["content"] == late
    assert server.answer("get_file", {**PROJECT, **file, "dev_mode": True})["content"] != late


def test_a_branch_that_is_none_takes_nothing(stdio: Any, looker: Sandbox) -> None:
    error = stdio().failure("query", {**ORDERS, **HERE, "branch": "none"})
    assert 'project "thelook" has no branch "none"' in error["error"]
    assert "list_git_branches" in error["error"] and "list_projects" not in error["error"]
    assert switches(looker) == 0


def test_a_project_that_is_none_is_told_from_a_branch(stdio: Any, looker: Sandbox) -> None:
    error = stdio().failure("query", {**ORDERS, **HERE, "project_id": "nope"})
    assert 'no project "nope"' in error["error"] and "list_projects" in error["error"]
    assert "list_git_branches" not in error["error"]
    assert switches(looker) == 0


def test_a_call_that_takes_too_long_gives_back(stdio: Any, looker: Sandbox) -> None:
    looker.rules(slow(RUNS))
    error = stdio(CALL_TIMEOUT="1").failure(TOOL, HERE)
    assert "LOOKER_CALL_TIMEOUT" in error["error"] and is_home(looker)


# Where a call is when its caller goes: what Looker is slow with, and how often it was asked by then.
PLACES = {
    "check-out": (slow(CHECKS_OUT, 700, times=1), CHECKS_OUT, 1),
    "query": (slow(RUNS), RUNS, 1),
    "give-back": (slow(CHECKS_OUT, 700, after=1, times=1), CHECKS_OUT, 2),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_cancelled_call_gives_back(stdio: Any, looker: Sandbox, place: str) -> None:
    server = stdio()
    rule, operation, n = PLACES[place]
    looker.rules(rule)
    call = server.start("tools/call", wants())
    asked(looker, operation, n)
    server.notify("notifications/cancelled", {"requestId": call})
    wait_home(looker)
    looker.obey()
    assert ids(server.answer("query", {**ORDERS, **HERE, "branch": HOTFIX})) == IN_PRODUCTION


def test_a_call_that_is_cancelled_while_it_waits_takes_nothing(stdio: Any, looker: Sandbox) -> None:
    server = stdio()
    looker.rules(slow(RUNS, 700, times=1))
    first = server.start("tools/call", wants())
    asked(looker, RUNS)
    second = server.start("tools/call", wants(branch=HOTFIX))
    time.sleep(0.1)
    server.notify("notifications/cancelled", {"requestId": second})
    assert json.loads(answer_text(server.finish(first)))["valid"] is False
    wait_home(looker)
    assert switches(looker) == 2


@contextlib.contextmanager
def goes_away(server: HttpServer, arguments: dict[str, Any]) -> Any:
    """A client of the modern era that disconnects in the middle of a call."""
    message = server.envelope("tools/call", {"name": TOOL, "arguments": arguments}, 1)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
    connection.request("POST", "/mcp", json.dumps(message), server.request_headers(message))
    yield
    connection.close()


@pytest.mark.parametrize("place", PLACES)
def test_a_client_that_goes_gives_back(http: Any, looker: Sandbox, place: str) -> None:
    server = http(revision=MODERN)
    rule, operation, n = PLACES[place]
    looker.rules(rule)
    with goes_away(server, HERE):
        asked(looker, operation, n)
    wait_home(looker)


def test_a_client_that_goes_while_it_waits_takes_nothing(http: Any, looker: Sandbox) -> None:
    server = http(revision=MODERN, THREADS="1")
    looker.rules(slow(RUNS, 700, times=1))
    with concurrent.futures.ThreadPoolExecutor(1) as caller:
        first = caller.submit(server.answer, TOOL, HERE)
        asked(looker, RUNS)
        with goes_away(server, {**HERE, "branch": HOTFIX}):
            time.sleep(0.1)
        assert first.result()["valid"] is False
    wait_home(looker)
    assert switches(looker) == 2


def end_of_input(server: StdioServer) -> None:
    assert server.process.popen.stdin
    server.process.popen.stdin.close()


def signalled(server: StdioServer | HttpServer) -> None:
    server.process.popen.send_signal(signal.SIGTERM)


# Calls that end in time are answered, others are cancelled.
@pytest.mark.parametrize("end, ms", [(end_of_input, 300), (signalled, 20_000)])
def test_a_server_that_ends_gives_back(
    stdio: Any, looker: Sandbox, end: Callable[[StdioServer], None], ms: int
) -> None:
    server = stdio()
    looker.rules(slow(RUNS, ms))
    server.start("tools/call", wants())
    asked(looker, RUNS)
    end(server)
    server.process.assert_clean_end(server.process.wait())
    assert is_home(looker)
    assert looker.state()["live_tokens"] == 0


def test_threads_that_end_give_back(http: Any, looker: Sandbox) -> None:
    server = http(THREADS="3")
    looker.rules(slow(RUNS, 500))
    with concurrent.futures.ThreadPoolExecutor(6) as callers:
        calls = [callers.submit(server.answer, TOOL, HERE) for _ in range(6)]
        asked(looker, RUNS, 6)
        signalled(server)
        assert {call.result()["valid"] for call in calls} == {False}
    server.process.assert_clean_end(server.process.wait())
    assert is_home(looker) and switches(looker) == 2
    assert looker.state()["live_tokens"] == 0


def test_what_a_stopped_server_saw_counts_for_nothing(
    stdio: Any, looker: Sandbox, tmp_path: Path
) -> None:
    shared = {"LEASE_TTL": "1", "STATE_DIR": str(tmp_path / "state")}
    stopped, other = stdio(**shared), stdio(**shared)
    looker.rules(slow(RUNS, 500, times=1))
    call = stopped.start("tools/call", wants())
    asked(looker, RUNS)
    stopped.process.popen.send_signal(signal.SIGSTOP)
    try:
        assert other.answer(TOOL, {**HERE, "branch": HOTFIX})["valid"] is True
    finally:
        stopped.process.popen.send_signal(signal.SIGCONT)
    result = stopped.finish(call)
    assert result["isError"] and "lost its hold" in answer_text(result)
    wait_home(looker)


# ---- it cannot be given back ----


def test_a_restore_that_fails_is_in_the_answer(stdio: Any, looker: Sandbox) -> None:
    server = stdio()
    looker.rules({"operation": CHECKS_OUT, "after": 1, "status": 500})
    answer = server.answer("query", {**ORDERS, **HERE})
    assert ids(answer) == ON_MARGIN
    restore = answer["restore"]
    assert (restore["project_id"], restore["home"]) == ("thelook", home(looker))
    assert restore["branch"] == MARGIN == branch(looker) and restore["error"]
    looker.obey()
    # Whoever comes next puts it right.
    assert ids(server.answer("query", {**ORDERS, "dev_mode": True})) == IN_PRODUCTION
    assert branch(looker) == home(looker)


def test_a_restore_that_fails_is_in_an_error(stdio: Any, looker: Sandbox) -> None:
    looker.rules(
        {"operation": CHECKS_OUT, "after": 1, "status": 500}, {"operation": RUNS, "status": 422}
    )
    error = stdio().failure(TOOL, HERE)
    assert error["status"] == 422 and error["restore"]["home"] == home(looker)


def test_a_restore_that_fails_is_in_a_report(stdio: Any, looker: Sandbox) -> None:
    looker.rules({"operation": CHECKS_OUT, "after": 1, "status": 500})
    answer = stdio().answer("check_branch", {**HERE, "content": False, "tests": False})
    assert answer["steps"] and answer["restore"]["branch"] == MARGIN


def test_a_branch_that_somebody_moved_is_left_alone(stdio: Any, looker: Sandbox) -> None:
    server = stdio()
    looker.rules(slow(RUNS, 500))
    call = server.start("tools/call", wants())
    asked(looker, RUNS)
    looker.control("POST", "/_sandbox/cells", {"user": SERVICE, "project": "thelook", "branch": RETURNS})
    restore = json.loads(answer_text(server.finish(call)))["restore"]
    assert (restore["branch"], restore["home"]) == (RETURNS, home(looker)) and restore["error"]
    assert branch(looker) == RETURNS


def test_switching_on_purpose_forgets_what_could_not_be_given_back(stdio: Any, looker: Sandbox) -> None:
    server = stdio()
    looker.rules({"operation": CHECKS_OUT, "after": 1, "status": 500})
    assert "restore" in server.answer("query", {**ORDERS, **HERE})
    looker.obey()
    server.answer("switch_git_branch", {**PROJECT, "branch_name": HOTFIX})
    assert ids(server.answer("query", {**ORDERS, **HERE})) == ON_MARGIN
    assert branch(looker) == HOTFIX


def test_a_place_for_the_journal_that_cannot_be_is_warned_of_at_the_start(
    stdio: Any, http: Any, looker: Sandbox, tmp_path: Path
) -> None:
    for start in (stdio, http):
        server = start(STATE_DIR="/proc/nope")

        def warned() -> dict[str, Any] | None:
            lines = [e for e in server.process.log() if e["event"] == "lease.store_unusable"]
            return lines[0] if lines else None

        line = wait_for("the warning", warned)
        assert line["level"] == "warning" and "cannot make /proc/nope" in line["why"]
    assert "cannot make /proc/nope" in server.failure("query", {**ORDERS, **HERE})["error"]
    fine = stdio(STATE_DIR=str(tmp_path / "state"))
    fine.answer("whoami")
    assert not [e for e in fine.process.log() if e["event"].startswith("lease.")]
    assert not (tmp_path / "state").exists(), "asking makes no directory"


def test_without_a_place_for_the_journal_nothing_is_borrowed(stdio: Any, looker: Sandbox) -> None:
    server = stdio("--state-dir", "/proc/none")
    refused = server.failure("query", {**ORDERS, **HERE})
    assert "/proc/none" in refused["error"] + refused.get("detail", "") and switches(looker) == 0
