"""Lays spec/overlay.yaml over the facts: what is true of Looker though its document does not say it.

    operations            routes that the document lacks; each with source and status
    changes               to operations that it has
    schemas               for the bodies of the two above
    read_only_references  Schema.field of references that are readOnly (see vendor.py)
    writable_fields       Schema.field that is readOnly in the document, and written all the same

Then it checks that the whole fits together: types that exist, paths and their parameters. What the
document has come to say by itself is an error here, so the overlay never outlives its reason.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from .errors import InputError, did_you_mean, quoted
from .facts import Content, Facts, Field, Operation, Reader, Schema
from .yaml_file import Map, load_map

_REMEDY = "mend the entry in the overlay"
_STATUSES = ("observed", "unverified")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FIELD_NAME = re.compile(r"[A-Za-z0-9_.:$@-]+")
_PATH = re.compile(r"(/([A-Za-z0-9_.~-]+|\{[A-Za-z0-9_]+\}))+")


class Overlay:
    def __init__(self, facts: Facts, document: Map, shown: str):
        self.shown = shown
        self.reader = Reader(shown, _REMEDY)
        self.document = document
        self.operations = dict(facts.operations)
        self.schemas = dict(facts.schemas)
        self.release = facts.release

    def fail(self, place: str, problem: str, remedy: str = _REMEDY) -> InputError:
        return InputError(self.shown, place, problem, remedy)

    def section(self, name: str) -> dict[str, Any]:
        return self.reader.mapping(self.document.get(name) or Map(), name)

    def source(self, row: dict[str, Any], place: str) -> None:
        if not isinstance(row.get("source"), str) or not row["source"].strip():
            raise self.fail(place, "lacks a source", "say where it is known from")

    def add_schema(self, name: str, row: Any) -> None:
        if name in self.schemas:
            raise self.fail(f"schemas.{name}", "is in the API document", "remove it here, or rename it")
        self.schemas[name] = self.reader.schema(name, row, f"schemas.{name}")

    def add_operation(self, name: str, row: Any) -> None:
        place = f"operations.{name}"
        if name in self.operations:
            raise self.fail(place, "is in the API document by now", "remove it here")
        row = self.reader.mapping(row, place)
        self.source(row, place)
        status = self.reader.one_of(row.get("status"), _STATUSES, f"{place}.status")
        if (status == "unverified") != bool(row.get("remedy")):
            raise self.fail(
                f"{place}.remedy",
                "is missing" if status == "unverified" else "is for unverified routes only",
                "unverified routes say what to do instead when Looker answers 404; others say nothing",
            )
        own = ("source", "status", "remedy", "acts", "reads", "workspace", "branch")
        plain = {k: v for k, v in row.items() if k not in own}
        self.operations[name] = replace(
            self.reader.operation(name, {"status": "beta", **plain}, place),
            origin=status,
            remedy=self.reader.text(row.get("remedy", ""), f"{place}.remedy"),
            acts=row.get("acts") is True,
            reads=self.reads(row, row.get("method"), place),
            needs_dev=self.needs_dev(row, place),
            branch=self.branch(row, place),
        )

    def reads(self, row: dict[str, Any], method: Any, place: str) -> bool:
        if row.get("reads") is not True:
            return False
        if method not in ("POST", "PUT", "PATCH"):
            raise self.fail(f"{place}.reads", f"is said of a {method}", "remove it; it is for POST, PUT and PATCH")
        return True

    def acts_if(self, row: dict[str, Any], op: Operation, place: str) -> str:
        if "acts_if" not in row:
            return ""
        name = self.reader.text(row["acts_if"], f"{place}.acts_if")
        parameter = op.parameter(name, "query")
        if parameter is None or str(parameter.type) != "boolean":
            raise self.fail(f"{place}.acts_if", f"{name} is no boolean query parameter of it", "correct the name")
        return name

    def needs_dev(self, row: dict[str, Any], place: str) -> bool:
        if "workspace" not in row:
            return False
        self.reader.one_of(row["workspace"], ("dev",), f"{place}.workspace")
        return True

    def branch(self, row: dict[str, Any], place: str) -> str:
        if "branch" not in row:
            return ""
        effect = self.reader.one_of(row["branch"], ("moves", "sets"), f"{place}.branch")
        if not self.needs_dev(row, place):
            raise self.fail(f"{place}.branch", "is said of what does not need the dev workspace", "add workspace: dev")
        return effect

    def change_operation(self, name: str, row: Any) -> None:
        place = f"changes.{name}"
        op = self.operations.get(name)
        if op is None:
            hint = did_you_mean(name, self.operations)
            raise self.fail(
                place, f"the API has no such operation{hint}", "correct the id or remove the entry"
            )
        keys = ("drop_parameters", "add_parameters", "body", "answers", "workspace", "branch", "acts_if")
        marks = ("acts", "reads", "of_session", "sends_read_only")
        got = self.reader.keys(row, place, ("source",), keys + marks)
        self.source(got, place)
        dropped = self.reader.texts(got.get("drop_parameters", []), f"{place}.drop_parameters")
        for gone in set(dropped) - {p.name for p in op.parameters}:
            raise self.fail(f"{place}.drop_parameters", f"{gone} is no parameter of it", "remove the entry")
        kept = [p for p in op.parameters if p.name not in dropped]
        added = self.reader.parameters(got.get("add_parameters", []), f"{place}.add_parameters")
        for new in added:
            if op.parameter(new.name, new.place):
                raise self.fail(
                    f"{place}.add_parameters", f"{new.name} is in the API document", "remove it here"
                )
        self.operations[name] = replace(
            op,
            parameters=tuple(sorted([*kept, *added], key=lambda p: (p.place, p.name))),
            body=self.reader.content(got["body"], f"{place}.body") if "body" in got else op.body,
            answers=self.answers(got["answers"], f"{place}.answers") if "answers" in got else op.answers,
            acts=got.get("acts") is True,
            acts_if=self.acts_if(got, op, place),
            reads=self.reads(got, op.method, place),
            of_session=got.get("of_session") is True,
            sends_read_only=got.get("sends_read_only") is True,
            needs_dev=self.needs_dev(got, place),
            branch=self.branch(got, place),
        )

    def answers(self, row: Any, place: str) -> dict[int, Content | None]:
        by_status = self.reader.by_status(row, place)
        return {s: self.reader.content(c, f"{place}.{s}") for s, c in by_status.items()}

    def mark_reference(self, entry: str) -> None:
        place = f"read_only_references.{entry}"
        name, _, field_name = entry.partition(".")
        schema = self.schemas.get(name)
        field = schema.fields.get(field_name) if schema else None
        if schema is None or field is None:
            raise self.fail(place, "is no field of the API", "remove the entry")
        if field.type.kind != "object" or field.type.is_list:
            raise self.fail(place, "is no reference", "remove the entry: the API document says it by itself")
        fields = {**schema.fields, field_name: replace(field, read_only=True)}
        self.schemas[name] = replace(schema, fields=fields)

    def mark_writable(self, entry: str, row: Any) -> None:
        place = f"writable_fields.{entry}"
        self.source(self.reader.keys(row, place, ("source",), ()), place)
        name, _, field_name = entry.partition(".")
        schema = self.schemas.get(name)
        field = schema.fields.get(field_name) if schema else None
        if schema is None or field is None:
            raise self.fail(place, "is no field of the API", "remove the entry")
        if not field.read_only:
            raise self.fail(place, "is not readOnly in the API document", "remove the entry")
        fields = {**schema.fields, field_name: replace(field, read_only=False)}
        self.schemas[name] = replace(schema, fields=fields)

    def apply(self) -> Facts:
        sections = ("operations", "changes", "schemas", "read_only_references", "writable_fields")
        self.reader.keys(self.document, "", (), sections)
        for name, row in self.section("schemas").items():
            self.add_schema(name, row)
        for name, row in self.section("operations").items():
            self.add_operation(name, row)
        for name, row in self.section("changes").items():
            self.change_operation(name, row)
        for entry in self.reader.texts(self.document.get("read_only_references") or [], "read_only_references"):
            self.mark_reference(entry)
        for entry, row in self.section("writable_fields").items():
            self.mark_writable(entry, row)
        return Facts(self.release, self.operations, self.schemas)


class Consistency:
    """Whether the parts of the facts fit each other."""

    def __init__(self, facts: Facts, published: Facts, facts_file: str, overlay_file: str):
        self.facts = facts
        self.published = published
        self.facts_file = facts_file
        self.overlay_file = overlay_file

    def fail(self, owner: Operation | Schema, place: str, problem: str) -> InputError:
        if owner not in (*self.published.operations.values(), *self.published.schemas.values()):
            return InputError(self.overlay_file, place, problem, _REMEDY)
        return InputError(
            self.facts_file, place, problem, "import the API document again, or mend the overlay"
        )

    def check_name(self, name: str, form: re.Pattern[str], owner: Operation | Schema, place: str) -> None:
        if not form.fullmatch(name):
            raise self.fail(owner, place, f"{quoted(name)} is not of the form {form.pattern}")

    def check_type(self, field_type: Any, owner: Operation | Schema, place: str) -> None:
        if field_type.kind == "object" and field_type.schema not in self.facts.schemas:
            hint = did_you_mean(field_type.schema, self.facts.schemas)
            raise self.fail(owner, place, f"there is no schema {field_type.schema}{hint}")

    def check_operation(self, op: Operation) -> None:
        place = f"operations.{op.id}"
        self.check_name(op.id, _IDENTIFIER, op, "operations")
        self.check_name(op.path, _PATH, op, f"{place}.path")
        in_path = re.findall(r"\{([^{}]+)\}", op.path)
        declared = [p.name for p in op.parameters if p.place == "path"]
        if sorted(in_path) != sorted(declared):
            raise self.fail(
                op, f"{place}.path", f"{op.path} and the path parameters ({', '.join(declared)}) differ"
            )
        for parameter in op.parameters:
            self.check_parameter(op, parameter, f"{place}.parameters.{parameter.name}")
        for name, content in (("body", op.body), *((f"answers.{s}", c) for s, c in op.answers.items())):
            if content is not None:
                self.check_type(content.type, op, f"{place}.{name}")
        if not op.answers:
            raise self.fail(op, f"{place}.answers", "has no 2xx status")

    def check_parameter(self, op: Operation, parameter: Field, place: str) -> None:
        self.check_name(parameter.name, _FIELD_NAME, op, f"{place.rpartition('.')[0]}")
        if parameter.place == "path" and (not parameter.required or parameter.type.is_list):
            raise self.fail(op, place, "is a path parameter, which is one value and required")
        if parameter.type.kind == "object":
            raise self.fail(op, place, f"is a parameter of type {parameter.type}")
        same = [p for p in op.parameters if p.name == parameter.name]
        if len(same) > 1:
            raise self.fail(op, place, "is declared twice")

    def check_schema(self, schema: Schema) -> None:
        self.check_name(schema.name, _IDENTIFIER, schema, "schemas")
        for field in schema.fields.values():
            self.check_name(field.name, _FIELD_NAME, schema, f"schemas.{schema.name}")
            self.check_type(field.type, schema, f"schemas.{schema.name}.{field.name}")

    def run(self) -> None:
        routes: dict[tuple[str, str], str] = {}
        for _, op in sorted(self.facts.operations.items()):
            self.check_operation(op)
            route = (op.method, re.sub(r"\{[^{}]+\}", "{}", op.path))
            if route in routes:
                raise self.fail(op, f"operations.{op.id}", f"{op.method} {op.path} is also {routes[route]}")
            routes[route] = op.id
        for _, schema in sorted(self.facts.schemas.items()):
            self.check_schema(schema)


def apply(facts: Facts, path: Path | None, shown: str, facts_file: str) -> Facts:
    """Facts with the overlay laid over them, checked. Without a path: the facts alone, checked."""
    whole = facts if path is None else Overlay(facts, load_map(path, shown), shown).apply()
    Consistency(whole, facts, facts_file, shown).run()
    return whole
