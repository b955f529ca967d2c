"""Reads the tool manifests, spec/tools/<group>.yaml, into typed values and checks what can be seen
without the API: keys, names, lengths, argument rules, defaults. The format is described in
spec/tools/README.md; check.py holds the result against the API.

Mistakes are collected, one a tool at least, so that a person sees them all in one run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import InputError, did_you_mean, listed, quoted
from .facts import Type
from .yaml_file import Map, load_map

MAX_DESCRIPTION = 2048
MAX_INTEGER = 2**53
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,40}")
ARGUMENT_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,63}")
HANDLER_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
HINTS = ("read_only", "destructive", "idempotent", "open_world")
ANSWERS = ("object", "list", "text", "none")

ARGUMENT_TYPES = {
    "string": Type("string"),
    "integer": Type("integer"),
    "number": Type("number"),
    "boolean": Type("boolean"),
    "object": Type("map", values="any"),
    "map<string>": Type("map", values="string"),
    "string[]": Type("string", is_list=True),
    "integer[]": Type("integer", is_list=True),
    "number[]": Type("number", is_list=True),
    "boolean[]": Type("boolean", is_list=True),
    "object[]": Type("map", is_list=True, values="any"),
}

_GROUP_KEYS = ("group", "description", "on_by_default", "order", "tools")
_SHARED_KEYS = (
    *("title", "description", "args", "annotations", "query_like"),
    *("workspace", "workspace_project"),
)
_WORKSPACES = ("borrow", "hold", "alone", "self")
_HANDLER_KEYS = ("handler", "operations")
_OPERATION_KEYS = (
    *("operation", "bind", "answer", "items", "text_name", "project", "send_fields"),
    *("drop_if_true", "keep_arg", "page", "dev_if", "not_found"),
)
_ARGUMENT_KEYS = (
    *("type", "description", "required", "default", "enum", "minimum", "maximum"),
    *("min_length", "max_length", "min_items", "max_items", "secret"),
    *("aliases", "unavailable"),
)
_REFUSED_FORMS = ("oneOf", "anyOf", "allOf", "not", "$ref", "if")


@dataclass
class Argument:
    """One argument of a tool. `default` is None when there is none."""

    name: str
    type: Type
    type_name: str
    description: str
    required: bool = False
    default: Any = None
    enum: tuple[str, ...] = ()
    limits: dict[str, Any] = field(default_factory=dict)
    secret: bool = False
    aliases: tuple[str, ...] = ()
    unavailable: str | None = None

    @property
    def always_there(self) -> bool:
        return self.required or self.default is not None


@dataclass
class Page:
    by: str
    limit: str
    offset: str | None


@dataclass
class Tool:
    """One entry of a manifest; `where` makes errors about it."""

    name: str
    title: str
    description: str
    args: dict[str, Argument]
    hints: dict[str, bool]
    query_like: bool
    where: Where
    handler: str | None = None
    operations: list[str] = field(default_factory=list)
    operation: str = ""
    bind: dict[str, Any] = field(default_factory=dict)
    answer: str = ""
    items: list[str] = field(default_factory=list)
    text_name: str = ""
    project: str | None = None
    send_fields: bool = False
    drop_if_true: list[str] = field(default_factory=list)
    keep_arg: str | None = None
    page: Page | None = None
    dev_if: str | None = None
    not_found: str | None = None
    workspace: str | None = None
    workspace_project: str | None = None


@dataclass
class Group:
    name: str
    description: str
    on_by_default: bool
    order: int
    file: str
    tools: list[Tool]


class Where:
    """A place in a manifest, for errors: file, dotted path and the line of a key."""

    def __init__(self, file: str, path: str, row: Map, line: int | None):
        self.file = file
        self.path = path
        self.row = row
        self.line = line

    def error(self, key: str, problem: str, remedy: str) -> InputError:
        """About a dotted key below this place, with the line of its nearest part that is there."""
        line, node = self.line, self.row
        for part in key.split(".") if key else ():
            if not isinstance(node, Map) or part not in node:
                break
            line, node = node.lines[part], node[part]
        place = ".".join(p for p in (self.path, key) if p)
        return InputError(self.file, place, problem, remedy, line)

    def below(self, key: str) -> Where:
        row = self.row[key]
        if not isinstance(row, Map):
            raise self.error(key, "is not a mapping", "write key: value lines below it")
        return Where(self.file, f"{self.path}.{key}" if self.path else key, row, self.row.lines[key])

    # ---- typed reads ----

    def only(self, known: tuple[str, ...]) -> None:
        for key in self.row:
            if key in known:
                continue
            if key in _REFUSED_FORMS:
                raise self.error(
                    key,
                    "is a schema form that model providers refuse",
                    "write one plain type; offer alternatives as separate optional arguments",
                )
            raise self.error(
                key, f"is an unknown key{did_you_mean(key, known)}", f"known are: {listed(known, 30)}"
            )

    def text(self, key: str, most: int = MAX_DESCRIPTION) -> str:
        value = self.row.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self.error(
                key, "is missing or no text", f"write {key}: followed by text, in quotes if need be"
            )
        value = value.strip()
        if len(value) > most:
            raise self.error(key, f"has {len(value)} characters; clients cut at {most}", "shorten it")
        if any(ord(c) < 0x20 and c not in "\n\t" for c in value):
            raise self.error(key, "has control characters", "remove them")
        return value

    def flag(self, key: str, default: bool | None = None) -> bool:
        value = self.row.get(key, default)
        if not isinstance(value, bool):
            raise self.error(
                key, "is not stated" if value is None else f"is {quoted(value)}", "write true or false"
            )
        return value

    def texts(self, key: str) -> list[str]:
        value = self.row.get(key)
        if not isinstance(value, list) or not value or not all(isinstance(v, str) and v for v in value):
            raise self.error(
                key, "is not a list of texts", "write [a, b], with quotes where YAML reads another type"
            )
        if len(set(value)) != len(value):
            raise self.error(key, "names something twice", "remove one")
        return value


# ---- arguments ----


def _argument_type(at: Where) -> tuple[str, Type]:
    name = at.row.get("type")
    if isinstance(name, list):
        raise at.error("type", "is a list of types, which model providers refuse", "write one type")
    if name in ("array", "list"):
        raise at.error(
            "type",
            "is a list without an item type, which model providers refuse",
            "write string[] or the like",
        )
    if not isinstance(name, str) or name not in ARGUMENT_TYPES:
        hint = did_you_mean(str(name), ARGUMENT_TYPES) if name is not None else ""
        problem = "is missing" if name is None else f"is {quoted(name)}{hint}"
        raise at.error("type", problem, f"write one of {listed(ARGUMENT_TYPES, 20)}")
    return name, ARGUMENT_TYPES[name]


def _limits(at: Where, kind: Type) -> dict[str, Any]:
    """The limits that are given, checked against the type and each other."""
    sized = kind.is_list or kind.kind == "map"
    groups = (
        ("minimum", "maximum", kind.kind in ("integer", "number"), "numbers"),
        ("min_length", "max_length", kind.kind == "string", "texts"),
        ("min_items", "max_items", sized, "lists and maps"),
    )
    found: dict[str, Any] = {}
    for low, high, fits, what in groups:
        for key in (low, high):
            if key not in at.row:
                continue
            value = at.row[key]
            whole = key not in ("minimum", "maximum") or kind.kind == "integer"
            if not fits:
                raise at.error(key, "does not fit the type", f"it is for {what}; remove it")
            if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
                raise at.error(
                    key, f"is {quoted(value)}", "write a whole number" if whole else "write a number"
                )
            if abs(value) > MAX_INTEGER or (what != "numbers" and not 0 <= value < 2**32):
                raise at.error(key, f"is {quoted(value)}, out of range", "write a smaller number")
            found[key] = value
        if low in found and high in found and found[low] > found[high]:
            raise at.error(low, f"is above {high}", "swap or correct them")
    return found


def _is_scalar(value: Any, kind: str) -> bool:
    if kind == "string":
        return isinstance(value, str)
    if kind == "boolean":
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    return isinstance(value, int) if kind == "integer" else isinstance(value, (int, float))


def fits_type(value: Any, kind: Type) -> bool:
    """Whether a YAML value is one of that type."""
    if kind.is_list:
        return isinstance(
            value, list) and all(fits_type(v, Type(kind.kind, values=kind.values)) for v in value
        )
    if kind.kind == "any":
        return True
    if kind.kind == "map":
        return isinstance(value, dict) and (
            kind.values == "any" or all(_is_scalar(v, kind.values) for v in value.values())
        )
    return _is_scalar(value, kind.kind)


def _check_default(at: Where, arg: Argument) -> None:
    value, limits = arg.default, arg.limits
    if not fits_type(value, arg.type):
        raise at.error(
            "default", f"is {quoted(value)}, not of type {arg.type_name}", "correct the default or the type"
        )
    if arg.type.is_list or arg.type.kind == "map":
        size = len(value)
        if not limits.get("min_items", 0) <= size <= limits.get("max_items", size):
            raise at.error("default", f"has {size} items", "stay within min_items and max_items")
    for item in value if arg.type.is_list else [value]:
        if arg.enum and item not in arg.enum:
            raise at.error("default", f"{quoted(item)} is not in the enum", f"choose from {listed(arg.enum)}")
        if arg.type.kind in ("integer", "number"):
            if not limits.get("minimum", item) <= item <= limits.get("maximum", item) or abs(item) > MAX_INTEGER:
                raise at.error(
                    "default", f"{quoted(item)} is out of range", "stay within minimum and maximum"
                )
        if arg.type.kind == "string":
            size = len(item.encode())
            if not limits.get("min_length", 0) <= size <= limits.get("max_length", size):
                raise at.error(
                    "default", f"{quoted(item)} has {size} bytes", "stay within min_length and max_length"
                )


def _argument(name: str, at: Where) -> Argument:
    if not ARGUMENT_NAME.fullmatch(name):
        raise at.error("", "is no argument name", "use letters, digits and _, at most 64, a letter first")
    at.only(_ARGUMENT_KEYS)
    type_name, kind = _argument_type(at)
    arg = Argument(
        name,
        kind,
        type_name,
        "" if at.row.get("description") == "" else at.text("description"),  # the name says it
        required=at.flag("required", False),
        default=at.row.get("default"),
        enum=tuple(at.texts("enum")) if "enum" in at.row else (),
        limits=_limits(at, kind),
        secret=at.flag("secret", False),
        aliases=tuple(at.texts("aliases")) if "aliases" in at.row else (),
        unavailable=at.text("unavailable") if "unavailable" in at.row else None,
    )
    if arg.enum and kind.kind != "string":
        raise at.error("enum", "does not fit the type", "it is for string and string[]; remove it")
    if arg.secret and (kind.kind != "string" or kind.is_list):
        raise at.error("secret", "does not fit the type", "it is for string; remove it")
    if arg.unavailable and (arg.required or at.row.get("default") not in (None, False)):
        raise at.error("unavailable", "does not fit an argument that is always given", "remove one of the two")
    if arg.required and "default" in at.row:
        raise at.error("default", "stands beside required: true", "remove one of the two")
    if "default" in at.row:
        _check_default(at, arg)
    return arg


def _check_aliases(args: dict[str, Argument], at: Where) -> None:
    owners: dict[str, str] = {name: name for name in args}
    for arg in args.values():
        for alias in arg.aliases:
            if alias in owners:
                raise at.below(arg.name).error(
                    "aliases", f"{quoted(alias)} already leads to {owners[alias]}", "remove one of the two"
                )
            owners[alias] = arg.name


# ---- tools ----


def _page(at: Where) -> Page:
    at.only(("by", "limit", "offset"))
    by = at.row.get("by")
    if by not in ("looker", "local"):
        raise at.error("by", f"is {quoted(by)}", "write looker or local")
    return Page(by, at.text("limit"), at.text("offset") if "offset" in at.row else None)


def _operation_tool(tool: Tool, at: Where) -> None:
    row = at.row
    tool.operation = at.text("operation")
    tool.operations = [tool.operation]
    if "bind" in row:
        tool.bind = at.below("bind").row
    tool.answer = row.get("answer", "")
    if tool.answer not in ANSWERS:
        raise at.error(
            "answer",
            f"is {quoted(tool.answer)}" if tool.answer else "is missing",
            f"write one of {listed(ANSWERS)}",
        )
    if "items" in row:
        tool.items = at.text("items").split(".")
    if "text_name" in row:
        tool.text_name = at.text("text_name")
    tool.project = at.text("project", 100_000) if "project" in row else None
    tool.send_fields = at.flag("send_fields", False)
    if "drop_if_true" in row:
        single = isinstance(row["drop_if_true"], str)
        tool.drop_if_true = [at.text("drop_if_true")] if single else at.texts("drop_if_true")
    tool.keep_arg = at.text("keep_arg") if "keep_arg" in row else None
    tool.page = _page(at.below("page")) if "page" in row else None
    tool.dev_if = at.text("dev_if") if "dev_if" in row else None
    tool.not_found = at.text("not_found", 300) if "not_found" in row else None
    _operation_keys_together(tool, at)


def _operation_keys_together(tool: Tool, at: Where) -> None:
    """Keys that need, or exclude, each other."""
    listing = tool.answer == "list"
    for key, given, wanted in (
        ("items", bool(tool.items), listing),
        ("page", tool.page is not None, listing),
        ("text_name", bool(tool.text_name), tool.answer == "text"),
        ("project", tool.project is not None, tool.answer in ("object", "list")),
    ):
        if given and not wanted:
            raise at.error(key, f"does not go with answer: {tool.answer}", "remove it, or change the answer")
    if tool.answer == "text" and not tool.text_name:
        raise at.error("text_name", "is missing", "name the member that shall hold the text")
    if tool.send_fields and tool.project is None:
        raise at.error("send_fields", "has nothing to send", "state the projection with project")
    if bool(tool.drop_if_true) != (tool.keep_arg is not None):
        raise at.error(
            "drop_if_true" if tool.drop_if_true else "keep_arg",
            "stands alone",
            "drop_if_true and keep_arg come together",
        )


def _handler_tool(tool: Tool, at: Where) -> None:
    tool.handler = at.text("handler")
    if not HANDLER_NAME.fullmatch(tool.handler) or tool.handler == "generic":
        raise at.error(
            "handler", f"{quoted(tool.handler)} is no handler name", "use a-z, 0-9 and _; generic is taken"
        )
    if "operations" in at.row:
        tool.operations = at.texts("operations")


def _tool(name: str, at: Where) -> Tool:
    if not TOOL_NAME.fullmatch(name):
        raise at.error("", "is no tool name", "use 1 to 40 characters of a-z, A-Z, 0-9, _ and -")
    both = [k for k in ("operation", "handler") if k in at.row]
    if len(both) != 1:
        problem = "has both operation and handler" if both else "has neither operation nor handler"
        raise at.error(both[0] if both else "", problem, "state exactly one")
    at.only(_SHARED_KEYS + (_HANDLER_KEYS if both == ["handler"] else _OPERATION_KEYS))
    args: dict[str, Argument] = {}
    if "args" in at.row:
        rows = at.below("args")
        args = {arg: _argument(arg, rows.below(arg)) for arg in rows.row}
        _check_aliases(args, rows)
    if "annotations" not in at.row:
        raise at.error("annotations", "is missing", f"state {listed(HINTS)}")
    hints = at.below("annotations")
    hints.only(HINTS)
    tool = Tool(
        name,
        at.text("title", 100),
        at.text("description"),
        args,
        {hint: hints.flag(hint) for hint in HINTS},
        at.flag("query_like", False),
        at,
    )
    if "workspace" in at.row:
        tool.workspace = at.text("workspace")
        if tool.workspace not in _WORKSPACES:
            raise at.error("workspace", f"is {quoted(tool.workspace)}", f"write one of {listed(_WORKSPACES)}")
    tool.workspace_project = at.text("workspace_project") if "workspace_project" in at.row else None
    (_handler_tool if both == ["handler"] else _operation_tool)(tool, at)
    return tool


def _group(path: Path, shown: str, errors: list[InputError]) -> Group:
    row = load_map(path, shown)
    at = Where(shown, "", row, None)
    at.only(_GROUP_KEYS)
    name = at.text("group")
    if name != path.stem or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise at.error(
            "group",
            f"is {quoted(name)} in a file named {path.name}",
            "give both the same name, of a-z, 0-9 and _",
        )
    order = row.get("order")
    if isinstance(order, bool) or not isinstance(order, int):
        raise at.error("order", "is missing or no whole number", "give the group its place among the groups")
    group = Group(name, at.text("description"), at.flag("on_by_default"), order, shown, [])
    if row.get("tools") is None:
        return group
    tools = at.below("tools")
    for tool in tools.row:
        try:
            group.tools.append(_tool(tool, tools.below(tool)))
        except InputError as error:
            errors.append(error)
    return group


def load(files: list[tuple[Path, str]]) -> tuple[list[Group], list[InputError]]:
    """The groups in their order, and every mistake. `files`: path and its name in error texts."""
    errors: list[InputError] = []
    groups: list[Group] = []
    for path, shown in files:
        try:
            groups.append(_group(path, shown, errors))
        except InputError as error:
            errors.append(error)
    groups.sort(key=lambda g: (g.order, g.name))
    for before, after in zip(groups, groups[1:]):
        if before.order == after.order:
            errors.append(
                InputError(
                    after.file, "order", f"{after.order} is also that of {before.file}", "give each its own"
                )
            )
    seen: dict[str, Tool] = {}
    for tool in (t for g in groups for t in g.tools):
        if tool.name in seen:
            other = seen[tool.name].where
            errors.append(
                tool.where.error("", f"is also in {other.file}:{other.line}", "rename or remove one")
            )
        seen.setdefault(tool.name, tool)
    return groups, errors
