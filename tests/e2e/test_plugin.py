"""Identity plug-ins: a shared library says as whom calls run, or that they do not; and whatever goes
wrong with it, nobody gets more than they should."""

from __future__ import annotations

import http.client
import http.server
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.mcp import MODERN, is_modern, settings_for
from harness.process import BUILD, ROOT, run, wait_for
from harness.sandbox import CLIENT_ID, CLIENT_SECRET, Sandbox

PLUGINS = BUILD / "tests" / "plugin"
SECRET_TOKEN = "caller-bearer-2b7e151628aed2a6"


def in_mood(server: Any, mood: str, **headers: str) -> Any:
    server.headers = {"X-Mood": mood, **{k.replace("_", "-"): v for k, v in headers.items()}}
    return server


def whoami(server: Any) -> str:
    return str(server.answer("whoami")["id"])


@pytest.fixture
def moody(http: Any) -> Any:
    def start(**more: str) -> Any:
        return http(IDENTITY_PLUGIN=str(PLUGINS / "moody.so"), **more)

    return start


# ---- what it may answer ----


def test_no_opinion_leaves_the_rules(moody: Any) -> None:
    server = moody()
    assert whoami(server) == "1"
    assert whoami(in_mood(server, "none")) == "1"
    assert whoami(in_mood(server, "none", X_User_Email="ada@example.com")) == "2"
    assert "no user" in in_mood(server, "none", X_User_Email="x@example.com").failure("whoami")["error"]


def test_it_decides_before_headers(moody: Any, looker: Sandbox) -> None:
    server = moody()
    assert whoami(in_mood(server, "service", X_User_Email="ada@example.com")) == "1"
    assert whoami(in_mood(server, "user=grace@example.com", X_User_Email="ada@example.com")) == "3"
    assert whoami(in_mood(server, "user=2")) == "2"
    assert [r["path"].rsplit("/", 1)[1] for r in looker.requests("login_user")] == ["3", "2"]


@pytest.mark.parametrize(
    ("user", "why"),
    [
        ("nobody@example.com", "no user has"),
        ("twin@example.com", "several users have"),
        ("%@example.com", "no user has"),
        ("ada", "no e-mail address"),
        ("2/../1", "no e-mail address"),
        ("99999", "no user with the id"),
    ],
)
def test_a_user_who_is_nobody_or_two(moody: Any, looker: Sandbox, user: str, why: str) -> None:
    failure = in_mood(moody(), f"user={user}").failure("whoami")
    assert why in failure["error"] and "identity plug-in" in failure["error"]
    assert failure["kind"] == "auth"
    assert looker.requests("me") == [] and looker.requests("login_user") == []


def test_a_token_is_used_as_it_is(moody: Any, looker: Sandbox) -> None:
    server = moody()
    token = looker.token_of("2")
    before = looker.state()["logins"]
    assert whoami(in_mood(server, f"token={token}")) == "2"
    assert looker.state()["logins"] == before
    assert in_mood(server, "token=stale").failure("whoami")["status"] == 401
    assert in_mood(server, "token=two words").failure("whoami")["kind"] == "auth"


def test_api_keys_are_logged_in_with(moody: Any, looker: Sandbox) -> None:
    server = moody(CLIENT_ID="", CLIENT_SECRET="")
    mood = f"keys={CLIENT_ID}:{CLIENT_SECRET}"
    assert whoami(in_mood(server, mood)) == whoami(in_mood(server, mood)) == "1"
    assert looker.state()["logins"] == 1, "one session for the same keys"
    looker.expire_tokens()
    assert whoami(in_mood(server, mood)) == "1", "renewed after a 401"
    server.answer("query", {**QUERY, "dev_mode": True})
    assert looker.requests("create_query_task")[0]["workspace"] == "dev"
    failure = in_mood(server, f"keys={CLIENT_ID}:wrong-3fd1").failure("whoami")
    assert failure["kind"] == "auth" and "LOOKER_CLIENT" not in failure["error"]
    assert "wrong-3fd1" not in str(failure)
    failure = in_mood(server, "service").failure("whoami")
    assert "no Looker credentials" in failure["error"], "and nobody else's keys for the others"
    server.close()
    state = looker.state()
    assert state["live_tokens"] == 0
    assert "wrong-3fd1" not in server.process.stderr.decode()


