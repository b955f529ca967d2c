"""No secret, token or password gets out: not into the log at its chattiest, not into an error, not
into what `ps` shows, not into a core dump. Looker and the gateways in front of it do their worst."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.evil import TOKEN, EvilLooker, reply
from harness.mcp import settings_for
from harness.process import BUILD, SERVER, environment, run, wait_for
from harness.sandbox import CLIENT_SECRET, Sandbox

PASSWORD = 'pw-7f"3e\\91é'
GIT_PASSWORD = "git-pw-58a1c4"
HEADER_TOKEN = "header-token-c0ffee11"
STATIC_TOKEN = "static-token-0badcafe"
PLUGIN_SECRET = "plugin-secret-99d2"
SECRETS = (CLIENT_SECRET, TOKEN, PASSWORD, GIT_PASSWORD, HEADER_TOKEN, STATIC_TOKEN, PLUGIN_SECRET)

CONNECTION = {"name": "mine", "dialect_name": "postgres", "host": "db", "password": PASSWORD}
PROJECT = {
    "project_id": "p",
    "name": "p",
    "git_remote_url": "https://git.example.com/p.git",
    "git_password": GIT_PASSWORD,
}


def forms(secret: str) -> Iterator[str]:
    """A secret as it may be written down: as it is, in JSON, in JSON in JSON, in a form."""
    from urllib.parse import quote, quote_plus

    yield secret
    for ascii_only in (True, False):
        once = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        twice = json.dumps(once, ensure_ascii=ascii_only)[1:-1]
        yield from (once, twice, json.dumps(twice, ensure_ascii=ascii_only)[1:-1])
    yield from (quote(secret, safe=""), quote_plus(secret))


def assert_says_nothing(text: str, *secrets: str) -> None:
    for secret in secrets or SECRETS:
        for form in forms(secret):
            assert form not in text, f"{form} in {text[max(0, text.index(form) - 300):][:700]}"


class Listener:
    """Calls tools of a server and keeps all that it says; at the end nothing of it is a secret."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.said = ""

    def fails(self, tool: str, arguments: dict[str, Any] | None = None) -> dict[str, Any]:
        failure: dict[str, Any] = self.server.failure(tool, arguments)
        self.said += json.dumps(failure, ensure_ascii=False) + "\n"
        return failure

    def check(self) -> None:
        if self.server.process.alive():
            self.server.close()
        log = self.server.process.stderr.decode()
        assert '"event"' in log, "or there is nothing to find"
        assert_says_nothing(self.said)
        assert_says_nothing(log)


@pytest.fixture
def evil() -> Iterator[EvilLooker]:
    looker = EvilLooker()
    yield looker
    looker.close()


# ---- pages that show the request ----

Page = Callable[[str, bytes], Any]
PAGES: dict[str, Page] = {
    "message": lambda head, body: {"message": f"cannot take {head} {body.decode()}"},
    "body as JSON": lambda head, body: {"message": "no", "request": as_json(body), "head": head},
    "errors": lambda head, body: {
        "message": "Validation Failed",
        "errors": [{"field": "body", "message": body.decode(), "code": head}],
    },
    "documentation_url": lambda head, body: {"documentation_url": head + body.decode()},
    "values": lambda head, body: {"message": " ".join(strings(as_json(body))), "errors": []},
    "no JSON": lambda head, body: b"<pre>" + head.encode() + body + b"</pre>",
    "cut JSON": lambda head, body: json.dumps({"message": body.decode() + head}).encode()[:-1],
}


def as_json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode()


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in strings(item)]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [str(value)]


@pytest.mark.parametrize("page", PAGES)
def test_pages_that_show_the_request(stdio: Any, evil: EvilLooker, page: str) -> None:
    server = stdio("--timeout", "5", upstream=evil.url, API_ALLOW_WRITES="true")
    listener = Listener(server)
    for status in ("400 X", "401 X", "403 X", "404 X", "409 X", "422 X", "500 X", "502 X"):
        # With the head, which has the token, and without: each is enough to be kept back.
        for shown in (1, 0):
            evil.answer = lambda head, body, s=status, n=shown: reply(PAGES[page](head * n, body), s)
            listener.fails("list_connections")
            listener.fails("create_connection", CONNECTION)
            operation = {"operation": "create_connection", "body": CONNECTION}
            listener.fails("call_operation", operation)
    for status in ("401 X", "404 X", "500 X"):
        evil.login_answer = lambda head, body, s=status: reply(PAGES[page](head, body), s)
        listener.fails("whoami")
    listener.check()


