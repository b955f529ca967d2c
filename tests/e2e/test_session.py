"""The session with Looker: one login for many calls, renewed in time, ended at the end; and the
credentials, which nothing prints."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.mcp import settings_for
from harness.process import run
from harness.sandbox import CLIENT_SECRET, Sandbox


def test_nobody_logs_in_before_the_first_call(stdio: Any, looker: Sandbox) -> None:
    server = stdio()
    server.tools()
    assert looker.requests() == []
    server.answer("whoami")
    assert len(looker.requests("login")) == 1


def test_one_login_serves_many_calls(stdio: Any, looker: Sandbox) -> None:
    server = stdio()
    pending = [server.start("tools/call", {"name": "whoami", "arguments": {}}) for _ in range(30)]
    for id_ in pending:
        assert not server.finish(id_).get("isError")
    assert len(looker.requests("login")) == 1
    assert len(looker.requests("me")) == 30


def test_an_expired_token_is_renewed_unseen(stdio: Any, looker: Sandbox) -> None:
    server = stdio()
    server.answer("whoami")
    looker.expire_tokens()
    assert server.answer("whoami")
    assert server.answer("whoami")
    assert len(looker.requests("login")) == 2


def test_one_401_is_answered_by_a_new_login(stdio: Any, looker: Sandbox) -> None:
    server = stdio()
    server.answer("whoami")
    looker.rules({"operation": "me", "status": 401, "times": 1})
    assert server.answer("whoami")
    assert len(looker.requests("login")) == 2


def test_a_second_401_is_the_answer(stdio: Any, looker: Sandbox) -> None:
    server = stdio()
    looker.rules({"operation": "me", "status": 401})
    assert server.failure("whoami")["status"] == 401
    assert len(looker.requests("me")) == 2, "one try, one more with a new token"


@pytest.fixture
def forgetful_looker(tmp_path: Path) -> Iterator[Sandbox]:
    """Tokens live for two seconds."""
    sandbox = Sandbox(tmp_path, "--token-ttl", "2")
    yield sandbox
    sandbox.process.assert_clean_end(sandbox.process.terminate())


def test_tokens_are_renewed_before_they_expire(stdio: Any, forgetful_looker: Sandbox) -> None:
    """Used a while, then renewed, and no call ever meets a 401."""
    server = stdio(upstream=forgetful_looker)
    until = time.monotonic() + 4.5
    while time.monotonic() < until:
        assert server.answer("whoami")
        time.sleep(0.05)
    assert 2 <= len(forgetful_looker.requests("login")) <= 6
    assert all(request["status"] == 200 for request in forgetful_looker.requests("me"))


@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_the_session_is_ended_at_the_end(request: Any, looker: Sandbox, transport: str) -> None:
    server = request.getfixturevalue(transport)()
    server.answer("whoami")
    server.close()
    assert looker.state()["live_tokens"] == 0
    assert len(looker.requests("logout")) == 1


def test_wrong_credentials_are_named(stdio: Any) -> None:
    server = stdio(CLIENT_SECRET="wrong-secret-for-the-test")
    failure = server.failure("whoami")
    assert "LOOKER_CLIENT_ID" in failure["error"] and "LOOKER_CLIENT_SECRET" in failure["error"]
    assert "wrong-secret" not in str(failure)


def test_no_credentials(stdio: Any, looker: Sandbox) -> None:
    server = stdio(CLIENT_ID="", CLIENT_SECRET="")
    assert "LOOKER_CLIENT_ID" in server.failure("whoami")["error"]
    assert looker.requests() == []


def test_credentials_travel_in_the_body_only(stdio: Any, looker: Sandbox) -> None:
    stdio().answer("whoami")
    login = looker.requests("login")[0]
    assert CLIENT_SECRET not in str(login.get("path", "")) + str(login.get("query", ""))


def test_nothing_prints_a_secret(stdio: Any, http: Any, looker: Sandbox, tmp_path: Path) -> None:
    """At the most talkative log level, through success and every kind of failure."""
    bearer = "bearer-token-for-the-test-8c1f"
    servers = [stdio(), http(MCP_AUTH_TOKEN=bearer, headers={"Authorization": f"Bearer {bearer}"})]
    for server in servers:
        server.answer("whoami")
        server.answer("query", {"model": "thelook", "view": "orders", "fields": ["orders.count"]})
        for rule in ({"status": 401}, {"status": 500}, {"corrupt": "not_json"}):
            looker.rules({"operation": "me", **rule})
            server.failure("whoami")
        looker.rules({"operation": "login", "status": 500}, {"operation": "me", "status": 401})
        server.failure("whoami")
        looker.obey()
        server.answer("whoami")
        server.close()
    texts = [server.process.stderr.decode() for server in servers]
    for arguments in (["--check"], ["call", "whoami"], ["--help"], ["--list-tools"]):
        result = run(arguments, tmp_path, settings_for(looker, MCP_AUTH_TOKEN=bearer))
        texts += [result.stdout, result.stderr]
    for text in texts:
        assert CLIENT_SECRET not in text
        assert bearer not in text
        assert "Bearer ey" not in text and "access_token\":\"" not in text
