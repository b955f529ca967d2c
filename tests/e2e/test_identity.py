"""As whom calls run: identity headers, act_as_user, and the sessions behind them. Nobody ever gets
more than they asked for."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest
from harness.process import wait_for
from harness.sandbox import Sandbox

QUERY = {"model": "thelook", "view": "orders", "fields": ["orders.status"], "limit": 1}


def as_user(server: Any, **headers: str) -> Any:
    server.headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return server


def whoami(server: Any) -> str:
    return str(server.answer("whoami")["id"])


# ---- headers ----


def test_a_call_runs_as_the_user_of_the_header(http: Any, looker: Sandbox) -> None:
    server = as_user(http(), X_User_Email="ada@example.com")
    assert whoami(server) == "2"
    (request,) = looker.requests("me")
    assert request["user"] == "2"
    (sudo,) = looker.requests("login_user")
    assert sudo["query"] == "associative=false"


def test_associative_is_passed_on(http: Any, looker: Sandbox) -> None:
    assert whoami(as_user(http(SUDO_ASSOCIATIVE="true"), X_User_Email="ada@example.com")) == "2"
    assert looker.requests("login_user")[0]["query"] == "associative=true"


def test_each_call_runs_as_its_own_caller(http: Any, looker: Sandbox) -> None:
    server = http(THREADS="1")
    seen: dict[str, set[str]] = {}
    expected = {"ada@example.com": "2", "grace@example.com": "3", "": "1"}

    def call(email: str) -> None:
        message = server.envelope("tools/call", {"name": "whoami", "arguments": {}}, email or "none")
        headers = {"X-User-Email": email} if email else {}
        for _ in range(10):
            _, answered = server.rpc(message, headers)
            text = json.loads(answered["result"]["content"][0]["text"])
            seen.setdefault(email, set()).add(text["id"])

    threads = [threading.Thread(target=call, args=(email,)) for email in expected for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {email: {id_} for email, id_ in expected.items()}
    assert len(looker.requests("login")) == 1 and len(looker.requests("login_user")) == 2


@pytest.mark.parametrize(
    ("email", "why"),
    [
        ("nobody@example.com", "no user has"),
        ("twin@example.com", "several users have"),
        ("a%", "names no e-mail address"),
        ("%@example.com", "no user has"),
        ("ala_@example.com", "no user has"),
        ("ada_lovelace", "no e-mail address"),
        ("", "no e-mail address"),
        ("ada@example.com, grace@example.com", "no user has"),
    ],
)
def test_what_names_nobody_or_two_is_refused(
    http: Any, looker: Sandbox, email: str, why: str
) -> None:
    server = as_user(http(), X_User_Email=email)
    failure = server.failure("whoami")
    assert why in failure["error"] and "X-User-Email" in failure["error"] and failure["kind"] == "auth"
    assert looker.requests("me") == [] and looker.requests("login_user") == []


def test_a_pattern_character_in_an_address_means_itself(http: Any, looker: Sandbox) -> None:
    server = as_user(http(), X_User_Email="alan_@example.com")
    assert whoami(server) == "5"
    assert [r["path"].rsplit("/", 1)[1] for r in looker.requests("login_user")] == ["5"]


def test_the_address_is_compared_without_case(http: Any) -> None:
    assert whoami(as_user(http(), X_User_Email="ADA@Example.COM")) == "2"


def test_a_disabled_user_is_not_impersonated_and_nobody_else_instead(http: Any, looker: Sandbox) -> None:
    server = as_user(http(), X_User_Email="gone@example.com")
    failure = server.failure("whoami")
    assert failure["kind"] == "auth" and failure["status"] == 403
    assert "disabled in Looker" in failure["error"] and "permission sudo" not in failure["error"]
    assert looker.requests("me") == []


def test_a_service_account_that_may_not_sudo(http: Any, looker: Sandbox) -> None:
    looker.rules({"operation": "login_user", "status": 403, "body": {"message": "no sudo for you"}})
    failure = as_user(http(), X_User_Email="ada@example.com").failure("whoami")
    assert "sudo" in failure["error"] and failure["detail"] == "no sudo for you"
    assert looker.requests("me") == []


def test_who_a_user_is_is_asked_once_and_again_after_a_failed_login(http: Any, looker: Sandbox) -> None:
    server = as_user(http(), X_User_Email="ada@example.com")
    for _ in range(3):
        server.answer("whoami")
    assert len(looker.requests("search_users")) == 1
    looker.expire_tokens()
    looker.rules({"operation": "login_user", "status": 404})
    assert server.failure("whoami")["kind"] == "auth"
    looker.obey()
    assert whoami(server) == "2"
    assert len(looker.requests("search_users")) == 2


def test_the_other_deployment_s_header_is_refused(http: Any, looker: Sandbox) -> None:
    failure = as_user(http(), X_User_Token="abc").failure("whoami")
    assert "X-User-Email" in failure["error"] and "X-User-Token" in failure["error"]
    core = http(DEPLOYMENT_TYPE="google_cloud_core")
    failure = as_user(core, X_User_Email="ada@example.com").failure("whoami")
    assert "X-User-Token" in failure["error"]
    assert looker.requests("me") == []


def test_the_names_of_the_headers_can_be_set(http: Any) -> None:
    server = http(USER_EMAIL_HEADER="X-Gateway-User")
    assert whoami(as_user(server, X_Gateway_User="ada@example.com")) == "2"
    assert whoami(as_user(server, X_User_Email="ada@example.com")) == "1", "means nothing now"


@pytest.mark.parametrize("header", ["X-User-Email", "X-User-Token"])
def test_switched_off_headers_mean_nothing(http: Any, looker: Sandbox, header: str) -> None:
    server = http(SUDO_AS_USER="false")
    server.headers = {header: "ada@example.com"}
    assert whoami(server) == "1"
    assert looker.requests("login_user") == []


# ---- tokens of Google Cloud core ----


@pytest.fixture
def adas_token(looker: Sandbox) -> str:
    """As a gateway would have exchanged it."""
    return looker.token_of("2")


def test_a_token_is_used_as_it_is(http: Any, looker: Sandbox, adas_token: str) -> None:
    server = as_user(http(DEPLOYMENT_TYPE="google_cloud_core"), X_User_Token=adas_token)
    before = len(looker.requests("login")) + len(looker.requests("login_user"))
    assert whoami(server) == "2" and whoami(server) == "2"
    assert len(looker.requests("login")) + len(looker.requests("login_user")) == before
    server.close()
    assert looker.requests("logout") == [], "it is not ours to end"


def test_a_token_that_looker_refuses(http: Any, looker: Sandbox) -> None:
    server = http(DEPLOYMENT_TYPE="google_cloud_core")
    assert as_user(server, X_User_Token="stale").failure("whoami")["status"] == 401
    assert len(looker.requests("me")) == 1, "nothing is gained by trying again"
    for bad in ("", "two words", "x" * 5000):
        assert as_user(server, X_User_Token=bad).failure("whoami")["kind"] == "auth"
    assert len(looker.requests("me")) == 1 and looker.requests("login") == []
    assert whoami(as_user(server)) == "1", "without a header: the service account"


# ---- act_as_user ----


def audited(server: Any) -> list[dict[str, Any]]:
    return [line for line in server.process.log() if line["event"] == "looker.audit.act_as_user"]


@pytest.mark.parametrize("asked", ["2", 2, " 2 ", "ada@example.com", "ADA@Example.COM"])
def test_a_call_runs_as_the_user_of_the_argument(http: Any, looker: Sandbox, asked: Any) -> None:
    server = as_user(http(), X_User_Email="grace@example.com")
    server.answer("query", {**QUERY, "act_as_user": asked})
    assert {r["user"] for r in looker.requests("create_query_task")} == {"2"}
    (line,) = wait_for("the line of the audit", lambda: audited(server) or None)
    assert line["target_user_id"] == "2" and line["triggered_by"] == "argument"

    def ends() -> list[str]:
        return [e["request_id"] for e in server.process.log() if e["event"] == "mcp.call"]

    assert wait_for("the call's own line", lambda: ends() or None) == [line["request_id"]]


@pytest.mark.parametrize(
    "asked",
    ["", " ", "me", "2abc", "+2", "2.0", "2/../1", "2%2f", "..", "%", "%@example.com"]
    + ["ala_@example.com", "twin@example.com", "nobody@example.com", "ada@example.com,grace@example.com"],
)
def test_an_argument_that_names_nobody_or_two_is_refused(
    stdio: Any, looker: Sandbox, asked: str
) -> None:
    failure = stdio().failure("query", {**QUERY, "act_as_user": asked})
    assert "act_as_user" in failure["error"] and failure["kind"] == "argument"
    assert looker.requests("login_user") == looker.requests("create_query_task") == []
    assert looker.requests("user") == [], "only numbers are looked up as ids"


def test_an_id_never_becomes_somebody_else(stdio: Any, looker: Sandbox) -> None:
    looker.rules({"operation": "user", "status": 200, "body": {"id": "1", "email": "root@example.com"}})
    failure = stdio().failure("query", {**QUERY, "act_as_user": "02"})
    assert "the user 1" in failure["error"] and failure["kind"] == "argument"
    assert looker.requests("login_user") == looker.requests("create_query_task") == []


# ---- sessions ----


@pytest.mark.parametrize("expire", [False, True])
@pytest.mark.parametrize("users", [1, 3])
def test_two_hundred_calls_log_in_once_a_user(
    http: Any, looker: Sandbox, users: int, expire: bool
) -> None:
    server = http(THREADS="1")  # each has sessions of its own
    emails = ["ada@example.com", "grace@example.com", "alan@example.com"][:users]
    failures: list[Any] = []

    def work(email: str, n: int) -> None:
        message = server.envelope("tools/call", {"name": "whoami", "arguments": {}}, 1)
        for _ in range(n):
            _, answered = server.rpc(message, {"X-User-Email": email})
            if answered["result"].get("isError"):
                failures.append(answered)

    threads = [threading.Thread(target=work, args=(emails[i % users], 4)) for i in range(50)]
    for thread in threads:
        thread.start()
    if expire:
        looker.expire_tokens()
    for thread in threads:
        thread.join()
    assert failures == []
    logins = looker.state()["logins"], looker.state()["sudo_logins"]
    assert logins == (1, users) or (expire and logins[0] <= 2 and logins[1] <= 2 * users)
    server.close()
    state = looker.state()
    assert state["live_tokens"] == 0, "all that was logged in was logged out, or had ended"


def test_as_many_logouts_as_logins(http: Any, looker: Sandbox) -> None:
    server = http()
    for email in ("ada@example.com", "grace@example.com"):
        as_user(server, X_User_Email=email).answer("whoami")
    as_user(server).answer("whoami")
    as_user(server).answer("query", {**QUERY, "dev_mode": True})
    server.close()
    state = looker.state()
    assert state["logins"] + state["sudo_logins"] == state["logouts"] == 4


def test_without_a_pool_every_call_logs_in_and_out(http: Any, looker: Sandbox) -> None:
    server = http(SESSION_POOL="false")
    for _ in range(3):
        assert whoami(as_user(server, X_User_Email="ada@example.com")) == "2"
    wait_for("the last logout", lambda: looker.state()["live_tokens"] <= 1 or None)
    state = looker.state()
    assert state["sudo_logins"] == 3
    server.close()
    state = looker.state()
    assert state["logins"] + state["sudo_logins"] == state["logouts"]


def test_an_unused_session_is_ended(http: Any, looker: Sandbox) -> None:
    server = http(SESSION_IDLE="1")
    as_user(server, X_User_Email="ada@example.com").answer("whoami")
    assert looker.state()["live_tokens"] == 2
    wait_for("the logouts", lambda: looker.state()["live_tokens"] == 0 or None, 5)
    assert whoami(server) == "2", "and begins anew when it is needed"


def test_more_users_than_sessions(http: Any, looker: Sandbox) -> None:
    server = http(MAX_SESSIONS="2")
    for email, id_ in (("ada@example.com", "2"), ("grace@example.com", "3"), ("alan@example.com", "4")):
        assert whoami(as_user(server, X_User_Email=email)) == id_
    wait_for("logouts", lambda: looker.state()["live_tokens"] <= 2 or None, 5)


def test_production_and_dev_never_share_a_token(stdio: Any, looker: Sandbox) -> None:
    server = stdio()
    server.answer("query", {**QUERY, "validate": False})
    server.answer("query", {**QUERY, "validate": False, "dev_mode": True})
    server.answer("query", {**QUERY, "validate": False})
    queries = looker.requests("create_query_task")
    assert [q["workspace"] for q in queries] == ["production", "dev", "production"]
    assert queries[0]["authorization"] == queries[2]["authorization"] != queries[1]["authorization"]
    assert len(looker.requests("update_session")) == 1


def test_a_dev_workspace_that_can_neither_be_entered_nor_left(stdio: Any, looker: Sandbox) -> None:
    server = stdio()
    for logout in ({"status": 500}, {"cut_after_bytes": 0}):
        looker.rules(
            {"operation": "update_session", "status": 403}, {"operation": "logout", **logout}
        )
        failure = server.failure("query", {**QUERY, "dev_mode": True})
        assert "permission develop" in failure["error"] and failure["status"] == 403
        assert looker.requests("create_query_task") == []
    looker.obey()
    server.answer("query", {**QUERY, "dev_mode": True})


@pytest.mark.parametrize("pool", ["true", "false"])
def test_a_login_whose_call_is_cancelled_is_logged_out(stdio: Any, looker: Sandbox, pool: str) -> None:
    server = stdio(SESSION_POOL=pool)
    looker.rules(*({"operation": op, "delay_ms": 300} for op in ("login", "login_user", "update_session")))
    for after in (0.1, 0.45, 0.75, 1.05, 1.35):
        call = {"name": "query", "arguments": {**QUERY, "act_as_user": "2", "dev_mode": True}}
        id_ = server.start("tools/call", call)
        time.sleep(after)
        server.notify("notifications/cancelled", {"requestId": id_})
    looker.obey()
    server.answer("whoami")
    server.close()
    state = looker.state()
    assert state["logins"] + state["sudo_logins"] == state["logouts"] and state["live_tokens"] == 0


@pytest.mark.parametrize("pool", ["true", "false"])
@pytest.mark.parametrize("stuck", ["logout", "login_user"])
def test_a_looker_that_hangs_does_not_keep_the_server(
    stdio: Any, looker: Sandbox, pool: str, stuck: str
) -> None:
    server = stdio(SESSION_POOL=pool)
    for user in ("2", "3", "4"):
        server.answer("query", {**QUERY, "act_as_user": user})
    looker.rules({"operation": stuck, "delay_ms": 60_000})
    for user in ("5", "6"):
        server.start("tools/call", {"name": "query", "arguments": {**QUERY, "act_as_user": user}})
    time.sleep(0.3)
    began = time.monotonic()
    server.close()
    assert time.monotonic() - began < 10, "5 s for calls, 2 s for logouts"
    looker.obey()
