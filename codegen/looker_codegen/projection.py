"""Projections: the manifest's text `id, title, folder{id, name}` as a tree, checked against the
schema that it projects, and the `fields` text with which Looker projects by itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .facts import Facts, Type


class ProjectionError(Exception):
    """str() is the problem; the caller knows the place."""


@dataclass
class Node:
    """A kept field, or the root. Without fields: the whole value."""

    name: str
    fields: dict[str, Node] = field(default_factory=dict)
    drop_if_true: str | None = None


_TOKEN = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*|[{},])")


def parse(text: str) -> Node:
    """The tree that the text means."""
    root = Node("")
    stack = [root]
    last: Node | None = None
    wants_name = True
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ProjectionError(f"has {text[position:].strip()[:10]!r}, which is no name, comma or brace")
        token, position = match[1], match.end()
        if token in "{},":
            if wants_name or (token == "{" and last is None) or (token == "}" and len(stack) == 1):
                raise ProjectionError(f"has a {token!r} out of place")
            if token == "{" and last is not None:
                stack.append(last)
            if token == "}":
                stack.pop()
            wants_name, last = token != "}", None
        elif not wants_name:
            raise ProjectionError(f"lacks a comma before {token}")
        else:
            if token in stack[-1].fields:
                raise ProjectionError(f"names {token} twice")
            last = stack[-1].fields[token] = Node(token)
            wants_name = False
    if wants_name or len(stack) > 1:
        raise ProjectionError("ends too early")
    return root


def check(node: Node, kind: Type, facts: Facts, path: str = "") -> tuple[str, str, list[str]] | None:
    """The first field that the schema lacks: (its path, the problem, the known names)."""
    if not node.fields:
        return None
    if kind.kind != "object":
        return (path, f"is {kind}, which has no named fields", [])
    schema = facts.schemas[kind.schema]
    for name, child in node.fields.items():
        spot = f"{path}.{name}" if path else name
        if name not in schema.fields:
            return (spot, f"is no field of {schema.name}", list(schema.fields))
        found = check(child, schema.fields[name].type, facts, spot)
        if found:
            return found
    return None


def fields_text(node: Node) -> str:
    """Looker's own notation: a,b(c,d). What decides about dropping must come too."""
    names = dict(node.fields)
    if node.drop_if_true and names:
        names.setdefault(node.drop_if_true, Node(node.drop_if_true))
    return ",".join(f"{n}({fields_text(c)})" if c.fields else n for n, c in names.items())


def nested(path: list[str], inner: str) -> str:
    """`inner` below a path: items(fields(a,b))."""
    for name in reversed(path):
        inner = f"{name}({inner})" if inner else name
    return inner
