"""What the template of generated/TOOLS.md prints: the reference page of all tools, for people. It says
what the manifests say, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from .facts import Facts
from .manifest import Argument, Group, Tool
from .schema import compact


@dataclass
class ToolSection:
    name: str
    title: str
    paragraphs: list[str]
    effects: str
    operations: str  # empty: none that is known beforehand
    arguments: list[str]  # rows of a table
    later: str  # arguments that are declared and refused; may be empty


@dataclass
class GroupSection:
    name: str
    description: str
    default: str
    tools: list[ToolSection]


@dataclass
class Page:
    count: int
    groups: list[GroupSection]


def build(groups: list[Group], api: Facts) -> Page:
    sections = [
        GroupSection(
            group.name,
            one_line(group.description),
            "on by default" if group.on_by_default else f"off by default; `--groups {group.name}`",
            [tool_section(tool, api) for tool in group.tools],
        )
        for group in groups
        if group.tools
    ]
    return Page(sum(len(s.tools) for s in sections), sections)


def one_line(text: str) -> str:
    return " ".join(text.split())


def tool_section(tool: Tool, api: Facts) -> ToolSection:
    shown = [a for a in tool.args.values() if not a.unavailable]
    later = [f"`{a.name}` ({a.unavailable})" for a in tool.args.values() if a.unavailable]
    return ToolSection(
        tool.name,
        tool.title,
        [text(part) for part in tool.description.split("\n") if part.strip()],
        effects(tool.hints),
        ", ".join(operation(name, api) for name in tool.operations),
        [f"| `{a.name}` | {kind(a)} | {need(a)} | {cell(description(a))} |" for a in shown],
        "; ".join(later),
    )


def effects(hints: dict[str, bool]) -> str:
    """The annotations in words."""
    if hints["read_only"]:
        words = ["Reads only"]
    else:
        words = ["Changes or deletes what is there" if hints["destructive"] else "Changes something"]
        words.append("calling it twice does no more than once" if hints["idempotent"] else "each call acts anew")
    if not hints["open_world"]:
        words.append("does not ask Looker")
    return ", ".join(words) + "."


def operation(name: str, api: Facts) -> str:
    op = api.operations[name]
    return f"`{name}` ({op.method} `{op.path}`)"


def kind(arg: Argument) -> str:
    return f"`{arg.type_name}`"


def need(arg: Argument) -> str:
    if arg.required:
        return "required"
    return "" if arg.default is None else f"`{compact(arg.default)}`"


def description(arg: Argument) -> str:
    """With the limits that a caller may run into."""
    limits = arg.limits
    said = [one_line(arg.description)]
    if arg.enum:
        said.append("One of " + ", ".join(f"`{value}`" for value in arg.enum) + ".")
    if "minimum" in limits and "maximum" in limits:
        said.append(f"{limits['minimum']} to {limits['maximum']}.")
    elif "minimum" in limits:
        said.append(f"At least {limits['minimum']}.")
    elif "maximum" in limits:
        said.append(f"At most {limits['maximum']}.")
    if "max_items" in limits:
        said.append(f"At most {limits['max_items']} of them.")
    return " ".join(said)


def text(words: str) -> str:
    """Prose: what Markdown would take for HTML is shown as it is."""
    return one_line(words).replace("<", "&lt;")


def cell(words: str) -> str:
    return text(words).replace("|", "\\|")