def test_answers_that_show_the_request_and_succeed(stdio: Any, evil: EvilLooker) -> None:
    """A 200 that is not what was asked for: none of it is quoted."""
    listener = Listener(stdio("--timeout", "5", upstream=evil.url))
    for status in ("200 OK", "302 Found"):
        for page in ("no JSON", "cut JSON", "message"):
            evil.answer = lambda head, body, p=page, s=status: reply(PAGES[p](head, body), s)
            listener.fails("list_connections")
    listener.check()


@pytest.mark.parametrize("tool", ["update_connection", "update_project", "bootstrap_lookml_project"])
def test_what_other_tools_send(stdio: Any, evil: EvilLooker, tool: str) -> None:
    arguments = {
        "update_connection": {**CONNECTION, "connection_name": "mine"},
        "update_project": PROJECT,
        "bootstrap_lookml_project": PROJECT,
    }[tool]
    listener = Listener(stdio("--timeout", "5", upstream=evil.url))
    known = {a["name"]: a for a in listener.server.tools()}[tool]["inputSchema"]["properties"]
    arguments = {name: value for name, value in arguments.items() if name in known}
    assert {"password", "git_password"} & set(arguments)
    shown: list[bytes] = []

    def answer(head: str, body: bytes) -> bytes:
        if head.startswith("GET /api/4.0/user?"):
            return reply({"id": "1"})
        if head.startswith("GET"):
            return reply({"message": "Not found"}, "404 X")
        if "/session" in head.split("\r\n")[0]:
            return reply({"workspace_id": "dev"})
        if b"password" not in body:
            return reply({"id": "p", "name": "p"})
        shown.append(body)
        return reply(PAGES["message"]("", body), "422 X")

    evil.answer = answer
    listener.fails(tool, arguments)
    assert shown, "it came so far as to send it"
    listener.check()


# ---- failures of every kind, from the sandbox ----


def test_every_way_to_fail(stdio: Any, looker: Sandbox) -> None:
    listener = Listener(stdio("--timeout", "2"))
    token = looker.token_of("1")
    kinds: list[dict[str, Any]] = [
        {"status": 401},
        {"expire_tokens": True},
        {"status": 429, "retry_after": 100},
        {"cut_after_bytes": 0},
        {"cut_after_bytes": 7},
        *({"corrupt": kind} for kind in ("not_json", "html", "truncate_json", "bad_utf8", "deep")),
    ]
    for kind in kinds:
        for operation in ("create_connection", "login"):
            looker.rules({"operation": operation, **kind})
            if operation == "login":
                looker.expire_tokens()
            try:
                listener.fails("create_connection", CONNECTION)
            except AssertionError:
                assert operation == "login" or "expire_tokens" in kind  # it was tried again
    listener.check()
    assert_says_nothing(listener.server.process.stderr.decode(), token)


def test_a_wrong_secret(stdio: Any, looker: Sandbox) -> None:
    wrong = "wrong-secret-31f0"
    server = stdio(CLIENT_SECRET=wrong)
    listener = Listener(server)
    listener.fails("whoami")
    listener.check()
    assert_says_nothing(listener.said + server.process.stderr.decode(), wrong)


def test_arguments_that_are_refused(stdio: Any) -> None:
    listener = Listener(stdio())
    for value in ([PASSWORD], {"x": PASSWORD}, PASSWORD * 20000):
        listener.fails("create_connection", {**CONNECTION, "password": value})
    listener.fails("create_connection", {**CONNECTION, "passwort": PASSWORD})
    listener.fails("create_connection", {**CONNECTION, "port": "x"})
    del (nameless := dict(CONNECTION))["name"]
    listener.fails("create_connection", nameless)
    listener.check()


