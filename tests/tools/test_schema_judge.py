"""The judge of the end-to-end tests (tests/e2e/harness/schema.py) finds what it is there to find."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))

from harness import schema  # noqa: E402

META = {"io.modelcontextprotocol/serverInfo": {"name": "s", "version": "1"}}
TOOL = {
    "name": "t",
    "description": "d",
    "inputSchema": {"type": "object", "properties": {"x": {"type": "string"}}},
    "annotations": {"readOnlyHint": True},
}
LEGACY_LIST = {"tools": [TOOL]}
MODERN_LIST = {
    "tools": [TOOL],
    "resultType": "complete",
    "ttlMs": 0,
    "cacheScope": "public",
    "_meta": META,
}


def response(result: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "result": result}


@pytest.mark.parametrize("revision", schema.REVISIONS)
def test_a_right_answer_passes(revision: str) -> None:
    modern = revision in schema.MODERN_REVISIONS
    schema.check_response(revision, "tools/list", response(MODERN_LIST if modern else LEGACY_LIST))


@pytest.mark.parametrize(
    "path",
    [
        ("tools",),
        ("tools", 0, "name"),
        ("tools", 0, "inputSchema"),
        ("tools", 0, "inputSchema", "type"),
        ("tools", 0, "description"),
        ("tools", 0, "annotations", "readOnlyHint"),
    ],
)
@pytest.mark.parametrize("value", [7, None, ["x"]])
@pytest.mark.parametrize("revision", ["2025-03-26", "2026-07-28"])
def test_a_wrong_type_is_found(revision: str, path: tuple[Any, ...], value: Any) -> None:
    modern = revision in schema.MODERN_REVISIONS
    result = copy.deepcopy(MODERN_LIST if modern else LEGACY_LIST)
    place: Any = result
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(schema.NotMcp):
        schema.check_response(revision, "tools/list", response(result))


@pytest.mark.parametrize("member", ["resultType", "ttlMs", "cacheScope", "tools"])
def test_a_missing_member_is_found(member: str) -> None:
    result = {key: value for key, value in MODERN_LIST.items() if key != member}
    with pytest.raises(schema.NotMcp):
        schema.check_response("2026-07-28", "tools/list", response(result))


@pytest.mark.parametrize(
    "message",
    [
        response({**LEGACY_LIST, "nextCurser": "x"}),
        response({"tools": [{**TOOL, "annotations": {"readonlyHint": True}}]}),
        {**response(LEGACY_LIST), "jsonrpc": "1.0"},
        {**response(LEGACY_LIST), "id": None},
        {**response(LEGACY_LIST), "id": True},
        {**response(LEGACY_LIST), "id": 1.5},
        {**response(LEGACY_LIST), "extra": 1},
        {**response(LEGACY_LIST), "error": {"code": -32603, "message": "x"}},
        {"jsonrpc": "2.0", "id": 1},
        {"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": "our own"}},
        {"jsonrpc": "2.0", "id": 1, "error": {"code": -32603}},
        {"jsonrpc": "2.0", "id": 1, "error": {"code": "-32603", "message": "x"}},
        [response(LEGACY_LIST)],
    ],
)
def test_a_wrong_envelope_is_found(message: Any) -> None:
    with pytest.raises(schema.NotMcp):
        schema.check_response("2025-11-25", "tools/list", message)


def test_methods_belong_to_revisions() -> None:
    with pytest.raises(schema.NotMcp):
        schema.check_response("2025-11-25", "server/discover", response({}))
    with pytest.raises(schema.NotMcp):
        schema.check_response("2026-07-28", "ping", response({"resultType": "complete"}))


def test_the_server_name_in_meta_is_looked_at() -> None:
    result = {**MODERN_LIST, "_meta": {"io.modelcontextprotocol/serverInfo": {"name": 1}}}
    with pytest.raises(schema.NotMcp):
        schema.check_response("2026-07-28", "tools/list", response(result))
