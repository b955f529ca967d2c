"""What the templates print for groups and tools: argument structs, rules, schemas, bindings,
projections. The formats are those of src/mcp/tool.h, src/handlers/binding.h and src/json/project.h."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .check import Binding, Checked
from .cnames import snake, string
from .facts import Field, Operation
from .manifest import Argument, Group, Tool
from .projection import Node
from .schema import compact, input_schema, pieces
from .tables import Rule, Struct, Tables, build_struct, sorted_fields, wrap
from .workspace import Workspace

# Limits that have the same name in the manifest and in struct lk_rule.
_SIZES = ("min_length", "max_length", "min_items", "max_items")
_HINTS = {
    "read_only": "MCP_READ_ONLY",
    "destructive": "MCP_DESTRUCTIVE",
    "idempotent": "MCP_IDEMPOTENT",
    "open_world": "MCP_OPEN_WORLD",
}
_TARGETS = {"param": "LK_BIND_PARAM", "body_field": "LK_BIND_BODY_FIELD", "body": "LK_BIND_BODY"}


@dataclass
class ProjectionTable:
    name: str
    rows: list[str]


@dataclass
class ToolRow:
    """One tool; `owner` is its name as a C identifier."""

    owner: str
    name: str
    args: Struct | None
    schema: list[str]
    binds: list[str]
    items: list[str]
    projections: list[ProjectionTable]
    root: str | None
    workspace: list[str] | None
    binding: list[str] | None
    initialisers: list[str]


@dataclass
class ToolTables:
    groups: list[list[str]]
    tools: list[ToolRow]
    handlers: list[str]


def build(groups: list[Group], checked: dict[str, Checked], tables: Tables) -> ToolTables:
    rows = [
        tool_row(tool, index, checked[tool.name], tables) for index, group in enumerate(groups) for tool in group.tools
    ]
    handlers = sorted({t.handler for g in groups for t in g.tools if t.handler})
    return ToolTables([group_row(g) for g in groups], rows, handlers)


def group_row(group: Group) -> list[str]:
    return [
        f".name = {string(group.name)},",
        f".description = {string(group.description)},",
        f".on_by_default = {'true' if group.on_by_default else 'false'},",
    ]


def rule(owner: str, arg: Argument) -> Rule | None:
    """The lk_rule of an argument, when it has any."""
    members = []
    if arg.default is not None:
        members.append(f".default_json = {string(compact(arg.default))}")
    for key, short in (("minimum", "min"), ("maximum", "max")):
        if key in arg.limits:
            members += [f".{short} = {arg.limits[key]!r}", f".has_{short} = true"]
    members += [f".{key} = {value}" for key, value in arg.limits.items() if key in _SIZES]
    if arg.unavailable:
        members.append(f".unavailable = {string(arg.unavailable)}")
    if not members and not arg.enum and not arg.aliases:
        return None
    values, aliases = ([string(v) for v in texts] for texts in (arg.enum, arg.aliases))
    return Rule(f"rule_{owner}_{arg.name}", members, values, aliases)


def args_struct(tool: Tool, tables: Tables) -> Struct | None:
    if not tool.args:
        return None
    owner = f"{snake_tool(tool)}_args"
    tables.claim(owner, f"tools.{tool.name}", tool.where.file)
    fields = [Field(a.name, a.type, required=a.required) for a in tool.args.values()]
    rules = {a.name: r for a in tool.args.values() if (r := rule(owner, a))}
    secrets = frozenset(a.name for a in tool.args.values() if a.secret)
    struct = build_struct(owner, f"tools.{tool.name}.args", fields, rules, tool.where.file, secrets)
    struct.title = tool.name
    return struct


def snake_tool(tool: Tool) -> str:
    return tool.name.replace("-", "_")


def argument_index(tool: Tool, name: str | None) -> int:
    """Index into the argument type's fields, which are sorted by name; -1 for none."""
    if name is None:
        return -1
    return sorted(tool.args, key=lambda n: n.encode()).index(name)


def bind_rows(tool: Tool, binding: Binding, tables: Tables) -> list[str]:
    op = binding.operation
    order = list(_TARGETS)
    found = []
    for bind in binding.binds:
        index = target_index(op, bind.target, bind.name, tables)
        constant = string(bind.constant) if bind.arg is None else "NULL"
        text = (
            f"{{{argument_index(tool, bind.arg)}, {_TARGETS[bind.target]}, "
            f"LK_CONVERT_{bind.convert.upper()}, {index}, {constant}}}, /* {bind.name} */"
        )
        found.append((order.index(bind.target), index, text))
    return [text for _, _, text in sorted(found)]


