"""tools/regenerate.sh: finds a Python, imports, generates; run on a copy of what it needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import API, ROOT


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A repository with the small API, up to date."""
    root = tmp_path / "copy"
    shutil.copytree(ROOT / "codegen", root / "codegen", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "regenerate.sh", root / "tools")
    (root / "spec" / "tools").mkdir(parents=True)
    shutil.copy(API / "widgets.facts.json", root / "spec" / "looker-4.0.json")
    shutil.copy(API / "widgets.overlay.yaml", root / "spec" / "overlay.yaml")
    assert regenerate(root).returncode == 0
    return root


def regenerate(root: Path, *args: str | Path, python: str = sys.executable, path: str | None = None) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "LK_PYTHON": python, **({} if path is None else {"PATH": path})}
    return subprocess.run(
        ["/bin/sh", root / "tools" / "regenerate.sh", *args], capture_output=True, text=True, timeout=60, env=env, cwd="/"
    )


def test_nothing_to_do(copy: Path) -> None:
    result = regenerate(copy)
    assert (result.returncode, result.stdout) == (0, f"{copy}/generated: unchanged\n")
    assert regenerate(copy, "--check").returncode == 0


def test_a_new_document_is_imported_and_generated(copy: Path, tmp_path: Path) -> None:
    document = tmp_path / "new.json"
    document.write_text((API / "widgets.swagger.json").read_text().replace("search_widgets", "find_widgets"))
    result = regenerate(copy, document)
    assert result.returncode == 0, result.stderr
    assert "LOOKER_OP_FIND_WIDGETS," in (copy / "generated" / "looker_ops.h").read_text()
    assert '"find_widgets": {' in (copy / "spec" / "looker-4.0.json").read_text()


def test_a_bad_document_stops_before_generating(copy: Path, tmp_path: Path) -> None:
    before = (copy / "spec" / "looker-4.0.json").read_bytes()
    result = regenerate(copy, tmp_path / "none.json")
    assert result.returncode == 2 and "none.json: No such file or directory" in result.stderr
    assert (copy / "spec" / "looker-4.0.json").read_bytes() == before


def test_check_sees_a_stale_file(copy: Path) -> None:
    (copy / "generated" / "looker_ops.c").write_text("")
    assert regenerate(copy, "--check").returncode == 1


@pytest.mark.parametrize("args, said", [(["--chek"], "unknown option --chek"), (["a", "b"], "one FILE or URL at most")])
def test_wrong_usage(copy: Path, args: list[str], said: str) -> None:
    result = regenerate(copy, *args)
    assert result.returncode == 2 and said in result.stderr


def test_no_suitable_python(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("sed", "dirname"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or name)
    script = copy / "tools" / "regenerate.sh"
    script.write_text(script.read_text().replace("/usr/bin/python3;", "/nowhere/python3;"))
    result = regenerate(copy, python="", path=str(tmp_path / "bin"))
    assert result.returncode == 3
    assert "no python3 that can import jinja2 and yaml" in result.stderr and "apt-get install" in result.stderr