def test_messages_that_cannot_be_read(stdio: Any, http: Any) -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
    params = {"name": "create_connection", "arguments": CONNECTION}
    whole = json.dumps({**call, "params": params})
    broken = [
        whole[: whole.index(", \"password") + 20],
        whole[:-1],
        whole.replace('"mine"', "mine"),
        whole.replace('"postgres"', '"\\u12"'),
        json.dumps({**call, "params": {**params, "name": PASSWORD}}),
    ]
    server, other = stdio(), http()
    said = ""
    for text in broken[:-1]:
        said += json.dumps(server.raw_exchange(text.encode()))
        said += other.post(text.encode(), {"MCP-Protocol-Version": other.revision})[2].decode()
    assert said.count('"error"') == 2 * len(broken[:-1])
    for process in (server.process, other.process):
        assert_says_nothing(process.stderr.decode())
    assert_says_nothing(said)


# ---- who calls ----


def test_tokens_of_callers(http: Any, looker: Sandbox) -> None:
    server = http(DEPLOYMENT_TYPE="google_cloud_core", MCP_AUTH_TOKEN=STATIC_TOKEN,
                  headers={"Authorization": f"Bearer {STATIC_TOKEN}"})
    listener = Listener(server)
    bearer = server.headers
    for token in (HEADER_TOKEN, HEADER_TOKEN + " and more", HEADER_TOKEN * 300):
        server.headers = {**bearer, "X-User-Token": token}
        listener.fails("whoami")
    server.headers = {**bearer, "X-User-Email": HEADER_TOKEN}
    assert "X-User-Token" in server.failure("whoami")["error"]
    message = json.dumps(server.envelope("tools/call", {"name": "whoami", "arguments": {}}, 1))
    for path, headers in (
        ("/mcp", {"Authorization": f"Bearer {STATIC_TOKEN}x"}),
        ("/mcp", {"Authorization": f"Basic {STATIC_TOKEN}"}),
        ("/mcp", {}),
        (f"/mcp?access_token={STATIC_TOKEN}", bearer),
        (f"/{STATIC_TOKEN}", {}),
    ):
        headers = {"Content-Type": "application/json", **headers}
        status, answered, data = server.exchange("POST", path, message.encode(), headers)
        assert status in (400, 401, 404)
        listener.said += data.decode() + str(answered)
    listener.check()


def test_keys_and_tokens_of_a_plug_in(http: Any, looker: Sandbox, evil: EvilLooker) -> None:
    plugin = str(BUILD / "tests" / "plugin" / "moody.so")
    for upstream in (looker, evil.url):
        evil.answer = lambda head, body: reply(PAGES["message"](head, body), "403 X")
        evil.login_answer = evil.answer
        server = http(upstream=upstream, IDENTITY_PLUGIN=plugin)
        listener = Listener(server)
        for mood in (f"keys=someone:{PLUGIN_SECRET}", f"token={PLUGIN_SECRET}", f"user={PLUGIN_SECRET}"):
            server.headers = {"X-Mood": mood, "Authorization": f"Bearer {HEADER_TOKEN}"}
            if mood.startswith("user"):  # not a secret: it is named so that it can be mended
                server.failure("whoami")
            else:
                listener.fails("whoami")
        listener.check()


def test_a_secret_that_a_tool_hands_out(stdio: Any, looker: Sandbox) -> None:
    server = stdio()
    answer = server.answer("create_credentials_api3", {"user_id": "3"})
    secret = answer["client_secret"]
    assert len(secret) >= 8
    server.close()
    assert_says_nothing(server.process.stderr.decode(), secret, CLIENT_SECRET)


# ---- settings, and the command line ----


@pytest.mark.parametrize(
    "text",
    [
        "LOOKER_CLIENT_SECRET='{}",
        "LOOKER_CLIENT_SECRT={}",
        "LOOKER_CLIENT_SECRET={}\nLOOKER_CLIENT_SECRET_FILE=/dev/null",
        "LOOKER_CLIENT_SECRET={}\nLOOKER_PORT=x",
        "LOOKER_MCP_AUTH_TOKEN={}\nLOOKER_TRANSPORT=x",
    ],
)
def test_settings_that_stop_the_start(tmp_path: Path, text: str) -> None:
    (tmp_path / ".env").write_text(text.format(STATIC_TOKEN) + "\n")
    result = run(["--check"], tmp_path, {"LOOKER_BASE_URL": "http://127.0.0.1:1", "LOOKER_CLIENT_ID": "x"})
    assert result.returncode == 2
    assert_says_nothing(result.stdout + result.stderr)


