"""The tools that the product is made with: spec/tools/*.yaml, so that no test has to count them."""

from __future__ import annotations

from typing import Any

import yaml

from .process import ROOT

_MANIFESTS: list[dict[str, Any]] = [
    yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "spec" / "tools").glob("*.yaml"))
]
GROUPS: dict[str, list[str]] = {manifest["group"]: list(manifest["tools"] or {}) for manifest in _MANIFESTS}
TOOLS: set[str] = {tool for tools in GROUPS.values() for tool in tools}

# What each tool may send to Looker.
OPERATIONS: dict[str, list[str]] = {
    name: [row["operation"]] if "operation" in row else row.get("operations", [])
    for manifest in _MANIFESTS
    for name, row in (manifest["tools"] or {}).items()
}

# Which of them take act_as_user.
ACTING: set[str] = {
    name
    for manifest in _MANIFESTS
    for name, row in (manifest["tools"] or {}).items()
    if "act_as_user" in row.get("args", {})
}
