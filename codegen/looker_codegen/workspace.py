"""How a tool uses the dev workspace of the Looker user it runs as: what the manifest's `workspace` says, or
what follows from its arguments and operations. The server takes the lease that fits before the tool runs
(src/handlers/workspace.h), so a tool whose use is not known is refused here.
"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import did_you_mean
from .facts import Operation, Type
from .manifest import Tool

DEV, BRANCH, PROJECT, IMPORTS = "dev_mode", "branch", "project_id", "imports"


@dataclass(frozen=True)
class Workspace:
    """how: "borrow", "hold", "alone" or "self". The others name arguments. dev None: in every call."""

    how: str
    dev: str | None = None
    branch: str | None = None
    project: str | None = None
    imports: str | None = None
    sets_branch: bool = False


def controls(tool: Tool) -> set[str]:
    """Arguments that the server itself obeys and that are bound to nothing."""
    return {BRANCH, IMPORTS} & set(tool.args) if tool.workspace == "borrow" else set()


def _argument(tool: Tool, name: str, kind: str, key: str) -> str | None:
    """The name, if the tool has an argument of that name; it has to be of that type."""
    arg = tool.args.get(name)
    if arg is None or arg.unavailable:
        return None
    if arg.type != Type(kind):
        raise tool.where.error(key, f"{name} is no argument of type {kind}", "correct its type")
    return name


def _dev(tool: Tool, operations: list[Operation]) -> str | None:
    if any(op.needs_dev for op in operations):
        return None
    return tool.dev_if or _argument(tool, DEV, "boolean", f"args.{DEV}")


def _project(tool: Tool) -> str | None:
    if tool.workspace_project is None:
        return _argument(tool, PROJECT, "string", f"args.{PROJECT}")
    found = _argument(tool, tool.workspace_project, "string", "workspace_project")
    if found is None:
        hint = did_you_mean(tool.workspace_project, tool.args)
        raise tool.where.error(
            "workspace_project", f"there is no argument {tool.workspace_project}{hint}", "declare it below args"
        )
    return found


def _derived(tool: Tool, operations: list[Operation], dev: str | None) -> str | None:
    """For a tool that does not state it."""
    fail = tool.where.error
    moving = next((op.id for op in operations if op.branch), None)
    if moving:
        raise fail("workspace", f"is missing, but {moving} moves the branch", "write workspace: alone")
    if dev and _argument(tool, BRANCH, "string", f"args.{BRANCH}"):
        raise fail("workspace", f"is missing beside the arguments {dev} and branch", "write workspace: borrow")
    return "hold" if dev or any(op.needs_dev for op in operations) else None


def _borrow(tool: Tool, dev: str | None, operations: list[Operation]) -> Workspace:
    fail = tool.where.error
    for name in (BRANCH, PROJECT):
        if _argument(tool, name, "string", f"args.{name}") is None:
            raise fail("workspace", f"is borrow, but there is no argument {name}", "declare it below args")
    if not dev and not tool.args[BRANCH].required and not any(op.needs_dev for op in operations):
        raise fail(
            "workspace",
            "is borrow, but nothing says where the tool runs without branch",
            f"declare the argument {DEV}, or make branch required",
        )
    return Workspace("borrow", dev, BRANCH, PROJECT, _argument(tool, IMPORTS, "boolean", f"args.{IMPORTS}"))


def workspace(tool: Tool, operations: list[Operation]) -> Workspace | None:
    """None: it never goes there."""
    fail = tool.where.error
    dev = _dev(tool, operations)
    how = tool.workspace or _derived(tool, operations, dev)
    if tool.workspace_project and how not in ("hold", "alone"):
        raise fail("workspace_project", "has nothing to name a project for", "remove it")
    if how is None:
        return None
    if how == "self":
        if tool.handler is None:
            raise fail("workspace", "is self, which is for handlers", "remove it, or write a handler")
        return Workspace("self")
    moving = next((op.id for op in operations if op.branch), None)
    if moving and how != "alone":
        raise fail("workspace", f"is {how}, but {moving} moves the branch", "write workspace: alone")
    if how == "borrow":
        return _borrow(tool, dev, operations)
    project = _project(tool)
    if how == "hold":
        if not dev and not any(op.needs_dev for op in operations):
            raise fail("workspace", "is hold, but nothing of this tool goes to the dev workspace", "remove it")
        return Workspace("hold", dev, project=project)
    if project is None:
        raise fail(
            "workspace", "is alone, but there is no argument project_id", "name the argument with workspace_project"
        )
    sets = any(op.branch == "sets" for op in operations)
    return Workspace("alone", project=project, sets_branch=sets)