def test_check_shows_settings_but_no_secrets(tmp_path: Path, looker: Sandbox, evil: EvilLooker) -> None:
    evil.login_answer = lambda head, body: reply(PAGES["message"](head, body), "500 X")
    for upstream in (looker, evil.url):
        for flag in ("DEBUG", "ERROR"):
            settings = settings_for(upstream, MCP_AUTH_TOKEN=STATIC_TOKEN, LOG_LEVEL=flag)
            result = run(["--check"], tmp_path, settings)
            assert "LOOKER_CLIENT_SECRET=***" in result.stdout
            assert "LOOKER_MCP_AUTH_TOKEN=***" in result.stdout
            assert_says_nothing(result.stdout + result.stderr)


def test_a_secret_is_taken_from_no_flag(tmp_path: Path) -> None:
    for flag in ("--client-secret", "--mcp-auth-token"):
        for arguments in ([flag, STATIC_TOKEN], [f"{flag}={STATIC_TOKEN}"]):
            result = run(["--check", *arguments], tmp_path, settings_for("http://127.0.0.1:1"))
            assert result.returncode == 2
            assert_says_nothing(result.stdout + result.stderr)


# ---- ps and core dumps ----


def test_ps_shows_none(http: Any, looker: Sandbox) -> None:
    server = http(MCP_AUTH_TOKEN=STATIC_TOKEN, headers={"Authorization": f"Bearer {STATIC_TOKEN}"})
    server.answer("whoami")
    seen = subprocess.run(
        ["ps", "-ww", "-o", "args=,comm=", "-p", str(server.process.pid)],
        capture_output=True, text=True, check=True,
    ).stdout if shutil.which("ps") else ""
    seen += Path(f"/proc/{server.process.pid}/cmdline").read_bytes().decode()
    seen += Path(f"/proc/{server.process.pid}/comm").read_text()
    assert "looker-mcp-server" in seen
    assert_says_nothing(seen)


class Waiting:
    """`--check` while it waits for Looker's answer to its login, with secrets all over its memory."""

    def __init__(self, looker: Sandbox, folder: Path, program: Path = SERVER, **more: Any) -> None:
        user = more.pop("user", None)
        looker.rules({"operation": "me", "delay_ms": 600_000})
        env = environment(folder, settings_for(looker, **more))
        env["ASAN_OPTIONS"] += ":disable_coredump=0"
        self.popen = subprocess.Popen(
            [str(program), "--check"], cwd=folder, env=env, user=user, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=allow_cores,
        )
        wait_for("it to wait", lambda: looker.requests("login") != [] or None)

    def die(self) -> int:
        self.popen.send_signal(signal.SIGABRT)
        _, status = os.waitpid(self.popen.pid, 0)
        self.popen.returncode = status
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGABRT
        return status


def allow_cores() -> None:
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


def test_check_leaves_no_core(tmp_path: Path, looker: Sandbox) -> None:
    assert not os.WCOREDUMP(Waiting(looker, tmp_path).die())
    assert list(tmp_path.glob("core*")) == []


def test_a_core_is_left_when_it_is_wanted(tmp_path: Path, looker: Sandbox) -> None:
    """Where a program like `sleep` leaves one at all."""
    other = subprocess.Popen(["sleep", "600"], cwd=tmp_path, preexec_fn=allow_cores)
    other.send_signal(signal.SIGABRT)
    _, status = os.waitpid(other.pid, 0)
    other.returncode = status
    looker.reset()
    ours = Waiting(looker, tmp_path, CORE_DUMPS="true").die()
    assert os.WCOREDUMP(ours) == os.WCOREDUMP(status)


def test_others_of_the_same_user_cannot_read_its_memory(looker: Sandbox) -> None:
    """The kernel gives the files of such a process to root; that is how it can be seen."""
    user = 65534 if os.getuid() == 0 else os.getuid()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        program = Path(shutil.copy(SERVER, folder))
        hidden = Waiting(looker, folder, program, user=user)
        assert Path(f"/proc/{hidden.popen.pid}/environ").stat().st_uid == 0
        status = Path(f"/proc/{hidden.popen.pid}/status").read_text()
        assert re.search(rf"^Uid:\t{user}\t", status, re.M)
        hidden.die()
        looker.reset()
        shown = Waiting(looker, folder, program, user=user, CORE_DUMPS="true")
        assert Path(f"/proc/{shown.popen.pid}/environ").stat().st_uid == user
        shown.popen.kill()
        shown.popen.wait()
