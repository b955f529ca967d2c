"""What a client reads before it calls anything: the list of tools. It stands in every conversation, so
it has a budget, and providers take schemas in a narrow form only. Judged here from the outside, not by
the generator's own check."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from harness.manifest import GROUPS
from harness.process import ROOT

DEFAULT_BUDGET = 40_000
WHOLE_BUDGET = 300_000
# Of the groups that data questions need, as many bytes at most: the rest of the budget is others'.
QUESTIONS_BUDGET = 21_500
QUESTIONS = "explore,query,schema,identity"

_ROWS = [
    yaml.safe_load(path.read_text(encoding="utf-8")) for path in (ROOT / "spec" / "tools").glob("*.yaml")
]
IN_ORDER = [
    tool for row in sorted(_ROWS, key=lambda row: row["order"]) for tool in GROUPS[row["group"]]
]
ON_BY_DEFAULT = [
    tool
    for row in sorted(_ROWS, key=lambda row: row["order"])
    if row["on_by_default"]
    for tool in GROUPS[row["group"]]
]


def size(tools: list[dict[str, Any]]) -> int:
    """Bytes of the list as the server sends it: compact, UTF-8."""
    return len(json.dumps(tools, ensure_ascii=False, separators=(",", ":")).encode())


def test_all_groups_list_every_tool_group_by_group(stdio: Any) -> None:
    first, second = stdio("--groups", "all").tools(), stdio("--groups", "all").tools()
    assert [tool["name"] for tool in first] == IN_ORDER
    assert first == second
    assert size(first) < WHOLE_BUDGET


def test_the_default_list_fits_its_budget(stdio: Any) -> None:
    tools = stdio(GROUPS="").tools()
    assert [tool["name"] for tool in tools] == ON_BY_DEFAULT
    assert size(tools) < DEFAULT_BUDGET


def test_tools_for_questions_leave_room_for_the_others(stdio: Any) -> None:
    assert size(stdio("--groups", QUESTIONS).tools()) <= QUESTIONS_BUDGET


# ---- the strict form ----

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,40}")
_PROPERTY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_COMBINING = ("oneOf", "anyOf", "allOf", "not", "if", "then", "else", "$ref", "$defs", "patternProperties")
_KNOWN = {
    "string": {"enum", "default"},
    "integer": {"minimum", "maximum", "default"},
    "number": {"minimum", "maximum", "default"},
    "boolean": {"default"},
    "array": {"items", "default"},
    "object": {"properties", "required", "additionalProperties", "default"},
}


def faults(schema: Any, place: str) -> list[str]:
    """Everything about a schema that one provider or another refuses."""
    if not isinstance(schema, dict):
        return [f"{place} is no object"]
    found = [f"{place} has {key}" for key in _COMBINING if key in schema]
    kind = schema.get("type")
    if not isinstance(kind, str) or kind not in _KNOWN:
        return [*found, f"{place} has the type {kind!r}"]
    found += [f"{place} has {key}" for key in schema if key not in {"type", "description", *_KNOWN[kind]}]
    if "default" in schema and schema["default"] is None:
        found.append(f"{place} has a null default")
    if "enum" in schema and not (schema["enum"] and all(isinstance(v, str) for v in schema["enum"])):
        found.append(f"{place} has an enum that is empty or not of strings")
    if kind == "array":
        found += faults(schema.get("items"), f"{place}[]")
    if kind == "object":
        properties = schema.get("properties", {})
        found += [f"{place} requires {name}" for name in schema.get("required", []) if name not in properties]
        for name, inner in properties.items():
            if not _PROPERTY.fullmatch(name):
                found.append(f"{place}.{name} is no property name")
            found += faults(inner, f"{place}.{name}")
        if not isinstance(schema.get("additionalProperties"), (bool, dict)):
            found.append(f"{place} leaves open what else it takes")
    return found


def tool_faults(tool: dict[str, Any]) -> list[str]:
    schema, hints, name = tool["inputSchema"], tool["annotations"], tool["name"]
    found = faults(schema, name)
    if not _NAME.fullmatch(name):
        found.append(f"{name} is no tool name")
    if schema.get("type") != "object" or schema.get("additionalProperties") is not False:
        found.append(f"{name} takes more than its arguments")
    for hint in ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"):
        if not isinstance(hints.get(hint), bool):
            found.append(f"{name} does not state {hint}")
    if hints.get("readOnlyHint") and (hints.get("destructiveHint") or not hints.get("idempotentHint")):
        found.append(f"{name} only reads, and yet destroys or is not idempotent")
    if not 0 < len(tool["description"]) < 2048:
        found.append(f"{name} has a description of {len(tool['description'])} characters")
    if not tool.get("title"):
        found.append(f"{name} has no title")
    return found


def test_every_schema_has_the_strict_form(stdio: Any) -> None:
    found = [fault for tool in stdio("--groups", "all").tools() for fault in tool_faults(tool)]
    assert not found, "\n".join(found)


README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_knows_every_group() -> None:
    """Its table has the groups in their order, and says how many are on by default."""
    rows = sorted(_ROWS, key=lambda row: row["order"])
    assert re.findall(r"^\| `([a-z_]+)` \| [^|]+ \|$", README, re.M)[: len(rows)] == [
        row["group"] for row in rows
    ]
    words = ["none", "one", "two", "three", "four", "five", "six", "seven", "eight"]
    assert f"in {len(rows)} groups" in README
    assert f"The first {words[sum(row['on_by_default'] for row in rows)]} are on by default" in README


def test_the_readme_knows_what_only_reads(stdio: Any) -> None:
    groups = re.search(r"`--groups ([a-z_,]+)` only reads", README)
    assert groups is not None
    tools = stdio("--groups", groups.group(1)).tools()
    assert [t["name"] for t in tools if not t["annotations"]["readOnlyHint"]] == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"oneOf": []}, "oneOf"),
        ({"properties": {"x": {"type": "array"}}}, "x[]"),
        ({"properties": {"x": {"type": ["string", "null"]}}}, "type"),
        ({"properties": {"x": {"type": "string", "format": "date"}}}, "format"),
        ({"additionalProperties": True}, "more than its arguments"),
        ({"required": ["y"]}, "requires y"),
    ],
)
def test_the_judge_sees_faults(change: dict[str, Any], fault: str) -> None:
    hints = {"readOnlyHint": True, "destructiveHint": False, "idempotentHint": True, "openWorldHint": True}
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    tool = {"name": "t", "title": "T", "description": "D", "annotations": hints, "inputSchema": schema}
    assert tool_faults(tool) == []
    assert any(fault in found for found in tool_faults({**tool, "inputSchema": {**schema, **change}}))
