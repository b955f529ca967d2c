"""Writes outputs: only when the content differs, and never half."""

from __future__ import annotations

import difflib
import itertools
import os
from pathlib import Path


def write_if_changed(path: Path, text: str) -> bool:
    """Whether it had to be written. A file that is right keeps its time stamp, so nothing rebuilds."""
    if same_content(path, text):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
    return True


def same_content(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode("utf-8")
    except FileNotFoundError:
        return False


def first_difference(path: Path, text: str, most: int = 12) -> str:
    """The first changed lines as a diff, for a person to see what it is about."""
    try:
        old = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return f"  {path.name} does not exist"
    diff = difflib.unified_diff(old, text.splitlines(), "committed", "generated", lineterm="", n=0)
    return "\n".join(f"  {line}" for line in itertools.islice(diff, 2, 2 + most))
