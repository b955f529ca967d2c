"""From the inputs to the text of every generated file."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import jinja2

from . import check, facts, manifest, overlay, tool_tables, tools_page
from .errors import InputError
from .facts import Facts
from .tables import Tables

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
API_FILES = ("looker_types.h", "looker_types.c", "looker_ops.h", "looker_ops.c")
TOOL_FILES = ("looker_tools.h", "looker_tools.c", "TOOLS.md")


class ManyErrors(Exception):
    """All mistakes of the manifests at once."""

    def __init__(self, errors: list[InputError]):
        super().__init__(f"{len(errors)} errors")
        self.errors = sorted(errors, key=lambda e: e.order)


def shown(path: Path, output: Path) -> str:
    """A path as banners and errors write it: seen from the folder that holds the output folder, so
    that it is the same wherever the repository lies."""
    return os.path.relpath(path.resolve(), output.resolve().parent)


def digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def manifest_files(folder: Path, output: Path) -> list[tuple[Path, str]]:
    if not folder.is_dir():
        raise InputError(shown(folder, output), "", "is no folder", "create it, or give another with --tools")
    return [(path, shown(path, output)) for path in sorted(folder.glob("*.yaml"))]


def tool_rows(
    files: list[tuple[Path, str]], api: Facts, tables: Tables
) -> tuple[tool_tables.ToolTables, tools_page.Page]:
    groups, errors = manifest.load(files)
    bindings: dict[str, check.Checked] = {}
    for tool in (t for g in groups for t in g.tools):
        bindings[tool.name], error = check.check(tool, api)
        if error:
            errors.append(error)
    if errors:
        raise ManyErrors(errors)
    return tool_tables.build(groups, bindings, tables), tools_page.build(groups, api)


def generate(facts_path: Path, overlay_path: Path | None, tools: Path, output: Path) -> dict[str, str]:
    """File name to text. Raises InputError or ManyErrors."""
    facts_shown = shown(facts_path, output)
    overlay_shown = shown(overlay_path, output) if overlay_path else facts_shown
    api = overlay.apply(facts.load(facts_path, facts_shown), overlay_path, overlay_shown, facts_shown)
    tables = Tables(api, facts_shown)
    files = manifest_files(tools, output)
    rows, page = tool_rows(files, api, tables)

    inputs = [(facts_shown, digest(facts_path))]
    if overlay_path:
        inputs.append((overlay_shown, digest(overlay_path)))
    manifests = [(name, digest(path)) for path, name in files]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    texts = {}
    for name in API_FILES + TOOL_FILES:
        listed = inputs + (manifests if name in TOOL_FILES else [])
        texts[name] = environment.get_template(f"{name}.j2").render(
            tables=tables, tools=rows, page=page, inputs=listed
        )
    return texts
