"""The facts of Looker's API: what spec/looker-4.0.json holds, as typed values, its reader and its
writer.

The file is JSON with one field, parameter or answer a line, everything sorted by name, so that an
upgrade of the API reads as a diff of rows. It has no prose. Types are written in a short form:

    string  integer  number  boolean  any     scalars; `any` is any JSON value
    Query                                     a schema of that name
    list<string>  list<Query>                 a list
    map<string>  map<any>                     an object with any keys

It does not read vendor documents (vendor.py does) and does not know the overlay (overlay.py does).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .errors import InputError

SCALARS = ("string", "integer", "number", "boolean", "any")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
STATUSES = ("stable", "beta", "alpha", "deprecated")
ACTIVITIES = ("none", "non_query", "db_query")
REGENERATE = "write the file again with tools/regenerate.sh DOCUMENT"

_TYPE = re.compile(r"^(?:(list|map)<)?([A-Za-z_][A-Za-z0-9_]*)(>)?$")


@dataclass(frozen=True)
class Type:
    """kind: a scalar, "object" (of `schema`), or "map" (of scalar `values`); `is_list`: a list of it."""

    kind: str
    is_list: bool = False
    schema: str = ""
    values: str = ""

    def __str__(self) -> str:
        text = self.schema if self.kind == "object" else self.kind
        if self.kind == "map":
            text = f"map<{self.values}>"
        return f"list<{text}>" if self.is_list else text


def parse_type(text: str) -> Type | None:
    """The type that the short form means, or None when it is not one."""
    if text.startswith("list<map<") and text.endswith(">"):
        inner = parse_type(text[5:-1])
        return replace(inner, is_list=True) if inner else None
    match = _TYPE.match(text)
    if not match or bool(match[1]) != bool(match[3]):
        return None
    wrapper, name = match[1], match[2]
    if wrapper == "map":
        return Type("map", values=name) if name in SCALARS else None
    if name in SCALARS:
        return Type(name, is_list=wrapper == "list")
    return Type("object", is_list=wrapper == "list", schema=name)


@dataclass(frozen=True)
class Field:
    """A field of a schema, or a parameter of an operation (then `place` is "path" or "query")."""

    name: str
    type: Type
    place: str = ""
    format: str = ""
    enum: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    required: bool = False
    nullable: bool = False
    read_only: bool = False
    write_only: bool = False
    deprecated: bool = False


FLAGS = ("required", "nullable", "read_only", "write_only", "deprecated")


@dataclass(frozen=True)
class Content:
    """A request body or an answer: its type and the media types in which it travels."""

    type: Type
    media: tuple[str, ...]
    required: bool = False


@dataclass(frozen=True)
class Operation:
    """One operation. `answers` has every 2xx status; None where there is no content."""

    id: str
    method: str
    path: str
    status: str
    tag: str = ""
    activity: str = "none"
    rate_limited: bool = False
    deprecated: bool = False
    parameters: tuple[Field, ...] = ()
    body: Content | None = None
    answers: dict[int, Content | None] = field(default_factory=dict)
    errors: dict[int, str] = field(default_factory=dict)
    # Only the overlay sets these.
    origin: str = "published"
    remedy: str = ""
    acts: bool = False
    acts_if: str = ""
    reads: bool = False
    of_session: bool = False
    sends_read_only: bool = False
    needs_dev: bool = False
    branch: str = ""  # what it does to the branch that is checked out: "", "moves" or "sets"

    def parameter(self, name: str, place: str) -> Field | None:
        return next((p for p in self.parameters if (p.name, p.place) == (name, place)), None)

    @property
    def answer(self) -> Content | None:
        """The content of the first 2xx status that has any."""
        return next((c for _, c in sorted(self.answers.items()) if c), None)


@dataclass(frozen=True)
class Schema:
    """One named object. `status` is x-looker-status."""

    name: str
    status: str
    fields: dict[str, Field]


@dataclass(frozen=True)
class Facts:
    """All of it. `release` is the vendor's version text."""

    release: str
    operations: dict[str, Operation]
    schemas: dict[str, Schema]


