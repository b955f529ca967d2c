"""An independent judge of all that is sent to Looker: Stoplight Prism, on the committed description
of the API, refuses none of the requests that the tools make (tests/e2e/cases), and none of any
operation called with made-up values of the right form."""

from __future__ import annotations

import http.client
import json
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import operations
from harness.cases import Case, load
from harness.judge import PRISM, Judge, Prism
from harness.manifest import OPERATIONS, TOOLS
from harness.mcp import StdioServer, settings_for
from harness.sandbox import Sandbox

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not PRISM.exists(),
    reason="needs Node.js and the packages of tests/prism; tools/test.sh installs both",
)

API = operations.load()
ROOT = "/api/4.0"
CASES = load()
# What a session costs, whatever is called.
SESSION = {("POST", f"{ROOT}/login"), ("PATCH", f"{ROOT}/session")}
# Whose work is done without asking Looker, or that ask whatever they are told to.
WITHOUT_OPERATIONS = {name for name, called in OPERATIONS.items() if not called}


@pytest.fixture(scope="module")
def prism(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prism]:
    prism = Prism(tmp_path_factory.mktemp("prism"), operations.openapi(API, ROOT))
    yield prism
    prism.close()


def serve(judge: Judge, folder: Path) -> Iterator[StdioServer]:
    server = StdioServer(folder, settings_for(judge.url, API_ALLOW_WRITES="true"), "--groups", "all").handshake()
    yield server
    server.close()
    judge.close()


@pytest.fixture(scope="module")
def judge(prism: Prism, shared_sandbox: Sandbox) -> Judge:
    return Judge(prism, shared_sandbox.port)


@pytest.fixture(scope="module")
def server(judge: Judge, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StdioServer]:
    yield from serve(judge, tmp_path_factory.mktemp("judged"))


@pytest.fixture(scope="module")
def alone(prism: Prism) -> Judge:
    return Judge(prism, None)


@pytest.fixture(scope="module")
def server_alone(alone: Judge, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StdioServer]:
    yield from serve(alone, tmp_path_factory.mktemp("alone"))


def run(server: StdioServer, looker: Sandbox, case: Case) -> set[str]:
    """A case without its checks: what came of it is test_every_tool's to judge. The operations that
    the sandbox saw."""
    looker.reset()
    before = [server.answer(tool, arguments) for tool, arguments in case.before]
    arguments = case.resolved(before)
    if case.rules:
        looker.rules(*case.rules)
    server.call(case.tool, arguments)
    looker.obey()
    return {r["operation"] for r in looker.requests()}


@pytest.mark.parametrize("tool", sorted(TOOLS))
def test_nothing_that_a_tool_sends_is_refused(
    server: StdioServer, judge: Judge, looker: Sandbox, tool: str
) -> None:
    seen, reached = len(judge.verdicts), set()
    for case in (c for c in CASES if c.tool == tool):
        reached |= run(server, looker, case)
    verdicts = judge.verdicts[seen:]
    refused = [str(v) for v in verdicts if v.violations]
    assert not refused, "\n".join(refused)
    assert verdicts or tool in WITHOUT_OPERATIONS, "the judge saw nothing of this tool"
    if never := sorted(set(OPERATIONS[tool]) - reached):
        warnings.warn(f"no case of {tool} comes to: {', '.join(never)}", stacklevel=1)


@pytest.mark.parametrize("full", [False, True], ids=["required", "everything"])
def test_no_operation_is_refused(server_alone: StdioServer, alone: Judge, full: bool) -> None:
    """The whole API by call_operation; the answers are Prism's."""
    calls = operations.Calls(API)
    refused = []
    for name, op in sorted(API.operations.items()):
        if op.of_session:
            continue
        seen = len(alone.verdicts)
        result = server_alone.call("call_operation", calls.call(op, full))
        verdicts = [v for v in alone.verdicts[seen:] if (v.method, v.path) not in SESSION]
        refused += [f"{name}: {v}" for v in verdicts if v.violations]
        if not verdicts:
            refused.append(f"{name}: nothing was sent: {result['content'][0]['text'][:500]}")
    assert not refused, "\n".join(refused)


# ---- does the judge judge? ----


@pytest.mark.parametrize(
    "method, path, body, word",
    [
        ("POST", "/queries", {"model": "m", "view": "v", "colour": "red"}, "colour"),
        ("POST", "/queries", {"model": "m"}, "view"),
        ("POST", "/queries", {"model": "m", "view": 1}, "view"),
        ("POST", "/queries", {"model": "m", "view": "v", "id": "7"}, "id"),
        ("POST", "/queries", None, "Body"),
        ("PUT", "/roles/1/users", {"users": ["1"]}, "array"),
        ("GET", "/users?limit=ten", None, "limit"),
        ("GET", "/content_metadata", None, "parent_id"),
        ("GET", "/no/such/path", None, "path"),
        ("DELETE", "/users", None, "METHOD"),
    ],
)
def test_the_judge_refuses(prism: Prism, method: str, path: str, body: Any, word: str) -> None:
    judge = Judge(prism, None)
    try:
        connection = http.client.HTTPConnection(judge.url.removeprefix("http://"), timeout=30)
        headers = {"Authorization": "token x", "Content-Type": "application/json"}
        connection.request(method, ROOT + path, None if body is None else json.dumps(body), headers)
        connection.getresponse().read()
        connection.close()
        assert word in judge.verdicts[0].violations
    finally:
        judge.close()
