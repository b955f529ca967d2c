"""Looker's operations as the generator knows them (the facts and the overlay), as an OpenAPI document
for judges that read one, and calls of each operation with made-up values of the right form."""

from __future__ import annotations

import sys
from typing import Any

from .process import ROOT

sys.path.insert(0, str(ROOT / "codegen"))

from looker_codegen import facts, overlay  # noqa: E402
from looker_codegen.facts import Content, Facts, Field, Operation, Type  # noqa: E402

_FACTS = ROOT / "spec" / "looker-4.0.json"
_OVERLAY = ROOT / "spec" / "overlay.yaml"


def load() -> Facts:
    return overlay.apply(facts.load(_FACTS, _FACTS.name), _OVERLAY, _OVERLAY.name, _FACTS.name)


# ---- as an OpenAPI document ----

_JSON_NAMES = {"string": "string", "integer": "integer", "number": "number", "boolean": "boolean"}
# Looker's bare `text`: what the body is depends on the result_format that was asked for.
_MEDIA = {"text": "text/plain"}
# Rows have no schema in the document, which calls them a string.
_ROWS = {"application/json": [], "text/plain": "a,b\n1,2\n"}


class _Document:
    """Requests and answers see a schema differently, so each is written up to three times: `Look` as
    it is answered, `Look.sent` without what is readOnly, `Look.all` with it, where Looker wants
    that."""

    def __init__(self, api: Facts) -> None:
        self.api = api
        self.schemas: dict[str, Any] = {}

    def reference(self, name: str, form: str) -> dict[str, Any]:
        full = f"{name}{form}"
        if full not in self.schemas:
            self.schemas[full] = {}  # those that hold themselves end here
            self.schemas[full] = self.schema(name, form, required=True)
        return {"$ref": f"#/components/schemas/{full}"}

    def schema(self, name: str, form: str, required: bool) -> dict[str, Any]:
        fields = self.api.schemas[name].fields.values()
        shown = [f for f in fields if form != ".sent" or not f.read_only]
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {f.name: self.field(f, form) for f in shown},
        }
        if form:
            schema["additionalProperties"] = False
            needed = [f.name for f in shown if f.required]
            if required and needed:
                schema["required"] = needed
        return schema

    def type(self, kind: Type, form: str) -> dict[str, Any]:
        if kind.kind == "object":
            schema = self.reference(kind.schema, form)
        elif kind.kind == "map":
            values = {"type": [_JSON_NAMES[kind.values], "null"]} if kind.values != "any" else True
            schema = {"type": "object", "additionalProperties": values}
        else:
            schema = {"type": _JSON_NAMES[kind.kind]} if kind.kind != "any" else {}
        return {"type": "array", "items": schema} if kind.is_list else schema

    def field(self, field: Field, form: str) -> dict[str, Any]:
        schema = self.type(field.type, form)
        if field.format:
            schema["format"] = field.format
        if field.enum:
            target = schema["items"] if field.type.is_list else schema
            target["enum"] = [*field.enum, *([None] if field.nullable and not field.type.is_list else [])]
        if field.nullable and isinstance(schema.get("type"), str):
            schema["type"] = [schema["type"], "null"]
        elif field.nullable and "$ref" in schema:
            schema = {"anyOf": [schema, {"type": "null"}]}
        return schema

    def parameter(self, field: Field) -> dict[str, Any]:
        row: dict[str, Any] = {"name": field.name, "in": field.place, "required": field.required}
        if field.type.kind == "map":  # sent as JSON text
            return {**row, "schema": {"type": "string"}}
        row["schema"] = self.field(field, "")
        if field.type.is_list:
            row |= {"style": "form", "explode": False}  # separated by commas
        return row

    def body(self, op: Operation, content: Content) -> dict[str, Any]:
        form = ".all" if op.sends_read_only else ".sent"
        schema = self.type(content.type, form)
        if op.method == "PATCH" and "$ref" in schema:
            schema = self.schema(content.type.schema, form, required=False)
        media = {_MEDIA.get(m, m): {"schema": schema} for m in content.media}
        return {"required": content.required, "content": media}

    def answer(self, op: Operation, content: Content | None) -> dict[str, Any]:
        row: dict[str, Any] = {"description": "answer"}
        if content is None:
            return row
        media: dict[str, Any] = {}
        for name in (_MEDIA.get(m, m) for m in content.media):
            media[name] = {"schema": self.type(content.type, "")}
            if op.activity == "db_query" and content.type == Type("string") and name in _ROWS:
                media[name] = {"schema": {}, "example": _ROWS[name]}
        return {**row, "content": media}

    def operation(self, op: Operation) -> dict[str, Any]:
        row: dict[str, Any] = {
            "operationId": op.id,
            "parameters": [self.parameter(p) for p in op.parameters],
            "responses": {str(s): self.answer(op, c) for s, c in sorted(op.answers.items())},
        }
        if op.body:
            row["requestBody"] = self.body(op, op.body)
        if op.id == "login":
            row["security"] = []
        return row


