"""From the inputs to the text of every generated file."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import jinja2

from . import facts as facts_module
from . import overlay as overlay_module
from .errors import InputError
from .tables import Tables

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"


class ManyErrors(Exception):
    """All mistakes of the manifests at once."""

    def __init__(self, errors: list[InputError]):
        super().__init__(f"{len(errors)} errors")
        self.errors = errors


def shown(path: Path, output: Path) -> str:
    """A path as banners and errors write it: from the folder that holds the output folder, so that
    it is the same wherever the repository lies."""
    return os.path.relpath(path.resolve(), output.resolve().parent)


def digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def render(template: str, **values: object) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(template).render(**values)


def generate(facts_path: Path, overlay_path: Path | None, tools: Path, output: Path) -> dict[str, str]:
    """File name to text. Raises InputError or ManyErrors."""
    facts_shown = shown(facts_path, output)
    overlay_shown = shown(overlay_path, output) if overlay_path else facts_shown
    facts = facts_module.load(facts_path, facts_shown)
    facts = overlay_module.apply(facts, overlay_path, overlay_shown, facts_shown)
    tables = Tables(facts, facts_shown)
    inputs = [(facts_shown, digest(facts_path))]
    if overlay_path:
        inputs.append((overlay_shown, digest(overlay_path)))
    return {
        name: render(f"{name}.j2", tables=tables, inputs=inputs)
        for name in ("looker_types.h", "looker_types.c", "looker_ops.h", "looker_ops.c")
    }
