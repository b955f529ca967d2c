"""Example calls of the tools, `tests/e2e/cases/<group>.py`: what test_every_tool.py runs, and what
other judges of the requests (Prism) replay.

Each module has a list CASES. Of each tool there is at least one case with exactly the arguments
that it requires, and its cases together use every argument it has. What a case asserts is what a
user would notice: the right thing in the answer, the right thing sent to Looker.

    CASES = [
        Case("get_board", {"board_id": "1"}, check=lambda got: got.equals("title", "KPIs")),
    ]
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# What a session costs, whatever the tool.
SESSION_OPERATIONS = ("login", "logout", "update_session")


@dataclass
class Got:
    """What came of a call."""

    result: dict[str, Any]  # the CallToolResult
    answer: dict[str, Any]  # the object in its text
    requests: list[dict[str, Any]]  # what reached Looker, sessions left out; see tests/sandbox
    before: list[dict[str, Any]] = field(default_factory=list)  # the answers to `Case.before`

    def sent(self, operation: str) -> dict[str, Any]:
        """The one request of that operation."""
        found = [r for r in self.requests if r["operation"] == operation]
        assert len(found) == 1, f"{operation} was sent {len(found)} times: {self.operations}"
        return found[0]

    def body(self, operation: str) -> Any:
        """The JSON that was sent with it."""
        return json.loads(self.sent(operation)["body"])

    @property
    def operations(self) -> list[str]:
        return [r["operation"] for r in self.requests]

    @property
    def items(self) -> list[Any]:
        """Of an answer that is a list."""
        assert self.answer["count"] == len(self.answer["items"])
        return list(self.answer["items"])


Arguments = dict[str, Any]


@dataclass
class Case:
    """One call. `arguments` may be a function of the answers to `before`."""

    tool: str
    arguments: Arguments | Callable[[list[dict[str, Any]]], Arguments] = field(default_factory=dict)
    check: Callable[[Got], Any] | None = None  # asserts; what it returns is ignored
    before: list[tuple[str, Arguments]] = field(default_factory=list)  # calls made first
    rules: list[dict[str, Any]] = field(default_factory=list)  # of the sandbox
    fails: bool = False  # the right answer is an error
    missing: tuple[str, ...] = ()  # operations that ask whether something is there: 400, 404 answer

    def resolved(self, before: list[dict[str, Any]]) -> Arguments:
        return self.arguments(before) if callable(self.arguments) else self.arguments


def load() -> list[Case]:
    """All cases of all groups, group by group."""
    folder = Path(__file__).parent.parent / "cases"
    found: list[Case] = []
    for path in sorted(folder.glob("[a-z]*.py")):
        module = importlib.import_module(f"cases.{path.stem}")
        found += module.CASES
    return found