def openapi(api: Facts, root: str) -> dict[str, Any]:
    """The whole API as an OpenAPI 3.1 document whose paths begin with `root`. It declares no error
    answers, so that a judge has to use its own words for a request that it refuses."""
    document = _Document(api)
    paths: dict[str, Any] = {}
    for _, op in sorted(api.operations.items()):
        paths.setdefault(root + op.path, {})[op.method.lower()] = document.operation(op)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Looker", "version": api.release},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(document.schemas.items())),
            "securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": "Authorization"}},
        },
    }


# ---- made-up calls ----

# Names of things that the sandbox has; what is not here is "1".
_KNOWN = {
    "connection_name": "warehouse",
    "explore_name": "orders",
    "lookml_model_explore_name": "orders",
    "lookml_model_name": "thelook",
    "lookml_dashboard_id": "thelook::overview",
    "model": "thelook",
    "model_name": "thelook",
    "project_id": "thelook",
    "result_format": "json",
    "view": "orders",
    "view_name": "orders",
}
_FORMATS = {"date-time": "2026-01-15T09:30:00.000Z", "date": "2026-01-15", "uri-reference": "/x"}


class Calls:
    """Arguments of call_operation, made from the facts. `special` has, by operation, values of
    parameters that their form does not tell (None: left out), under `body` a whole body, and under
    `members` some of its members, beside those that are made up."""

    def __init__(self, api: Facts, special: dict[str, dict[str, Any]] | None = None) -> None:
        self.api = api
        self.special = special or {}

    def call(self, op: Operation, full: bool) -> dict[str, Any]:
        """full: with every parameter and every field that may be written, nested ones included;
        otherwise what is required."""
        special = self.special.get(op.id, {})
        arguments = {
            p.name: special.get(p.name, self.value(p, op, full, 0))
            for p in op.parameters
            if (full and p.name != "fields") or p.required or p.name in special
        }
        arguments = {name: value for name, value in arguments.items() if value is not None}
        call: dict[str, Any] = {"operation": op.id}
        if full and op.answer and op.answer.type.kind == "object":
            call["fields"] = min(self.api.schemas[op.answer.type.schema].fields)
        if arguments:
            call["arguments"] = arguments
        if op.body and (full or op.body.required):
            body = special.get("body") or self.body(op, op.body, full)
            if "members" in special:
                body |= special["members"]
            plain = op.body.type.kind in ("object", "map") and not op.body.type.is_list
            call["body"] = body if plain else {"value": body}
        return call

    def body(self, op: Operation, content: Content, full: bool) -> Any:
        return self.value(Field("body", content.type), op, full, 0)

    def value(self, field: Field, op: Operation, full: bool, depth: int) -> Any:
        one = self.one(field, op, full, depth)
        return [one] if field.type.is_list else one

    def one(self, field: Field, op: Operation, full: bool, depth: int) -> Any:
        kind = field.type
        if kind.kind == "object":
            return self.object(kind.schema, op, full, depth)
        if kind.kind == "map":
            return {"a": self.one(Field("a", Type(kind.values)), op, full, depth)}
        if kind.kind == "string":
            if field.enum:
                return field.enum[0]
            return _FORMATS.get(field.format) or _KNOWN.get(field.name, "1")
        return {"integer": 1, "number": 1.5, "boolean": True, "any": "1"}[kind.kind]

    def object(self, name: str, op: Operation, full: bool, depth: int) -> dict[str, Any]:
        fields = self.api.schemas[name].fields.values()
        partial = op.method == "PATCH" and depth == 0
        return {
            f.name: self.value(f, op, full, depth + 1)
            for f in fields
            if (op.sends_read_only or not f.read_only)
            and ((f.required and not partial) or (full and (depth < 2 or f.type.kind != "object")))
        }