QUERY = {"model": "thelook", "view": "orders", "fields": ["orders.status"], "limit": 1}


def test_keys_of_two_users_never_share_a_session(moody: Any, looker: Sandbox) -> None:
    """The same id with another secret is somebody else, though there is a session for it."""
    server = moody()
    assert whoami(in_mood(server, f"keys={CLIENT_ID}:{CLIENT_SECRET}")) == "1"
    for secret in (CLIENT_SECRET + "x", CLIENT_SECRET[:-1]):
        assert in_mood(server, f"keys={CLIENT_ID}:{secret}").failure("whoami")["kind"] == "auth"


def test_a_refusal_is_passed_on(moody: Any, looker: Sandbox) -> None:
    server = moody()
    failure = in_mood(server, "refuse=only on weekdays; ask \"ops\"").failure("whoami")
    assert 'moody refused this call: only on weekdays; ask "ops"' in failure["error"]
    assert (failure["kind"], failure["status"]) == ("auth", 403)
    failure = in_mood(server, "busy=come back later").failure("whoami")
    assert (failure["kind"], failure["status"]) == ("upstream", 503)
    failure = in_mood(server, "refuse=").failure("whoami")
    assert "no reason was given" in failure["error"]
    assert len(looker.requests()) == 0


@pytest.mark.parametrize(
    "mood", ["zero", "short", "null", "empty-user", "half-keys", "kind=0", "kind=7", "kind=4294967295"]
)
def test_what_makes_no_sense_is_a_refusal(moody: Any, looker: Sandbox, mood: str) -> None:
    server = moody()
    failure = in_mood(server, mood).failure("whoami")
    assert "makes no sense" in failure["error"] and failure["kind"] == "auth"
    assert looker.requests() == []
    wait_for(
        "its line",
        lambda: any(
            (e["event"], e["level"]) == ("identity.plugin_refused", "error")
            for e in server.process.log()
        ),
    )


def test_only_the_first_reply_counts(moody: Any) -> None:
    assert whoami(in_mood(moody(), "twice=2")) == "2"


# ---- what it is shown ----


def test_what_it_sees(moody: Any) -> None:
    server = moody(IDENTITY_TIMEOUT="7.5")
    in_mood(server, "seen", Authorization="Bearer abc", x_tenant="north", X_Other="no")
    error = server.failure("query", {**QUERY, "filters": {"orders.status": 'a"b'}})["error"]
    assert "tool=query group=query" in error and "timeout=7500" in error
    assert json.dumps({"orders.status": 'a"b'}) in error
    assert "Authorization=Bearer abc" in error and "X-Tenant=north" in error
    assert "X-Other" not in error and "subject" not in error
    assert "arguments={} " in server.failure("whoami")["error"]


def test_without_http_there_are_no_headers(stdio: Any) -> None:
    server = stdio(IDENTITY_PLUGIN=str(PLUGINS / "moody.so"))
    assert whoami(server) == "1"


def test_what_it_logs(moody: Any) -> None:
    server = moody()
    lines = wait_for(
        "its line",
        lambda: [e for e in server.process.log() if e["event"] == "identity.plugin"] or None,
    )
    assert (lines[0]["plugin"], lines[0]["message"]) == ("moody", "moody today")
    assert lines[0]["level"] == "warning"


# ---- act_as_user, and the kill switches ----


def test_act_as_user_overrides_it_but_not_its_refusal(moody: Any, looker: Sandbox) -> None:
    server = moody()
    query = {**QUERY, "act_as_user": "ada@example.com"}
    in_mood(server, "user=3").answer("query", query)
    assert {r["user"] for r in looker.requests("create_query_task")} == {"2"}
    assert "weekdays" in in_mood(server, "refuse=weekdays").failure("query", query)["error"]
    assert len(looker.requests("create_query_task")) == 1
    server.close()
    audit = [e for e in server.process.log() if e["event"] == "looker.audit.act_as_user"]
    assert len(audit) == 1, "what was refused ran as nobody"


