"""The tools that the product is made with: spec/tools/*.yaml, so that no test has to count them."""

from __future__ import annotations

import yaml

from .process import ROOT

GROUPS: dict[str, list[str]] = {
    manifest["group"]: list(manifest["tools"])
    for manifest in map(
        yaml.safe_load, (path.read_text(encoding="utf-8") for path in (ROOT / "spec" / "tools").glob("*.yaml"))
    )
}
TOOLS: set[str] = {tool for tools in GROUPS.values() for tool in tools}
