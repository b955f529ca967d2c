"""Every tool, with the cases of tests/e2e/cases: with its smallest and with all its arguments, with
wrong ones, and with a Looker that refuses. A tool without cases fails here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.cases import SESSION_OPERATIONS, Case, Got, load
from harness.manifest import ACTING, OPERATIONS, TOOLS
from harness.mcp import StdioServer, answer_text, settings_for
from harness.sandbox import Sandbox

CASES = load()
BY_TOOL: dict[str, list[Case]] = {name: [c for c in CASES if c.tool == name] for name in sorted(TOOLS)}
LOOKERS_WORDS = "seven purple herons disagree"


@pytest.fixture(scope="module")
def shared_server(
    shared_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StdioServer]:
    folder = tmp_path_factory.mktemp("every_tool")
    settings = settings_for(shared_sandbox, API_ALLOW_WRITES="true")
    server = StdioServer(folder, settings, "--groups", "all").handshake()
    yield server
    server.close()


@pytest.fixture
def server(shared_server: StdioServer, looker: Sandbox) -> StdioServer:
    return shared_server


@pytest.fixture(scope="module")
def schemas(shared_server: StdioServer) -> dict[str, dict[str, Any]]:
    return {tool["name"]: tool["inputSchema"] for tool in shared_server.tools()}


def run(server: StdioServer, looker: Sandbox, case: Case) -> Got:
    before = [server.answer(tool, arguments) for tool, arguments in case.before]
    arguments = case.resolved(before)
    if case.rules:
        looker.rules(*case.rules)
    seen = len(looker.requests())
    result = server.call(case.tool, arguments)
    looker.obey()
    # A reset of the sandbox ends its sessions, so the first request may come twice.
    requests = [
        r for r in looker.requests()[seen:] if r["operation"] not in SESSION_OPERATIONS and r["status"] != 401
    ]
    return Got(result, json.loads(answer_text(result)), requests, before)


def is_a_no(case: Case, request: dict[str, Any]) -> bool:
    """Whether it was asked for something that may not be there, and is not."""
    return request["status"] in (400, 404) and request["operation"] in case.missing


@pytest.mark.parametrize("case", [pytest.param(c, id=f"{c.tool}-{i}") for i, c in enumerate(CASES)])
def test_case(server: StdioServer, looker: Sandbox, case: Case) -> None:
    got = run(server, looker, case)
    assert bool(got.result.get("isError")) == case.fails, got.answer
    if not case.rules and not case.fails:
        refused = [r for r in got.requests if r["status"] >= 400 and not is_a_no(case, r)]
        assert refused == [], "the sandbox refuses what Looker's API does not have"
    if case.check:
        case.check(got)


def test_every_tool_has_cases(schemas: dict[str, dict[str, Any]]) -> None:
    assert set(schemas) == TOOLS
    assert not {c.tool for c in CASES} - TOOLS
    missing = []
    for name, schema in schemas.items():
        known = set(schema["properties"]) - {"act_as_user"}
        # Arguments that need the answer to another call are not known here, but their names are.
        given = [set(c.arguments if isinstance(c.arguments, dict) else c.arguments(_ANY)) for c in BY_TOOL[name]]
        if set(schema.get("required", [])) not in given:
            missing.append(f"{name}: no case with exactly its required arguments")
        if unused := known - set().union(*given):
            missing.append(f"{name}: no case with {', '.join(sorted(unused))}")
        if not any(c.check for c in BY_TOOL[name]):
            missing.append(f"{name}: no case that checks the answer")
    assert not missing, "\n".join(missing)


class _Anything(dict[str, Any]):
    """An answer in which everything is there."""

    def __missing__(self, key: str) -> Any:
        return _Anything()

    def __getitem__(self, key: Any) -> Any:
        return _Anything()


class _Answers(list[Any]):
    def __getitem__(self, index: Any) -> Any:
        return _Anything()


_ANY: Any = _Answers()


@pytest.mark.parametrize("tool", sorted(ACTING))
def test_act_as_user_is_obeyed(server: StdioServer, looker: Sandbox, tool: str) -> None:
    """By every request of the tool, those in the dev workspace included."""
    case = next(c for c in BY_TOOL[tool] if not c.fails and not c.rules)
    before = [server.answer(name, {**arguments, **acting(name)}) for name, arguments in case.before]
    seen = len(looker.requests())
    result = server.call(tool, {**case.resolved(before), "act_as_user": "ada@example.com"})
    assert not result.get("isError"), answer_text(result)
    sent = [
        r
        for r in looker.requests()[seen:]
        if r["operation"] not in (*SESSION_OPERATIONS, "login_user", "search_users")
        and r["status"] != 401  # the sandbox was reset, and its sessions with it
    ]
    assert sent and {r["user"] for r in sent} == {"2"}


def acting(tool: str) -> dict[str, Any]:
    return {"act_as_user": "ada@example.com"} if tool in ACTING else {}


# ---- wrong arguments ----

_WRONG: dict[str, Any] = {
    "string": {"no": "text"},
    "integer": "twelve",
    "number": "much",
    "boolean": "perhaps",
    "array": {"not": "a list"},
    "object": "not an object",
}


def smallest(tool: str, schema: dict[str, Any]) -> dict[str, Any]:
    required = set(schema.get("required", []))
    for case in BY_TOOL[tool]:
        if isinstance(case.arguments, dict) and set(case.arguments) == required:
            return case.arguments
    return {name: _placeholder(schema["properties"][name]) for name in required}


def _placeholder(schema: dict[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    return {"string": "1", "integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}[schema["type"]]


@pytest.mark.parametrize("tool", sorted(TOOLS))
def test_wrong_arguments_are_named(
    server: StdioServer, looker: Sandbox, schemas: dict[str, dict[str, Any]], tool: str
) -> None:
    schema = schemas[tool]
    good = smallest(tool, schema)
    for name in schema.get("required", []):
        failure = server.failure(tool, {k: v for k, v in good.items() if k != name})
        assert name in failure["error"], failure
    for name, row in schema["properties"].items():
        failure = server.failure(tool, {**good, name: _WRONG[row["type"]]})
        assert name in failure["error"], failure
    failure = server.failure(tool, {**good, "no_such_argument": 1})
    assert "no_such_argument" in failure["error"], failure
    assert not [r for r in looker.requests() if r["operation"] not in SESSION_OPERATIONS]


# ---- a Looker that refuses ----


@pytest.mark.parametrize("status", [404, 403, 422])
@pytest.mark.parametrize("tool", sorted(name for name, operations in OPERATIONS.items() if operations))
def test_lookers_own_words_come_through(
    server: StdioServer, looker: Sandbox, tool: str, status: int
) -> None:
    good = [c for c in BY_TOOL[tool] if not c.fails]
    case = next((c for c in good if not c.rules), good[0])
    before = [server.answer(name, arguments) for name, arguments in case.before]
    body: dict[str, Any] = {"message": LOOKERS_WORDS, "documentation_url": "https://docs.invalid/"}
    if status == 422:
        body = {
            "message": "Validation Failed",
            "errors": [{"field": "title", "code": "invalid", "message": LOOKERS_WORDS}],
        }
    looker.rules(*({"operation": op, "status": status, "body": body} for op in OPERATIONS[tool]))
    result = server.call(tool, case.resolved(before))
    text = answer_text(result)
    assert LOOKERS_WORDS in text, text[:2000]
    if result.get("isError"):
        assert json.loads(text)["status"] == status
    else:
        # A tool that reports on several things says beside the others which could not be had.
        assert f'"status":{status}' in text or f'"http_status":{status}' in text, text[:2000]
