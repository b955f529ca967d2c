"""Errors that name a file, a place in it and a remedy, and the hint for misspelt names."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable


class InputError(Exception):
    """Something wrong with an input. str() is the one line that a person reads."""

    def __init__(self, file: str, place: str, problem: str, remedy: str, line: int | None = None):
        self.order = (file, line or 0)
        where = f"{file}:{line}" if line else file
        spot = f"{place}: " if place else ""
        text = f"{where}: {spot}{problem}; {remedy}"
        super().__init__(" ".join(text.split()))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """" (did you mean x?)", or nothing when no known name is near, or it is one itself."""
    known = set(known)
    if name in known:
        return ""
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return f" (did you mean {near[0]}?)" if near else ""


def quoted(value: object) -> str:
    """A value from an input as an error text shows it: the way JSON and YAML write it."""
    return json.dumps(value, ensure_ascii=False, default=str)


def listed(names: Iterable[str], most: int = 12) -> str:
    """Names for an error text: "a, b, c", cut when there are many."""
    all_names = list(names)
    text = ", ".join(all_names[:most])
    return f"{text}, …" if len(all_names) > most else text