def test_no_impersonation_when_it_is_switched_off(moody: Any, looker: Sandbox) -> None:
    server = moody(SUDO_AS_USER="false")
    failure = in_mood(server, "user=2").failure("whoami")
    assert "LOOKER_SUDO_AS_USER=false" in failure["error"] and failure["kind"] == "auth"
    assert looker.requests("login_user") == []
    assert whoami(in_mood(server, "service")) == "1"


# ---- later, too late, never ----


def test_a_slow_answer_delays_nobody_else(moody: Any) -> None:
    server = moody()
    slow: list[str] = []
    thread = threading.Thread(target=lambda: slow.append(call_in_mood(server, "late=1500,2")))
    began = time.monotonic()
    thread.start()
    for _ in range(20):
        assert call_in_mood(server, "user=3") == "3"
    assert slow == [] and time.monotonic() - began < 1.5
    thread.join()
    assert slow == ["2"] and time.monotonic() - began >= 1.5


def call_in_mood(server: Any, mood: str) -> str:
    """The id that whoami answers, or the error; may be called from any thread."""
    message = server.envelope("tools/call", {"name": "whoami", "arguments": {}}, mood)
    _, answered = server.rpc(message, {"X-Mood": mood})
    answer = json.loads(answered["result"]["content"][0]["text"])
    return str(answer.get("id") or answer["error"])


def test_a_plug_in_that_never_answers(moody: Any, looker: Sandbox) -> None:
    server = moody(IDENTITY_TIMEOUT="0.3")
    began = time.monotonic()
    failure = in_mood(server, "never").failure("whoami")
    assert 0.3 <= time.monotonic() - began < 8
    assert "300 ms (LOOKER_IDENTITY_TIMEOUT)" in failure["error"] and failure["kind"] == "timeout"
    assert looker.requests() == []
    wait_for("being told", lambda: cancels(server) == 1)
    assert whoami(in_mood(server, "user=2")) == "2", "and goes on"


def cancels(server: Any) -> int:
    lines = [e for e in server.process.log() if e["event"] == "identity.plugin"]
    return sum(e["message"].startswith("cancelled ") for e in lines)


def test_an_answer_that_is_late_is_ignored(moody: Any, looker: Sandbox) -> None:
    server = moody(IDENTITY_TIMEOUT="0.2")
    assert "LOOKER_IDENTITY_TIMEOUT" in in_mood(server, "late=600,2").failure("whoami")["error"]
    time.sleep(0.8)
    assert looker.requests("login_user") == []
    assert whoami(in_mood(server, "user=3")) == "3"


def test_a_client_that_goes_away_cancels(http: Any, looker: Sandbox) -> None:
    server = http(revision=MODERN, IDENTITY_PLUGIN=str(PLUGINS / "moody.so"))
    assert is_modern(server.revision)
    connection = http_client(server)
    message = server.envelope("tools/call", {"name": "whoami", "arguments": {}}, 1)
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": server.revision,
        "Mcp-Method": "tools/call",
        "Mcp-Name": "whoami",
        "X-Mood": "late=60000,2",
    }
    connection.request("POST", "/mcp", json.dumps(message), headers)
    time.sleep(0.3)
    assert cancels(server) == 0
    connection.close()
    wait_for("being told", lambda: cancels(server) == 1)
    assert looker.requests() == []


def http_client(server: Any) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)


@pytest.mark.parametrize("mood", ["never", "late=600000,2"])
def test_a_stop_does_not_wait_for_it(moody: Any, mood: str) -> None:
    server = moody(IDENTITY_TIMEOUT="300")
    answers: list[Any] = []

    def call() -> None:
        try:
            answers.append(call_in_mood(server, mood))
        except (OSError, http.client.HTTPException):
            answers.append(None)

    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    began = time.monotonic()
    server.close()
    assert time.monotonic() - began < 20
    for thread in threads:
        thread.join()
    assert len(answers) == 3 and all("shutting down" in a for a in answers if a)


