"""What the golden tests share: running the two programs as a person does, and comparing with files.

Run with LK_GOLDEN_UPDATE=1 to write what came instead of comparing; then read the diff.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CODEGEN = ROOT / "codegen"
sys.path.insert(0, str(CODEGEN))
import generate  # noqa: E402

API = HERE / "api"
UPDATE = os.environ.get("LK_GOLDEN_UPDATE") == "1"
# CMakeLists.txt compiles generated/ with these.
FLAGS = "-std=gnu17 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wconversion -Werror".split()


def run(program: str, *args: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """codegen/<program> with these arguments."""
    return subprocess.run(
        [sys.executable, CODEGEN / program, *map(str, args)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "no_proxy": "*", **(env or {})},
    )


class Project:
    """A folder laid out like the repository: spec/, spec/tools/ and generated/."""

    def __init__(self, folder: Path, overlay: bool = True):
        self.folder = folder
        self.facts = folder / "spec" / "facts.json"
        self.overlay = folder / "spec" / "overlay.yaml" if overlay else None
        self.tools = folder / "spec" / "tools"
        self.output = folder / "generated"
        self.tools.mkdir(parents=True)
        shutil.copy(API / "widgets.facts.json", self.facts)
        if self.overlay:
            shutil.copy(API / "widgets.overlay.yaml", self.overlay)

    def generate(self, *args: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Runs generate.py on this project: in this process, which is quick, or with env in its own."""
        overlay = ["--overlay", self.overlay] if self.overlay else ["--no-overlay"]
        words = ["--facts", self.facts, *overlay, "--tools", self.tools, "--output", self.output, *args]
        if env is not None:
            return run("generate.py", *words, env=env)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = generate.main([str(word) for word in words])
        return subprocess.CompletedProcess(words, status, out.getvalue(), err.getvalue())


def compare(expected: Path, text: str) -> None:
    """That the file holds the text; or, when updating, that it does now."""
    if UPDATE:
        expected.parent.mkdir(parents=True, exist_ok=True)
        expected.write_text(text, encoding="utf-8")
    assert expected.exists(), f"{expected} is missing; run with LK_GOLDEN_UPDATE=1"
    assert text == expected.read_text(encoding="utf-8"), f"differs from {expected}"


def compilers() -> list[str]:
    return [name for name in ("gcc", "clang") if shutil.which(name)]


def compile_c(compiler: str, source: Path, generated: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [compiler, *FLAGS, *more, "-I", str(ROOT / "src"), "-I", str(generated), str(source)],
        capture_output=True,
        text=True,
        timeout=120,
    )