def target_index(op: Operation, target: str, name: str, tables: Tables) -> int:
    if target == "body":
        return 0
    fields: Any = op.parameters
    if target == "body_field":
        assert op.body is not None
        fields = tables.facts.schemas[op.body.type.schema].fields.values()
    return [f.name for f in sorted_fields(fields)].index(name)


def projection_tables(owner: str, node: Node, found: list[ProjectionTable]) -> str:
    """Appends the tables below the node, deepest first; the initialiser of the node itself."""
    name = "NULL" if not node.name else string(node.name)
    drop = string(node.drop_if_true) if node.drop_if_true else "NULL"
    if not node.fields:
        return f"{{{name}, NULL, 0, {drop}}}"
    table = f"{owner}__{node.name}" if node.name else f"project_{owner}"
    children = [projection_tables(table, node.fields[n], found) for n in sorted(node.fields, key=str.encode)]
    found.append(ProjectionTable(table, [f"{child}," for child in children]))
    return f"{{{name}, {table}, {len(children)}, {drop}}}"


def workspace_lines(tool: Tool, used: Workspace) -> list[str]:
    lines = [f".how = LK_WORKSPACE_{used.how.upper()}"]
    for name in ("dev", "branch", "project", "imports"):
        lines.append(f".{name}_arg = {argument_index(tool, getattr(used, name))}")
    if used.sets_branch:
        lines.append(".sets_branch = true")
    return wrap(lines)


def binding_lines(tool: Tool, checked: Checked, owner: str) -> list[str] | None:
    """None: its handler needs to know nothing of the row."""
    workspace = [f".workspace = &workspace_{owner}"] if checked.workspace else []
    binding, page = checked.binding, tool.page
    if binding is None:
        return wrap(workspace) if workspace else None
    lines = [f".op = &looker_ops[LOOKER_OP_{snake(binding.operation.id).upper()}]"]
    if binding.binds:
        lines += [f".binds = binds_{owner}", f".n_binds = {len(binding.binds)}"]
    lines.append(f".form = LK_ANSWER_{tool.answer.upper()}")
    if tool.items:
        lines.append(f".items = items_{owner}")
    if tool.text_name:
        lines.append(f".text_name = {string(tool.text_name)}")
    if tool.not_found:
        lines.append(f".not_found = {string(tool.not_found)}")
    if binding.projection:
        lines.append(f".projection = &projection_{owner}")
    lines.append(f".keep_arg = {argument_index(tool, tool.keep_arg)}")
    lines.append(f".dev_arg = {argument_index(tool, tool.dev_if)}")
    lines.append(f".limit_arg = {argument_index(tool, page.limit if page else None)}")
    lines.append(f".offset_arg = {argument_index(tool, page.offset if page else None)}")
    if page and page.by == "looker":
        lines.append(".paged_by_looker = true")
    return wrap(lines + workspace)


def tool_row(tool: Tool, group: int, checked: Checked, tables: Tables) -> ToolRow:
    binding = checked.binding
    lines = binding_lines(tool, checked, snake_tool(tool))
    owner = snake_tool(tool)
    args = args_struct(tool, tables)
    projections: list[ProjectionTable] = []
    root = projection_tables(owner, binding.projection, projections) if binding and binding.projection else None
    hints = " | ".join(_HINTS[h] for h, on in tool.hints.items() if on) or "0"
    initialisers = [
        f".name = {string(tool.name)},",
        f".title = {string(tool.title)},",
        f".description = {string(tool.description)},",
        f".group = &looker_groups[{group}],",
        f".input_schema = schema_{owner},",
        *([f".args = &looker_{args.owner}_type,"] if args else []),
        f".run = lk_handler_{tool.handler or 'generic'},",
        *([f".binding = &binding_{owner},"] if lines else []),
        f".hints = {hints},",
    ]
    return ToolRow(
        owner,
        tool.name,
        args,
        [string(piece) for piece in pieces(input_schema(tool))],
        bind_rows(tool, binding, tables) if binding else [],
        [string(name) for name in tool.items],
        projections,
        root,
        workspace_lines(tool, checked.workspace) if checked.workspace else None,
        lines,
        initialisers,
    )