def test_a_hundred_at_once(moody: Any, looker: Sandbox) -> None:
    """Each gets its own answer, whatever the order in which they come."""
    server = moody()
    wrong: list[Any] = []

    def call(number: int) -> None:
        expected = "23"[number % 2]
        mood = f"late={(number * 37) % 300},{expected}" if number % 4 else f"user={expected}"
        for _ in range(2):
            got = call_in_mood(server, mood)
            if got != expected:
                wrong.append((mood, got))

    threads = [threading.Thread(target=call, args=(i,)) for i in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(looker.requests("login_user")) == 2 * 2, "two users, two threads"


def test_what_many_unanswered_calls_leave(moody: Any) -> None:
    server = moody(IDENTITY_TIMEOUT="0.1")

    def round_of_calls() -> None:
        threads = [
            threading.Thread(target=call_in_mood, args=(server, "never")) for _ in range(50)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    round_of_calls()
    before = server.process.resident_kib()
    for _ in range(4):
        round_of_calls()
    assert server.process.resident_kib() < before + 8192
    assert whoami(in_mood(server, "user=2")) == "2"


# ---- the example ----


class TokenService:
    """POST /exchange: {"access_token": …} for a bearer token that it knows, 401 for others."""

    def __init__(self) -> None:
        self.known: dict[str, Any] = {}
        self.asked: list[str] = []
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                token = (self.headers["Authorization"] or "").removeprefix("Bearer ")
                service.asked.append(token)
                answer = service.known.get(token)
                if callable(answer):
                    answer = answer()
                status = answer if isinstance(answer, int) else 200 if answer else 401
                body = json.dumps({"access_token": answer} if status == 200 else {}).encode()
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/exchange"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def tokens() -> Iterator[TokenService]:
    service = TokenService()
    yield service
    service.server.shutdown()
    service.server.server_close()


@pytest.fixture
def exchange(http: Any, tokens: TokenService, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A server with the example plug-in."""
    from harness import mcp

    original = mcp.environment
    monkeypatch.setattr(
        mcp, "environment", lambda *a: {**original(*a), "TOKEN_EXCHANGE_URL": tokens.url}
    )

    def start(**more: str) -> Any:
        return http(IDENTITY_PLUGIN=str(PLUGINS / "exchange.so"), **more)

    return start


def bearing(server: Any, token: str) -> Any:
    server.headers = {"Authorization": f"Bearer {token}"}
    return server


def test_a_bearer_token_is_exchanged(exchange: Any, tokens: TokenService, looker: Sandbox) -> None:
    tokens.known = {SECRET_TOKEN: looker.token_of("2"), "graces": looker.token_of("3")}
    server = exchange()
    assert whoami(bearing(server, SECRET_TOKEN)) == "2"
    assert whoami(bearing(server, "graces")) == "3"
    assert tokens.asked == [SECRET_TOKEN, "graces"]
    assert [r["user"] for r in looker.requests("me")] == ["2", "3"]
    failure = bearing(server, "strangers").failure("whoami")
    assert "does not accept your bearer token" in failure["error"] and failure["status"] == 401
    server.headers = {}
    assert whoami(server) == "1", "no bearer token, no opinion"
    server.close()
    assert SECRET_TOKEN not in server.process.stderr.decode()


def test_a_token_service_that_fails(exchange: Any, tokens: TokenService, looker: Sandbox) -> None:
    tokens.known = {"a": 500, "b": 403, "c": 200}
    server = exchange()
    assert bearing(server, "a").failure("whoami")["status"] == 503
    assert bearing(server, "b").failure("whoami")["status"] == 401
    assert "no access_token" in bearing(server, "c").failure("whoami")["error"]
    assert bearing(server, "x" * 8190).failure("whoami")["status"] == 401
    tokens.server.shutdown()
    tokens.server.server_close()
    assert bearing(server, "a").failure("whoami")["status"] == 503
    assert looker.requests("me") == []


def test_a_token_service_that_hangs(exchange: Any, tokens: TokenService) -> None:
    let_go = threading.Event()
    tokens.known = {"a": lambda: let_go.wait(60) and 500}
    server = exchange(IDENTITY_TIMEOUT="0.5")
    assert "LOOKER_IDENTITY_TIMEOUT" in bearing(server, "a").failure("whoami")["error"]
    began = time.monotonic()
    server.close()
    assert time.monotonic() - began < 10
    let_go.set()


def test_a_hundred_exchanges_at_once(
    exchange: Any, tokens: TokenService, looker: Sandbox
) -> None:
    users = {f"t{i}": "23"[i % 2] for i in range(100)}
    looker_tokens = {user: looker.token_of(user) for user in "23"}
    tokens.known = {token: looker_tokens[user] for token, user in users.items()}
    server = exchange()
    got: dict[str, str] = {}

    def call(token: str) -> None:
        message = server.envelope("tools/call", {"name": "whoami", "arguments": {}}, token)
        _, answered = server.rpc(message, {"Authorization": f"Bearer {token}"})
        answer = json.loads(answered["result"]["content"][0]["text"])
        got[token] = str(answer.get("id") or answer)

    threads = [threading.Thread(target=call, args=(token,)) for token in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == users


# ---- plug-ins that stop the start ----


def fails_to_start(tmp_path: Path, plugin: str, **more: str) -> str:
    settings = settings_for("http://127.0.0.1:1", IDENTITY_PLUGIN=plugin, **more)
    result = run(["--transport", "streamable-http", "--port", "0"], tmp_path, settings)
    assert result.returncode == 2 and result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1 and "LOOKER_IDENTITY_PLUGIN" in lines[0], result.stderr
    return lines[0]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bad_no_symbol", ["looker_identity_plugin", "not exported"]),
        ("bad_wrong_abi", ["built for version 2", "expects version 1"]),
        ("bad_unknown_abi", ["does not know version 1"]),
        ("bad_small_table", ["has 16 bytes", "sizeof"]),
        ("bad_no_name", ["no `name`"]),
        ("bad_no_resolve", ["no `resolve`"]),
        ("bad_init_fails", ["bad could not initialise itself (7)", "the moon is not full"]),
        ("bad_bad_header", ['"X Bad"', "names of 32 headers"]),
        ("exchange", ["TOKEN_EXCHANGE_URL is not set"]),
    ],
)
def test_a_bad_plug_in_stops_the_start(tmp_path: Path, name: str, said: list[str]) -> None:
    path = str(PLUGINS / f"{name}.so")
    line = fails_to_start(tmp_path, path)
    assert path in line and all(part in line for part in said), line


def test_a_file_that_is_no_plug_in(tmp_path: Path) -> None:
    (tmp_path / "text.so").write_text("not a library")
    assert "cannot be loaded" in fails_to_start(tmp_path, str(tmp_path / "text.so"))
    assert "file that can be read" in fails_to_start(tmp_path, str(tmp_path / "none.so"))
    shutil.copy(PLUGINS / "moody.so", tmp_path / "moody.so")
    assert "absolute path" in fails_to_start(tmp_path, "moody.so")
    assert "absolute path" in fails_to_start(tmp_path, "./moody.so")
    assert "cannot be loaded" in fails_to_start(tmp_path, str(tmp_path))


def test_check_and_call_load_it_too(tmp_path: Path, looker: Sandbox) -> None:
    bad = settings_for(looker, IDENTITY_PLUGIN=str(PLUGINS / "bad_init_fails.so"))
    good = settings_for(looker, IDENTITY_PLUGIN=str(PLUGINS / "moody.so"))
    for command in (["--check"], ["call", "whoami"]):
        assert run(command, tmp_path, bad).returncode == 2
        assert run(command, tmp_path, good).returncode == 0


def test_an_env_file_found_by_chance_loads_no_code(tmp_path: Path, looker: Sandbox) -> None:
    settings = settings_for(looker)
    (tmp_path / ".env").write_text(f"LOOKER_IDENTITY_PLUGIN={PLUGINS / 'moody.so'}\n")
    result = run(["--check"], tmp_path, settings)
    assert result.returncode == 2 and "--env-file .env" in result.stderr
    assert run(["--check", "--env-file", ".env"], tmp_path, settings).returncode == 0
    assert run(["--check", "--env-file", "/dev/null"], tmp_path, settings).returncode == 0


def test_the_header_stands_alone_in_c_and_cpp(tmp_path: Path) -> None:
    header = ROOT / "src" / "handlers" / "looker_mcp_identity.h"
    for language, standard in (("c", "c11"), ("c++", "c++11")):
        result = subprocess.run(
            ["gcc", "-x", language, f"-std={standard}", "-Wall", "-Wextra", "-Werror", "-pedantic",
             "-fsyntax-only", str(header)],
            capture_output=True, text=True,
        )
        assert result.returncode == 0, result.stderr
