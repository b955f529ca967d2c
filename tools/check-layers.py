#!/usr/bin/env python3
"""Holds the sources to the layer rule: a file includes its own layer and lower ones, siblings never
each other, and each third-party library is met in few places.

    base < json, rt < api, mcp < handlers, transport < the assembly (src/*.c)

`api` (knows Looker, not MCP) and `mcp` (knows MCP, not Looker) are siblings, as are `handlers` and
`transport`. Of the generated files, looker_types and looker_ops stand beside `api`, and looker_tools
beside `handlers`. Prints each include that breaks the rule as FILE:LINE and what is allowed there; exit
status 1 if there is one. `--root DIR` checks another tree (the test of this script does).
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

# What may be included by the files of a layer, apart from their own.
LAYERS: dict[str, set[str]] = {
    "base": set(),
    "json": {"base"},
    "rt": {"base"},
    "api": {"base", "json", "rt", "generated"},
    "mcp": {"base", "json", "rt"},
    "handlers": {"base", "json", "rt", "api", "mcp", "generated", "generated tools"},
    "transport": {"base", "json", "rt", "mcp"},
    "generated": {"base", "json", "api"},
    "generated tools": {"base", "json", "api", "mcp", "handlers", "generated"},
    "sandbox": {"base", "json", "rt", "api", "generated"},
}
LAYERS["assembly"] = set(LAYERS)

# Third-party headers, and the path prefixes (below the root) that may include them.
THIRD_PARTY: list[tuple[str, re.Pattern[str], tuple[str, ...]]] = [
    ("libcurl", re.compile(r"curl/"), ("src/rt/",)),
    ("hiredis", re.compile(r"hiredis/"), ("src/rt/redis",)),
    (
        "h2o",
        re.compile(r"h2o(/|\.h$)|picohttpparser\.h$"),
        ("src/rt/loop", "src/transport/http", "tests/sandbox/"),
    ),
    (
        "OpenSSL",
        re.compile(r"openssl/"),
        ("src/transport/", "src/rt/tls", "tests/sandbox/"),
    ),
    (
        "cJSON",
        re.compile(r"cjson/|cJSON\.h$"),
        ("src/json/", "src/mcp/", "src/api/", "src/handlers/", "tests/sandbox/"),
    ),
    (
        "the sanitizers' and valgrind's headers",
        re.compile(r"(sanitizer|valgrind)/"),
        ("src/rt/co", "src/base/arena"),
    ),
]

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)')


def layer_of(path: Path, root: Path) -> str | None:
    """The layer that a file belongs to, or None when it is in none."""
    parts = path.relative_to(root).parts
    if parts[0] == "generated":
        return "generated tools" if path.stem == "looker_tools" else "generated"
    if parts[:2] == ("tests", "sandbox"):
        return "sandbox"
    if parts[0] != "src":
        return None
    return "assembly" if len(parts) == 2 else parts[1]


def resolve(name: str, includer: Path, root: Path) -> Path | None:
    """The file of the project that `#include "name"` means: as the compiler looks it up."""
    for folder in (includer.parent, root / "src", root / "generated"):
        candidate = (folder / name).resolve()
        if candidate.is_file():
            return candidate
    return None


def third_party_fault(name: str, relative: str) -> str | None:
    for library, pattern, places in THIRD_PARTY:
        if pattern.match(name) and not relative.startswith(places):
            return f"includes <{name}>: {library} is for {', '.join(places)} only"
    return None


def project_fault(name: str, path: Path, root: Path) -> str | None:
    layer = layer_of(path, root)
    if layer not in LAYERS:
        return f"is in a folder that has no layer; add it to {Path(__file__).name}"
    target = resolve(name, path, root)
    if target is None:
        return f'includes "{name}", which is no file of the project'
    other = layer_of(target, root)
    if other == layer or other in LAYERS[layer]:
        return None
    allowed = ", ".join(sorted(LAYERS[layer])) or "no other layer"
    return f'includes "{name}" of layer {other}; {layer} may include itself and: {allowed}'


def check_file(path: Path, root: Path) -> list[str]:
    relative = path.relative_to(root).as_posix()
    faults = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        own, system = match.groups()
        fault = third_party_fault(own or system, relative)
        if fault is None and own:
            fault = project_fault(own, path, root)
        if fault:
            faults.append(f"{relative}:{number}: {fault}")
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).parent.parent)
    root = parser.parse_args().root.resolve()
    files = [
        path
        for folder in ("src", "generated", "tests/sandbox")
        for path in sorted((root / folder).rglob("*.[ch]"))
    ]
    if not files:
        print(f"{root}: no C files below src/, generated/ and tests/sandbox/", file=sys.stderr)
        return 1
    faults = [fault for path in files for fault in check_file(path, root)]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
