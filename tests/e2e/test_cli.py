"""The command line: what each command prints, and with which exit status it ends."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.manifest import GROUPS, TOOLS
from harness.mcp import settings_for
from harness.process import SERVER, Process, environment, run, wait_for
from harness.redis import Redis
from harness.sandbox import Sandbox


def test_version_and_help_need_no_settings(tmp_path: Path) -> None:
    version = run(["--version"], tmp_path)
    assert version.returncode == 0
    assert re.fullmatch(r"looker-mcp-server \d+\.\d+\.\d+\n", version.stdout)
    help_text = run(["--help"], tmp_path)
    assert help_text.returncode == 0 and help_text.stderr == ""
    for word in ("call TOOL", "--list-tools", "--check", "Exit status", "LOOKER_BASE_URL"):
        assert word in help_text.stdout


def test_list_tools_prints_every_tool_with_its_group(tmp_path: Path) -> None:
    result = run(["--list-tools", "--groups", "all"], tmp_path)
    assert result.returncode == 0
    listed: dict[str, list[str]] = {}
    for line in result.stdout.splitlines():
        group, tool = line.split()[:2]
        listed.setdefault(group, []).append(tool)
    assert listed == GROUPS
    assert "query" in listed["query"] and "whoami" in listed["identity"]


def test_groups_choose_the_tools(tmp_path: Path) -> None:
    result = run(["--list-tools", "--groups", "schema,identity"], tmp_path)
    assert {line.split()[0] for line in result.stdout.splitlines()} == {"schema", "identity"}
    assert len(result.stdout.splitlines()) == len(GROUPS["schema"]) + len(GROUPS["identity"])


def test_check_gives_a_verdict_each(tmp_path: Path, looker: Sandbox) -> None:
    result = run(["--check"], tmp_path, settings_for(looker))
    assert result.returncode == 0, result.stdout + result.stderr
    for what in ("settings", "reachability", "credentials"):
        assert re.search(rf"^{what} +ok", result.stdout, re.MULTILINE), result.stdout
    assert looker.state()["live_tokens"] == 0, "it logs out"


def test_check_tells_where_leases_are_kept(
    tmp_path: Path, looker: Sandbox, redis: Callable[..., Redis]
) -> None:
    def leases(**more: str) -> tuple[int, str]:
        result = run(["--check"], tmp_path, settings_for(looker, **more))
        line = re.search(r"^branch leases +(.*)$", result.stdout, re.MULTILINE)
        assert line, result.stdout + result.stderr
        assert "sesame" not in result.stdout + result.stderr
        return result.returncode, line[1]

    state = tmp_path / ".local/state/looker-mcp-server"
    assert leases() == (0, f"ok      in files in {state}")
    assert not (tmp_path / ".local").exists(), "asking makes no directory"
    assert leases(STATE_DIR=str(tmp_path)) == (0, f"ok      in files in {tmp_path}")
    (tmp_path / "file").write_text("")
    status, said = leases(STATE_DIR=str(tmp_path / "file/state"))
    assert status == 1 and said.startswith("FAILED") and "Not a directory" in said
    status, said = leases(STATE_DIR="/proc/nope")
    assert status == 1 and said.startswith("FAILED") and "cannot make /proc/nope" in said
    assert "LOOKER_STATE_DIR" in said
    (tmp_path / ".local").write_text("")
    status, said = leases()
    assert status == 0 and said.startswith("none"), "most servers never borrow a branch"

    server = redis(password="sesame")
    assert leases(LEASE_URL=server.url) == (0, f"ok      in Redis at 127.0.0.1:{server.port}")
    status, said = leases(LEASE_URL=server.url.replace("sesame", "sesame2"))
    assert status == 1 and "refuses the user or the password" in said
    server.kill()
    status, said = leases(LEASE_URL=server.url)
    assert status == 1 and f"Redis at 127.0.0.1:{server.port} cannot be reached" in said


def test_check_tries_the_ci_users(tmp_path: Path, looker: Sandbox) -> None:
    def lines(users: str, **more: str) -> tuple[int, list[str]]:
        result = run(["--check"], tmp_path, settings_for(looker, CI_USERS=users, **more))
        return result.returncode, re.findall(r"^CI user +(.*)$", result.stdout, re.MULTILINE)

    status, (ada, grace) = lines("ada,3")
    assert status == 0
    assert re.fullmatch(r'ok +"ada" is user 2, ada@example.com', ada)
    assert re.fullmatch(r'ok +"3" is user 3, grace@example.com', grace)
    assert looker.state()["live_tokens"] == 0, "it logs out"
    status, told = lines("ada,2,nobody@example.com,77,gone@example.com,grace@example.com")
    assert status == 1 and len(told) == 6
    for line, words in zip(
        told,
        (
            ("ok ", "user 2"),
            ("FAILED", 'the user 2 twice, as "ada" and "2"'),
            ("FAILED", 'no user has the e-mail address "nobody@example.com"'),
            ("FAILED", "no user with the id 77"),
            ("FAILED", "disabled in Looker", 'LOOKER_CI_USERS names "gone@example.com"'),
            ("ok ", "user 3"),
        ),
    ):
        assert all(word in line for word in words), line
    looker.rules({"operation": "update_session", "status": 422, "body": {"message": "Not allowed"}})
    status, (refused,) = lines("ada")
    assert status == 1 and "permission develop" in refused and '"ada"' in refused
    status, (refused,) = lines("ada", SUDO_AS_USER="false")
    assert status == 1 and "LOOKER_SUDO_AS_USER=false" in refused


def test_check_with_wrong_credentials(tmp_path: Path, looker: Sandbox) -> None:
    result = run(["--check"], tmp_path, settings_for(looker, CLIENT_SECRET="wrong"))
    assert result.returncode == 1
    assert re.search(r"^reachability +ok", result.stdout, re.MULTILINE)
    assert re.search(r"^credentials +FAILED.*LOOKER_CLIENT_ID", result.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(401, "ok"), (403, "ok"), (404, "FAILED"), (302, "FAILED"), (429, "FAILED"), (502, "FAILED")],
)
def test_check_tells_a_looker_from_something_else(
    tmp_path: Path, looker: Sandbox, status: int, verdict: str
) -> None:
    looker.rules({"operation": "versions", "status": status})
    result = run(["--check"], tmp_path, settings_for(looker))
    line = re.search(r"^reachability.*$", result.stdout, re.MULTILINE)
    assert line and line[0].split()[1] == verdict and f"HTTP {status}" in line[0], result.stdout
    assert ("give scheme and host only" in line[0]) == (status in (302, 404))
    assert (result.returncode == 0) == (verdict == "ok")


def test_check_with_a_wrong_path(tmp_path: Path, looker: Sandbox) -> None:
    result = run(["--check"], tmp_path, settings_for(f"{looker.url}/wrong/path"))
    assert result.returncode == 1
    assert re.search(r"^reachability +FAILED .*HTTP 404: .*scheme and host", result.stdout, re.M)


def test_check_says_what_is_not_set(tmp_path: Path, looker: Sandbox) -> None:
    result = run(["--check"], tmp_path, settings_for(looker))
    assert "LOOKER_CA_FILE= (not set)\n" in result.stdout


def test_no_log_lines_between_the_answers(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        env = settings_for(f"http://127.0.0.1:{unused.getsockname()[1]}")
        verbose = run(["call", "whoami"], tmp_path, env)
        del env["LOOKER_LOG_LEVEL"]
        for words in (["call", "whoami"], ["--check"]):
            quiet = run(words, tmp_path, env)
            assert quiet.returncode == 1
            assert "{" not in quiet.stderr, quiet.stderr
    lines = [json.loads(line) for line in verbose.stderr.splitlines() if line.startswith("{")]
    failed = [line for line in lines if line["event"].endswith("call_failed")]
    assert failed and all("status" not in line for line in failed), "nobody answered"


def test_serving_on_stdio_says_so(tmp_path: Path, looker: Sandbox) -> None:
    served = run([], tmp_path, settings_for(looker))
    assert served.returncode == 0 and served.stdout == ""
    lines = [json.loads(line) for line in served.stderr.splitlines() if line.startswith("{")]
    assert [line["tools"] for line in lines if line["event"] == "stdio.serving"] == [len(TOOLS)]


def test_check_without_looker(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        result = run(["--check"], tmp_path, settings_for(url))
    assert result.returncode == 1
    assert re.search(r"^reachability +FAILED", result.stdout, re.MULTILINE)


def test_call_prints_the_answer(tmp_path: Path, looker: Sandbox) -> None:
    arguments = '{"model":"thelook","view":"orders","fields":["orders.status","orders.count"],"limit":3}'
    result = run(["call", "query", arguments], tmp_path, settings_for(looker))
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    assert len(answer["items"]) == 3
    assert looker.state()["live_tokens"] == 0, "it logs out"


def test_call_reads_its_arguments_from_stdin(tmp_path: Path, looker: Sandbox) -> None:
    result = run(
        ["call", "get_model", "-"], tmp_path, settings_for(looker), b'{"model_name":"thelook"}\n'
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert json.loads(result.stdout)["name"] == "thelook"


def test_call_takes_all_that_the_limit_allows(tmp_path: Path, looker: Sandbox) -> None:
    settings = {**settings_for(looker), "LOOKER_MAX_REQUEST_BYTES": "1024"}
    fits = run(["call", "whoami", "-"], tmp_path, settings, b"{" + b" " * 1022 + b"}")
    assert fits.returncode == 0, fits.stdout + fits.stderr
    larger = run(["call", "whoami", "-"], tmp_path, settings, b"{" + b" " * 1023 + b"}")
    assert larger.returncode == 1
    assert "LOOKER_MAX_REQUEST_BYTES" in larger.stderr


def test_call_that_fails_at_run_time(tmp_path: Path, looker: Sandbox) -> None:
    looker.rules({"operation": "me", "status": 500})
    result = run(["call", "whoami"], tmp_path, settings_for(looker))
    assert result.returncode == 1
    assert json.loads(result.stdout)["status"] == 500


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["call", "no_such_tool"], 2, "no_such_tool"),
        (["call", "whoam"], 2, "whoami"),
        (["call", "whoami", "{"], 2, "JSON"),
        (["call", "whoami", "[]"], 2, "object"),
        (["call", "query", "{}"], 1, "missing required argument"),
        (["call", "whoami", '{"x":1}'], 1, "x"),
    ],
)
def test_call_that_cannot_be_made(
    tmp_path: Path, looker: Sandbox, words: list[str], status: int, said: str
) -> None:
    result = run(words, tmp_path, settings_for(looker))
    assert result.returncode == status
    assert said in result.stdout + result.stderr


def test_output_that_cannot_be_written_is_a_failure(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [str(SERVER), "--list-tools"], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE,
            env={"PATH": "/usr/bin:/bin"}, timeout=30,
        )
    assert ended.returncode == 1


def interrupted(
    tmp_path: Path, looker: Sandbox, signals: list[int], arguments: dict[str, str], **more: str
) -> tuple[int, str]:
    """Exit status and answer of a query of ten minutes that gets these signals once it runs."""
    looker.control("POST", "/_sandbox/queries", {"seconds": 600, "speed": 1})
    query = {"model": "thelook", "view": "orders", "fields": ["orders.id"], **arguments}
    # A test that runs in the background may have signals ignored.
    command = ["env", "--default-signal", str(SERVER), "call", "query", json.dumps(query)]
    call = Process(command, tmp_path, environment(tmp_path, settings_for(looker, **more)), "call")
    try:
        wait_for("the query", lambda: looker.state()["running_queries"] == 1)
        for number in signals:
            call.popen.send_signal(number)
            time.sleep(0.1)
        assert call.popen.stdout
        status, answer = call.wait(), call.popen.stdout.read().decode()
        assert "Sanitizer" not in call.stderr.decode(), call.stderr
        return status, answer
    finally:
        call.discard()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_call_that_is_interrupted_stops_its_query(
    tmp_path: Path, looker: Sandbox, number: int
) -> None:
    status, answer = interrupted(tmp_path, looker, [number], {})
    assert status == 128 + number and json.loads(answer)["kind"] == "cancelled"
    assert [r["status"] for r in looker.requests("kill_query")] == [204]
    state = looker.state()
    assert state["running_queries"] == 0 and state["live_tokens"] == 0, "it logs out"


def test_a_call_that_is_interrupted_gives_its_branch_back(tmp_path: Path, looker: Sandbox) -> None:
    borrows = {"branch": "hotfix", "project_id": "thelook"}
    status, _ = interrupted(tmp_path, looker, [signal.SIGINT], borrows)
    assert status == 130
    (cell,) = looker.control("GET", "/_sandbox/cells")
    assert cell["branch"] != "hotfix" and cell["switches"] == 2


def test_a_call_that_is_interrupted_twice_waits_for_nothing(tmp_path: Path, looker: Sandbox) -> None:
    looker.rules({"operation": "kill_query", "delay_ms": 60_000})
    began = time.monotonic()
    status, _ = interrupted(tmp_path, looker, [signal.SIGINT, signal.SIGINT], {})
    assert status == 130 and time.monotonic() - began < 20
    looker.obey()
