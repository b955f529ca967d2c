"""Turns a vendor document, OpenAPI 3.0 or Swagger 2.0, into facts.

Both forms of one release give the same facts. They differ in where a thing stands (`Form` holds
those places) and in one piece of information: OpenAPI 3.0 lets a reference have no siblings, so a
field that is a `$ref` has no readOnly, nullable, write-only or deprecated there. Facts leave these
flags of references out; spec/overlay.yaml lists the references that are readOnly, and
`reference_flags` shows what a Swagger document says of them.

A construct that is not understood is an error, never skipped: a vendor extension (x-…) is the one
exception, since it cannot change what a request looks like.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .errors import InputError
from .facts import ACTIVITIES, METHODS, SCALARS, STATUSES, Content, Facts, Field, Operation, Schema, Type

JSON_MEDIA = "application/json"
FORM_MEDIA = "application/x-www-form-urlencoded"

_PROSE = {"description", "summary", "externalDocs", "example", "examples", "title"}
# Formats that say no more than the type does.
_PLAIN_FORMATS = {"integer": ("int64", "int32"), "any": ("any",)}
_REMEDY = "teach codegen/looker_codegen/vendor.py what it means"


@dataclass(frozen=True)
class Form:
    """Where the two forms keep the same thing."""

    schemas: str
    nullable: str
    deprecated: str
    enum: str


OPENAPI = Form("#/components/schemas/", "nullable", "deprecated", "enum")
SWAGGER = Form("#/definitions/", "x-looker-nullable", "x-looker-deprecated", "x-looker-values")


def _dig(document: dict[str, Any], pointer: str) -> Any:
    node: Any = document
    for part in pointer.removeprefix("#/").split("/"):
        node = node.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(node, dict) else None
    return node


class Importer:
    """Walks one document. `notes` collects what a person may want to know."""

    def __init__(self, document: dict[str, Any], source: str):
        self.document = document
        self.source = source
        self.notes: list[str] = []
        if str(document.get("openapi", "")).startswith("3.0"):
            self.form = OPENAPI
        elif document.get("swagger") == "2.0":
            self.form = SWAGGER
        else:
            found = document.get("openapi") or document.get("swagger")
            raise InputError(
                source,
                "",
                f"is version {found!r}" if found else "has neither openapi nor swagger at its top",
                "give Looker's API 4.0 document as OpenAPI 3.0 or Swagger 2.0",
            )

    # ---- small helpers ----

    def fail(self, place: str, problem: str, remedy: str = _REMEDY) -> InputError:
        return InputError(self.source, place, problem, remedy)

    def known(self, node: Any, place: str, keys: set[str]) -> dict[str, Any]:
        """node, when it is an object with no key but these, prose and vendor extensions."""
        for key in self.mapping(node, place):
            if key in keys or key in _PROSE:
                continue
            if not key.startswith("x-"):
                raise self.fail(f"{place}.{key}", "is an unknown construct")
            note = f"{self.source}: {key} is an unknown vendor extension; ignored"
            if note not in self.notes:
                self.notes.append(note)
        return self.mapping(node, place)

    def mapping(self, node: Any, place: str) -> dict[str, Any]:
        if not isinstance(node, dict):
            raise self.fail(place, "is not an object", "mend the document")
        return node

    def listing(self, node: Any, place: str) -> list[Any]:
        if not isinstance(node, list):
            raise self.fail(place, "is not a list", "mend the document")
        return node

    def choice(self, value: Any, known: tuple[str, ...], place: str) -> str:
        if value not in known:
            raise self.fail(place, f"is {value!r}, not one of {', '.join(known)}")
        return str(value)

    def resolve(self, node: Any, place: str) -> Any:
        """What a reference to a shared parameter, body or response stands for."""
        if not isinstance(node, dict) or "$ref" not in node:
            return node
        found = _dig(self.document, str(node["$ref"]))
        if found is None:
            raise self.fail(place, f"{node['$ref']} is not in the document", "mend the document")
        return found

    # ---- types ----

    def type(self, node: dict[str, Any], place: str) -> Type:
        ref = node.get("$ref")
        if ref is not None:
            name = str(ref).removeprefix(self.form.schemas)
            if name not in self.schemas:
                raise self.fail(place, f"{ref} is not a schema of the document", "mend the document")
            return Type("object", schema=name)
        kind = node.get("type")
        if kind == "array":
            if not isinstance(node.get("items"), dict):
                raise self.fail(place, "is an array without items", "mend the document")
            items = self.known(
                node["items"], f"{place}.items", {"$ref", "type", "format", "items", "additionalProperties"}
            )
            inner = self.type(items, f"{place}.items")
            if inner.is_list:
                raise self.fail(place, "is a list of lists")
            return Type(inner.kind, True, inner.schema, inner.values)
        if kind == "object":
            extra = node.get("additionalProperties")
            if extra is None or extra is True:
                return Type("map", values="any")
            inner = self.type(self.known(extra, place, {"$ref", "type", "format"}), place)
            if inner.kind not in SCALARS or inner.is_list:
                raise self.fail(f"{place}.additionalProperties", f"is a map of {inner}")
            return Type("map", values=inner.kind)
        if kind in SCALARS:
            return Type(kind)
        raise self.fail(f"{place}.type", f"is {kind!r}, an unknown type")

    def field(self, name: str, node: Any, place: str, required: bool) -> Field:
        form = self.form
        flags = {form.nullable, form.deprecated, form.enum, "readOnly", "x-looker-write-only", "writeOnly"}
        self.known(
            node,
            place,
            {"$ref", "type", "format", "items", "additionalProperties", "enum", "x-looker-polymorphic-types", *flags},
        )
        kind = self.type(node, place)
        if "$ref" in node:
            return Field(name, kind, required=required, nullable=True)
        form_name = str(node.get("format", ""))
        if form_name in _PLAIN_FORMATS.get(kind.kind, ()):
            form_name = ""
        variants = self.listing(
            node.get("x-looker-polymorphic-types", []), f"{place}.x-looker-polymorphic-types"
        )
        return Field(
            name,
            kind,
            format=form_name,
            enum=self.enum(node, place),
            one_of=tuple(str(self.type(self.mapping(v, place), place)) for v in variants),
            required=required,
            nullable=node.get(form.nullable) is True,
            read_only=node.get("readOnly") is True,
            write_only=node.get("x-looker-write-only") is True or node.get("writeOnly") is True,
            deprecated=node.get(form.deprecated) is True,
        )

    def enum(self, node: dict[str, Any], place: str) -> tuple[str, ...]:
        values = node.get(self.form.enum, node.get("enum")) or ()
        # In a list, the values may stand with the items too.
        if not values and isinstance(node.get("items"), dict):
            values = node["items"].get("enum", ())
        if not isinstance(values, (list, tuple)) or not all(isinstance(v, str) for v in values):
            raise self.fail(f"{place}.enum", "has values that are not strings")
        return tuple(values)

    # ---- parameters, bodies, answers ----

    def parameter(self, node: dict[str, Any], place: str) -> Field:
        where = node.get("in")
        if where not in ("path", "query"):
            raise self.fail(f"{place}.in", f"is {where!r}")
        name = str(node.get("name"))
        outer = {"name", "in", "required", "deprecated", "x-looker-deprecated", "allowEmptyValue"}
        kept = {"type", "format", "items", "enum", "additionalProperties", "$ref"}
        if self.form is OPENAPI:
            self.known(node, place, {*outer, "schema", "style", "explode", "additionalProperties"})
            schema = dict(self.known(node.get("schema"), f"{place}.schema", kept))
            joined = (node.get("style", "form"), node.get("explode", node.get("style", "form") == "form"))
            commas = joined in (("simple", False), ("form", False))
        else:
            self.known(node, place, {*outer, *kept, "collectionFormat"})
            schema = {k: v for k, v in node.items() if k in kept}
            commas = node.get("collectionFormat", "csv") == "csv"
        # A map among the parameters says what its values are beside the schema, not in it.
        if "additionalProperties" in node:
            schema.setdefault("additionalProperties", node["additionalProperties"])
        kind = self.type(schema, place)
        if kind.is_list and not commas:
            raise self.fail(place, "is a list that does not travel as comma-separated values")
        form_name = str(schema.get("format", ""))
        return Field(
            name,
            kind,
            place=where,
            format="" if form_name in _PLAIN_FORMATS.get(kind.kind, ()) else form_name,
            enum=self.enum(schema, place),
            required=node.get("required") is True,
            deprecated=node.get("deprecated") is True or node.get("x-looker-deprecated") is True,
        )

    def openapi_body(self, op: dict[str, Any], place: str) -> Content | None:
        node = self.resolve(op.get("requestBody"), f"{place}.requestBody")
        if node is None:
            return None
        self.known(node, f"{place}.requestBody", {"content", "required"})
        return self.content(node.get("content", {}), f"{place}.requestBody", node.get("required") is True)

    def content(self, by_media: Any, place: str, required: bool = False) -> Content | None:
        if not by_media:
            return None
        types: set[Type] = set()
        for media, node in self.mapping(by_media, place).items():
            self.known(node, f"{place}.{media}", {"schema"})
            schema = self.known(
                node.get("schema"), f"{place}.{media}.schema", {"$ref", "type", "format", "items", "additionalProperties"}
            )
            types.add(self.type(schema, f"{place}.{media}.schema"))
        if len(types) != 1:
            raise self.fail(place, "has another type for each media type")
        return Content(types.pop(), tuple(sorted(by_media)), required)

    def swagger_body(self, op: dict[str, Any], parameters: list[dict[str, Any]], place: str) -> Content | None:
        media = self.media(op, "consumes", place)
        bodies = [p for p in parameters if p.get("in") == "body"]
        if not bodies:
            # A form without declared fields: what OpenAPI writes as an untyped object.
            return Content(Type("map", values="any"), tuple(sorted(media))) if FORM_MEDIA in media else None
        self.known(bodies[0], f"{place}.body", {"name", "in", "required", "schema"})
        by_media = {m: {"schema": bodies[0].get("schema")} for m in media}
        return self.content(by_media, f"{place}.body", bodies[0].get("required") is True)

    def media(self, op: dict[str, Any], key: str, place: str) -> list[Any]:
        """The media types of a Swagger operation, its own or the document's."""
        found = self.listing(op.get(key) or self.document.get(key) or [JSON_MEDIA], f"{place}.{key}")
        if not all(isinstance(m, str) for m in found):
            raise self.fail(f"{place}.{key}", "is not a list of media types", "mend the document")
        return found

    def answer(self, node: dict[str, Any], op: dict[str, Any], place: str) -> Content | None:
        if self.form is OPENAPI:
            self.known(node, place, {"content", "headers"})
            return self.content(node.get("content", {}), place)
        self.known(node, place, {"schema", "headers"})
        if "schema" not in node:
            return None
        media = self.media(op, "produces", place)
        return self.content({m: {"schema": node["schema"]} for m in media}, place)

    # ---- operations, schemas, all ----

    def operation(self, path: str, method: str, op: dict[str, Any], shared: list[Any]) -> Operation:
        place = f"paths.{path}.{method}"
        self.known(
            op,
            place,
            {"tags", "operationId", "parameters", "requestBody", "responses", "deprecated", "consumes", "produces"}
            | {"security", "schemes", "x-looker-status", "x-looker-activity-type", "x-looker-rate-limited"},
        )
        if not isinstance(op.get("operationId"), str) or not op["operationId"]:
            raise self.fail(place, "has no operationId", "mend the document")
        own = self.listing(op.get("parameters", []), f"{place}.parameters")
        nodes = [
            self.mapping(self.resolve(p, f"{place}.parameters"), f"{place}.parameters") for p in [*shared, *own]
        ]
        found = [
            self.parameter(p, f"{place}.parameters.{p.get('name')}") for p in nodes if p.get("in") != "body"
        ]
        body = self.openapi_body(op, place) if self.form is OPENAPI else self.swagger_body(op, nodes, place)
        answers: dict[int, Content | None] = {}
        errors: dict[int, str] = {}
        for status, raw in self.mapping(op.get("responses"), f"{place}.responses").items():
            spot = f"{place}.responses.{status}"
            if not status.isdigit():
                raise self.fail(spot, "is not an HTTP status")
            content = self.answer(self.resolve(raw, spot), op, spot)
            if status.startswith("2"):
                answers[int(status)] = content
            else:
                errors[int(status)] = str(content.type) if content else ""
        return Operation(
            id=str(op["operationId"]),
            method=method.upper(),
            path=path,
            status=self.choice(op.get("x-looker-status", "stable"), STATUSES, f"{place}.x-looker-status"),
            tag=str(next(iter(self.listing(op.get("tags", []), f"{place}.tags")), "")),
            activity=self.choice(op.get("x-looker-activity-type", "none"), ACTIVITIES, f"{place}.x-looker-activity-type"),
            rate_limited=op.get("x-looker-rate-limited") is True,
            deprecated=op.get("deprecated") is True,
            parameters=tuple(sorted(found, key=lambda p: (p.place, p.name))),
            body=body,
            answers=answers,
            errors=errors,
        )

    def schema(self, name: str, node: Any) -> Schema:
        place = f"{self.form.schemas.removeprefix('#/').replace('/', '.')}{name}"
        self.known(node, place, {"properties", "required", "type", "x-looker-status"})
        properties = self.mapping(node.get("properties", {}), f"{place}.properties")
        required = self.listing(node.get("required", []), f"{place}.required")
        for missing in (r for r in required if not isinstance(r, str) or r not in properties):
            raise self.fail(
                f"{place}.required", f"names {missing}, which is no property", "mend the document"
            )
        fields = {f: self.field(f, v, f"{place}.{f}", f in required) for f, v in properties.items()}
        return Schema(name, self.choice(node.get("x-looker-status", "stable"), STATUSES, place), fields)

    def run(self) -> Facts:
        place = self.form.schemas.removeprefix("#/").rstrip("/")
        self.schemas = self.mapping(_dig(self.document, self.form.schemas.rstrip("/")) or {}, place)
        operations: dict[str, Operation] = {}
        paths = self.document.get("paths")
        if not isinstance(paths, dict) or not paths:
            raise self.fail("paths", "is missing or empty", "give Looker's API 4.0 document")
        for path, item in paths.items():
            self.known(item, f"paths.{path}", {"parameters", *(m.lower() for m in METHODS)})
            for method in (m.lower() for m in METHODS if m.lower() in item):
                op = self.operation(
                    path,
                    method,
                    item[method],
                    self.listing(item.get("parameters", []), f"paths.{path}.parameters"),
                )
                if op.id in operations:
                    raise self.fail(
                        f"paths.{path}.{method}", f"operationId {op.id} is used twice", "mend the document"
                    )
                operations[op.id] = op
        schemas = {name: self.schema(name, node) for name, node in self.schemas.items()}
        info = self.mapping(self.document.get("info", {}), "info")
        release = str(info.get("x-looker-release-version") or info.get("version") or "")
        return Facts(release, operations, schemas)

    def reference_flags(self) -> set[str]:
        """Schema.field of every reference that the document marks readOnly; empty for OpenAPI."""
        return {
            f"{name}.{f}"
            for name, node in self.schemas.items()
            for f, v in node.get("properties", {}).items()
            if "$ref" in v and v.get("readOnly") is True
        }
