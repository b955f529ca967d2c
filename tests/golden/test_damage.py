"""Whatever is wrong with an input, generate.py says so: no traceback, no output that does not fit. A
fixed seed damages facts, overlay and manifest in many ways."""

from __future__ import annotations

import copy
import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import API, HERE, Project

from looker_codegen import pipeline  # noqa: E402
from looker_codegen.errors import InputError  # noqa: E402

MANIFEST = HERE / "generate" / "whole" / "tools" / "widgets.yaml"
ODD = [None, 1, -1, 2.5, "x", "", "a b", "ü?\x07", [], {}, [1], ["x"], {"x": 1}, {"arg": "x"}, True, 2**70, [[]], "list<list<x>>"]


def spots(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) of a document."""
    for key in list(node) if isinstance(node, dict) else range(len(node)):
        yield node, key
        if isinstance(node[key], (dict, list)):
            yield from spots(node[key])


def damaged(whole: Any, chance: random.Random) -> Any:
    document = copy.deepcopy(whole)
    container, key = chance.choice(list(spots(document)))
    way = chance.random()
    if way < 0.25:
        del container[key]
    elif way < 0.4 and isinstance(container, dict):
        container[chance.choice(["x", "a-b", "int", "body", "", "ü"])] = container.pop(key)
    else:
        container[key] = chance.choice(ODD)
    return document


@pytest.mark.parametrize("part", ["facts", "overlay", "manifest"])
def test_damaged_inputs(part: str, tmp_path: Path) -> None:
    project = Project(tmp_path / "here")
    shutil.copy(MANIFEST, project.tools)
    assert project.overlay is not None
    if part == "facts":
        whole, path = json.loads((API / "widgets.facts.json").read_text()), project.facts
    elif part == "overlay":
        whole, path = yaml.safe_load((API / "widgets.overlay.yaml").read_text()), project.overlay
    else:
        whole, path = yaml.safe_load(MANIFEST.read_text()), project.tools / "widgets.yaml"
    chance = random.Random(7)
    refused = 0
    for _ in range(250):
        document = damaged(whole, chance)
        dump = json.dumps(
            document) if part == "facts" else yaml.safe_dump(document, allow_unicode=True, sort_keys=False
        )
        path.write_text(dump, encoding="utf-8")
        try:
            pipeline.generate(project.facts, project.overlay, project.tools, project.output)
        except (InputError, pipeline.ManyErrors) as error:
            refused += 1
            said = error.errors if isinstance(error, pipeline.ManyErrors) else [error]
            assert said and all("\n" not in str(line) and "; " in str(line) for line in said)
    assert refused > 100