# ---- writing ----


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _field_row(item: Field) -> dict[str, Any]:
    row: dict[str, Any] = {"type": str(item.type)}
    if item.place:
        row = {"in": item.place, "name": item.name, **row}
    if item.format:
        row["format"] = item.format
    if item.enum:
        row["enum"] = list(item.enum)
    if item.one_of:
        row["one_of"] = list(item.one_of)
    row.update({flag: True for flag in FLAGS if getattr(item, flag)})
    return row


def _content_row(content: Content | None) -> dict[str, Any] | None:
    if content is None:
        return None
    row: dict[str, Any] = {"type": str(content.type), "media": list(content.media)}
    if content.required:
        row["required"] = True
    return row


def _block(rows: list[str], indent: str, brackets: str) -> str:
    if not rows:
        return brackets
    body = ",\n".join(f"{indent}  {row}" for row in rows)
    return f"{brackets[0]}\n{body}\n{indent}{brackets[1]}"


def _operation_text(op: Operation) -> str:
    head = {"method": op.method, "path": op.path, "tag": op.tag}
    marks: dict[str, Any] = {"status": op.status, "activity": op.activity}
    if op.rate_limited:
        marks["rate_limited"] = True
    if op.deprecated:
        marks["deprecated"] = True
    rows = [_line(head)[1:-1], _line(marks)[1:-1]]
    if op.parameters:
        parameters = sorted(op.parameters, key=lambda p: (p.place, p.name))
        rows.append(
            '"parameters": ' + _block([_line(_field_row(p)) for p in parameters], "      ", "[]")
        )
    if op.body:
        rows.append('"body": ' + _line(_content_row(op.body)))
    answers = [f'"{s}": {_line(_content_row(c))}' for s, c in sorted(op.answers.items())]
    rows.append('"answers": ' + _block(answers, "      ", "{}"))
    if op.errors:
        rows.append('"errors": ' + _line({str(s): t for s, t in sorted(op.errors.items())}))
    return f"{_line(op.id)}: " + _block(rows, "    ", "{}")


def _schema_text(schema: Schema) -> str:
    fields = [f"{_line(f.name)}: {_line(_field_row(f))}" for _, f in sorted(schema.fields.items())]
    rows = [f'"status": {_line(schema.status)}', '"fields": ' + _block(fields, "      ", "{}")]
    return f"{_line(schema.name)}: " + _block(rows, "    ", "{}")


def dump(facts: Facts) -> str:
    """The text of the facts file."""
    rows = [
        f'"release": {_line(facts.release)}',
        '"operations": '
        + _block([_operation_text(o) for _, o in sorted(facts.operations.items())], "  ", "{}"),
        '"schemas": '
        + _block([_schema_text(s) for _, s in sorted(facts.schemas.items())], "  ", "{}"),
    ]
    return _block(rows, "", "{}") + "\n"


# ---- reading ----


