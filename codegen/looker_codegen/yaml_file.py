"""YAML with line numbers, so that errors can say where. Duplicate keys and keys that are not text
(YAML reads a bare `on` or `no` as a boolean) are errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from .errors import InputError


class Map(dict[str, Any]):
    """A mapping that knows the line of each of its keys."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, int] = {}


def _value(loader: yaml.SafeLoader, node: yaml.Node, shown: str) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return [_value(loader, item, shown) for item in node.value]
    if not isinstance(node, yaml.MappingNode):
        return loader.construct_object(node, deep=True)
    seen: set[str] = set()
    for key, _ in node.value:
        line = key.start_mark.line + 1
        name = loader.construct_object(key) if key.value != "<<" else "<<"
        if not isinstance(name, str):
            raise InputError(
                shown, str(key.value), f"YAML reads this key as {name!r}", "put it in quotes", line
            )
        if name in seen:
            raise InputError(shown, name, "stands twice in the same mapping", "remove or rename one", line)
        seen.add(name)
    loader.flatten_mapping(node)
    result = Map()
    for key, value in node.value:
        result[key.value] = _value(loader, value, shown)
        result.lines[key.value] = key.start_mark.line + 1
    return result


def load_map(path: Path, shown: str) -> Map:
    """The mapping that the file holds; an empty file is an empty mapping."""
    try:
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
        node = loader.get_single_node()
        value = Map() if node is None else _value(loader, node, shown)
    except OSError as error:
        raise InputError(shown, "", error.strerror or "cannot be read", "create it, or give another path") from error
    except UnicodeDecodeError as error:
        raise InputError(shown, "", "is not UTF-8", "save it as UTF-8") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        raise InputError(
            shown, "", f"is not YAML: {problem}", "mend the line", mark.line + 1 if mark else None
        ) from error
    if not isinstance(value, Map):
        raise InputError(shown, "", "is not a mapping", "start it with key: value lines", 1)
    return value
