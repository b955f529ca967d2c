"""The JSON Schema of a tool's arguments, as clients and models see it, and the check that it has
no form that model providers refuse."""

from __future__ import annotations

import json
import re
from typing import Any

from .manifest import Argument, Tool

# What else limits an argument (lengths, sizes) is checked all the same and named in the error; in
# the schema it would cost every conversation, and some providers refuse it.
_LIMITS = ("minimum", "maximum")


def compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _one(arg: Argument) -> dict[str, Any]:
    """The schema of one value, or of one item of a list, without its description."""
    kind = arg.type
    if kind.kind == "map":
        extra: Any = True if kind.values == "any" else {"type": kind.values}
        one: dict[str, Any] = {"type": "object", "additionalProperties": extra}
    else:
        one = {"type": kind.kind}
    if arg.enum:
        one["enum"] = list(arg.enum)
    one.update({key: arg.limits[key] for key in _LIMITS if _says_something(arg, key)})
    return one


def _says_something(arg: Argument, limit: str) -> bool:
    """That a number of things is not negative goes without saying."""
    return limit in arg.limits and (limit, arg.limits[limit]) not in (("minimum", 0), ("minimum", 1))


def _argument(arg: Argument) -> dict[str, Any]:
    one = _one(arg)
    described = {"description": arg.description} if arg.description else {}
    if arg.type.is_list:
        full = {"type": "array", **described, "items": one}
    else:
        full = {"type": one.pop("type"), **described, **one}
    # That what is left out is false or 0 needs no saying: the list of tools stands in every
    # conversation.
    if arg.default is not None and arg.default not in (False, 0):
        full["default"] = arg.default
    return full


def input_schema(tool: Tool) -> dict[str, Any]:
    shown = {name: arg for name, arg in tool.args.items() if not arg.unavailable}
    # Some clients refuse an object schema that has no properties at all.
    if not shown:
        return {"type": "object", "properties": {}, "additionalProperties": False}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: _argument(arg) for name, arg in shown.items()},
    }
    required = [name for name, arg in shown.items() if arg.required]
    if required:
        schema["required"] = required
    schema["additionalProperties"] = False
    return schema


def pieces(schema: dict[str, Any]) -> list[str]:
    """The compact text of a schema in pieces, one a property, so that it reads as a diff."""
    rest = dict(schema)
    properties = rest.pop("properties")
    if not properties:
        return [compact(schema)]
    texts = [f"{compact(name)}:{compact(row)}," for name, row in properties.items()]
    texts[-1] = texts[-1][:-1]
    rest.pop("type")
    return ['{"type":"object","properties":{', *texts, "}," + compact(rest)[1:]]


def refused(schema: Any, place: str = "inputSchema") -> str | None:
    """What about this schema a provider would refuse, or None."""
    if not isinstance(schema, dict):
        return f"{place} is not an object"
    for key in ("oneOf", "anyOf", "allOf", "not", "$ref", "if"):
        if key in schema:
            return f"{place} has {key}"
    kind = schema.get("type")
    if not isinstance(kind, str):
        return f"{place} has a type that is not one text"
    if "enum" in schema and (kind != "string" or not schema["enum"]):
        return f"{place} has an enum that is empty or not of strings"
    if kind == "array":
        return refused(schema["items"], f"{place}[]") if "items" in schema else f"{place} is an array without items"
    if kind == "object":
        if not schema.get("properties") and "additionalProperties" not in schema:
            return f"{place} is an object without properties"
        for name, row in schema.get("properties", {}).items():
            if not re.fullmatch(r"[a-zA-Z0-9_.-]{1,64}", name):
                return f"{place}.{name} is not a name of 1 to 64 letters, digits, _, . and -"
            inner = refused(row, f"{place}.{name}")
            if inner:
                return inner
    elif kind not in ("string", "integer", "number", "boolean"):
        return f"{place} has the unknown type {kind}"
    return None