class Reader:
    """Turns the rows of a facts file, or of the overlay, into typed values; `fail` makes the error."""

    def __init__(self, file: str, remedy: str = REGENERATE):
        self.file = file
        self.remedy = remedy

    def fail(self, place: str, problem: str) -> InputError:
        return InputError(self.file, place, problem, self.remedy)

    def keys(self, row: object, place: str, required: tuple[str, ...], optional: tuple[str, ...]) -> dict[str, Any]:
        found = self.mapping(row, place)
        for key in required:
            if key not in found:
                raise self.fail(place, f"lacks the key {key}")
        for key in found:
            if key not in required and key not in optional:
                raise self.fail(f"{place}.{key}" if place else key, "is an unknown key")
        return found

    def mapping(self, row: object, place: str) -> dict[str, Any]:
        if not isinstance(row, dict):
            raise self.fail(place, "is not a mapping")
        return row

    def one_of(self, value: object, known: tuple[str, ...], place: str) -> str:
        if value not in known:
            raise self.fail(place, f"is {value!r}, not one of {', '.join(known)}")
        return str(value)

    def texts(self, value: object, place: str) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise self.fail(place, "is not a list of texts")
        return value

    def text(self, value: object, place: str) -> str:
        if not isinstance(value, str):
            raise self.fail(place, f"is {value!r}, no text")
        return value

    def by_status(self, rows: object, place: str) -> dict[int, Any]:
        if not isinstance(rows, dict) or not all(isinstance(s, str) and re.fullmatch("[1-5][0-9]{2}", s) for s in rows):
            raise self.fail(place, "is not a mapping from HTTP statuses, in quotes")
        return {int(s): row for s, row in rows.items()}

    def type(self, text: object, place: str) -> Type:
        found = parse_type(text) if isinstance(text, str) else None
        if found is None:
            raise self.fail(place, f"{text!r} is not a type")
        return found

    def field(self, name: str, row: object, place: str, where: str = "") -> Field:
        extra = ("in", "name") if where else ()
        got = self.keys(row, place, ("type", *extra), ("format", "enum", "one_of", *FLAGS))
        return Field(
            name=name,
            type=self.type(got["type"], place),
            place=where,
            format=self.text(got.get("format", ""), f"{place}.format"),
            enum=tuple(self.texts(got.get("enum", []), f"{place}.enum")),
            one_of=tuple(self.texts(got.get("one_of", []), f"{place}.one_of")),
            **{flag: got.get(flag) is True for flag in FLAGS},
        )

    def content(self, row: object, place: str) -> Content | None:
        if row is None:
            return None
        got = self.keys(row, place, ("type", "media"), ("required",))
        media = tuple(self.texts(got["media"], f"{place}.media"))
        return Content(self.type(got["type"], place), media, got.get("required") is True)

    def parameters(self, rows: object, place: str) -> tuple[Field, ...]:
        if not isinstance(rows, list):
            raise self.fail(place, "is not a list")
        found: list[Field] = []
        for i, row in enumerate(rows):
            spot = f"{place}[{i}]"
            if not isinstance(row, dict) or not isinstance(row.get("name"), str):
                raise self.fail(spot, "lacks the key name")
            where = self.one_of(row.get("in"), ("path", "query"), f"{spot}.in")
            found.append(self.field(row["name"], row, spot, where))
        return tuple(sorted(found, key=lambda p: (p.place, p.name)))

    def operation(self, name: str, row: object, place: str, extra: tuple[str, ...] = ()) -> Operation:
        got = self.keys(
            row,
            place,
            ("method", "path", "answers"),
            ("tag", "status", "activity", "rate_limited", "deprecated", "parameters", "body", "errors", *extra),
        )
        answers = self.by_status(got["answers"], f"{place}.answers")
        errors = self.by_status(got.get("errors", {}), f"{place}.errors")
        return Operation(
            id=name,
            method=self.one_of(got["method"], METHODS, f"{place}.method"),
            path=self.text(got["path"], f"{place}.path"),
            status=self.one_of(got.get("status", "stable"), STATUSES, f"{place}.status"),
            tag=self.text(got.get("tag", ""), f"{place}.tag"),
            activity=self.one_of(got.get("activity", "none"), ACTIVITIES, f"{place}.activity"),
            rate_limited=got.get("rate_limited") is True,
            deprecated=got.get("deprecated") is True,
            parameters=self.parameters(got.get("parameters", []), f"{place}.parameters"),
            body=self.content(got.get("body"), f"{place}.body"),
            answers={s: self.content(c, f"{place}.answers.{s}") for s, c in answers.items()},
            errors={s: self.text(t, f"{place}.errors.{s}") for s, t in errors.items()},
        )

    def schema(self, name: str, row: object, place: str) -> Schema:
        got = self.keys(row, place, ("fields",), ("status",))
        fields = self.mapping(got["fields"], f"{place}.fields")
        return Schema(
            name,
            self.one_of(got.get("status", "stable"), STATUSES, f"{place}.status"),
            {n: self.field(n, f, f"{place}.fields.{n}") for n, f in fields.items()},
        )


def load(path: Path, shown: str) -> Facts:
    """Reads the facts file; `shown` is its name in error texts."""
    reader = Reader(shown)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(shown, "", error.strerror or "cannot be read", REGENERATE) from error
    except ValueError as error:
        raise InputError(shown, "", f"is not JSON: {error}", REGENERATE) from error
    top = reader.keys(document, "", ("release", "operations", "schemas"), ())
    operations = reader.mapping(top["operations"], "operations")
    schemas = reader.mapping(top["schemas"], "schemas")
    return Facts(
        reader.text(top["release"], "release"),
        {n: reader.operation(n, o, f"operations.{n}") for n, o in operations.items()},
        {n: reader.schema(n, s, f"schemas.{n}") for n, s in schemas.items()},
    )
