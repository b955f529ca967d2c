"""Holds every tool of the manifests against the API: what it calls exists, what it sends is wanted
and of the right type, what it keeps of the answer is there, and what it says of itself is true.

The result, a `Checked` a tool, is what the tables are made from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from . import projection, workspace
from .errors import InputError, did_you_mean, listed, quoted
from .facts import Facts, Field, Operation, Type
from .manifest import Argument, Tool, fits_type
from .schema import compact, input_schema, refused

# The server itself obeys an argument of this name, whatever the tool (src/handlers/identity.h).
ACT_AS = "act_as_user"
CONVERSIONS = ("join_comma", "to_string", "to_strings", "contains", "filled")
_TEXT_MEDIA = ("text/plain", "text")


@dataclass
class Bind:
    """One value that is sent. target: "param", "body_field" or "body"; arg None: the constant."""

    target: str
    name: str
    arg: str | None
    constant: str = ""
    convert: str = "none"


@dataclass
class Binding:
    operation: Operation
    binds: list[Bind]
    projection: projection.Node | None


@dataclass
class Checked:
    """What a tool turned out to be. binding: of a tool that names an operation."""

    binding: Binding | None
    workspace: workspace.Workspace | None


class Checker:
    def __init__(self, tool: Tool, facts: Facts):
        self.tool = tool
        self.facts = facts
        self.fail = tool.where.error

    def operation(self, name: str, key: str) -> Operation:
        op = self.facts.operations.get(name)
        if op is None:
            hint = did_you_mean(name, self.facts.operations)
            raise self.fail(
                key,
                f"the API has no operation {name}{hint}",
                "use an id of spec/looker-4.0.json or spec/overlay.yaml",
            )
        return op

    # ---- annotations ----

    def check_annotations(self) -> None:
        tool, hints = self.tool, self.tool.hints
        ops = [self.operation(n, "operation" if tool.operation else "operations") for n in tool.operations]
        if hints["read_only"] and hints["destructive"]:
            raise self.fail(
                "annotations.destructive", "contradicts read_only", "a tool that only reads destroys nothing"
            )
        if hints["read_only"] and not hints["idempotent"]:
            raise self.fail(
                "annotations.idempotent", "contradicts read_only", "reading twice is reading once: true"
            )
        if tool.query_like and not any(op.method in ("POST", "PUT", "PATCH") for op in ops):
            raise self.fail(
                "query_like", "there is no POST, PUT or PATCH that it could be about", "remove it"
            )
        for op in ops:
            self.check_hints(op)

    def check_hints(self, op: Operation) -> None:
        tool, hints = self.tool, self.tool.hints
        if op.method == "DELETE" and not hints["destructive"]:
            raise self.fail("annotations.destructive", f"is false, but {op.id} is a DELETE", "write true")
        reads = op.method == "GET" and not op.acts
        if tool.operation and reads and not hints["read_only"]:
            raise self.fail(
                "annotations.read_only", f"is false, but {op.id} is a GET that only reads", "write true"
            )
        if not hints["read_only"] or reads:
            return
        if op.method == "GET":
            raise self.fail(
                "annotations.read_only", f"is true, but {op.id} acts though it is a GET", "write false"
            )
        if not tool.query_like:
            raise self.fail(
                "annotations.read_only",
                f"is true, but {op.id} is a {op.method}",
                "write false, or query_like: true if it only computes an answer",
            )

    # ---- what is sent ----

    def target(self, key: str, op: Operation, at: str) -> tuple[str, Field]:
        """("param" | "body_field" | "body", the field) that a bind key names."""
        place, _, name = key.partition(".")
        if place in ("path", "query") and name:
            known = {p.name: p for p in op.parameters if p.place == place}
            if name in known:
                return "param", known[name]
            other = "query" if place == "path" else "path"
            if op.parameter(name, other):
                raise self.fail(at, f"{name} is a {other} parameter of {op.id}", f"write {other}.{name}")
            raise self.fail(
                at,
                f"{op.id} has no {place} parameter {name}{did_you_mean(name, known)}",
                f"it has: {listed(known, 40) or 'none'}",
            )
        if place == "body":
            return self.body_target(name, op, at)
        raise self.fail(at, "is no target", "write path.NAME, query.NAME, body.NAME or body")

    def body_target(self, name: str, op: Operation, at: str) -> tuple[str, Field]:
        if op.body is None:
            raise self.fail(at, f"{op.id} takes no body", "remove it")
        if not name:
            return "body", Field("body", op.body.type, required=op.body.required)
        if op.body.type.kind != "object" or op.body.type.is_list:
            raise self.fail(
                at,
                f"the body of {op.id} is {op.body.type}, without fields",
                "bind it as a whole: body: ARGUMENT",
            )
        fields = self.facts.schemas[op.body.type.schema].fields
        if name not in fields:
            hint = did_you_mean(name, fields)
            raise self.fail(
                at,
                f"the body of {op.id} ({op.body.type}) has no field {name}{hint}",
                f"it has: {listed(fields, 60)}",
            )
        return "body_field", fields[name]

    def explicit(self, op: Operation) -> Iterator[tuple[str, Bind, Field, str]]:
        for key, value in self.tool.bind.items():
            at = f"bind.{key}"
            target, field = self.target(key, op, at)
            if isinstance(value, str):
                value = {"arg": value}
            if not isinstance(value, dict) or ("arg" in value) == ("const" in value):
                raise self.fail(
                    at, "names no argument", "write an argument's name, {arg: …, convert: …} or {const: …}"
                )
            if "arg" in value and not isinstance(value["arg"], str):
                raise self.fail(at, f"{quoted(value['arg'])} is no argument name", "write the name, or {const: …}")
            for unknown in set(value) - {"arg", "const", "convert"}:
                raise self.fail(at, f"has the unknown key {unknown}", "known are: arg, convert, const")
            if "const" in value:
                yield key, Bind(target, field.name, None, compact(value["const"])), field, at
                continue
            convert = value.get("convert", "none")
            if convert != "none" and convert not in CONVERSIONS:
                raise self.fail(
                    at,
                    f"{quoted(convert)} is no conversion{did_you_mean(str(convert), CONVERSIONS)}",
                    f"write one of {listed(CONVERSIONS)}",
                )
            yield key, Bind(target, field.name, value["arg"], convert=convert), field, at

    def controls(self) -> set[str]:
        """Arguments that the generic handler itself obeys and that are bound to nothing."""
        tool = self.tool
        names = {n for n in (tool.keep_arg, tool.dev_if) if n} | ({ACT_AS} & set(tool.args))
        names |= workspace.controls(tool)
        if tool.page and tool.page.by == "local":
            names |= {n for n in (tool.page.limit, tool.page.offset) if n}
        return names

    def automatic(self, op: Operation, taken: dict[str, Bind]) -> Iterator[tuple[str, Bind, Field, str]]:
        named = {b.arg for b in taken.values()} | self.controls()
        body = op.body.type if op.body else None
        has_fields = body is not None and body.kind == "object" and not body.is_list
        fields = self.facts.schemas[body.schema].fields if body and has_fields else {}
        for name, arg in self.tool.args.items():
            if name in named or arg.unavailable:
                continue
            at = f"args.{name}"
            places = [p for p in ("path", "query") if op.parameter(name, p)]
            if name in fields and "path" not in places:
                places.append("body")
            if len(places) > 1:
                raise self.fail(
                    at,
                    f"is both a query parameter and a body field of {op.id}",
                    f"bind it: query.{name} or body.{name}",
                )
            key = f"{places[0]}.{name}" if places else ""
            if key in taken:
                raise self.fail(
                    at, f"bind gives {key} something else", f"remove {name}, or that line of bind"
                )
            if not key:
                known = [p.name for p in op.parameters] + list(fields)
                raise self.fail(
                    at,
                    f"is bound to nothing{did_you_mean(name, known)}",
                    f"rename it, bind it, or remove it; {op.id} takes: {listed(known, 60) or 'nothing'}",
                )
            target, field = self.target(key, op, at)
            yield key, Bind(target, name, name), field, at

    def check_bind(self, bind: Bind, field: Field, op: Operation, at: str) -> None:
        if bind.target == "body_field" and field.read_only and not op.sends_read_only:
            owner = op.body.type if op.body else ""
            raise self.fail(at, f"{field.name} is readOnly in {owner}", "Looker refuses or ignores it; remove it")
        if bind.arg is None:
            return self.check_constant(at, field)
        arg = self.tool.args.get(bind.arg)
        if arg is None:
            hint = did_you_mean(bind.arg, self.tool.args)
            raise self.fail(
                at, f"there is no argument {bind.arg}{hint}", "declare it below args, or correct the name"
            )
        self.check_types(arg, field, bind.convert, at)
        if field.required and not arg.always_there and not (bind.target == "body_field" and op.method == "PATCH"):
            raise self.fail(
                at,
                f"{op.id} requires {field.name}, but the argument {arg.name} is optional",
                "make it required, or give it a default",
            )
        if field.enum:
            odd = [v for v in arg.enum if v not in field.enum]
            if odd or not arg.enum:
                problem = f"{field.name} takes certain values only"
                if odd:
                    problem = f"{quoted(odd[0])} is not a value of {field.name}"
                raise self.fail(at, problem, f"give {arg.name} an enum out of: {listed(field.enum, 40)}")

    def check_constant(self, at: str, field: Field) -> None:
        value = self.tool.bind[at.removeprefix("bind.")]["const"]
        if field.type.kind == "object":
            raise self.fail(
                at, f"{field.name} is {field.type}, which is no constant", "write a handler for this tool"
            )
        if not fits_type(value, field.type):
            raise self.fail(
                at, f"the constant {quoted(value)} is not of type {field.type}", "correct the constant"
            )
        if field.enum and value not in field.enum:
            raise self.fail(
                at,
                f"the constant {quoted(value)} is not a value of {field.name}",
                f"choose from {listed(field.enum, 40)}",
            )

    def check_types(self, arg: Argument, field: Field, convert: str, at: str) -> None:
        target = field.type
        sent = converted(arg.type, convert)
        if sent is None:
            raise self.fail(at, f"{convert} does not take {arg.type_name}", "correct the conversion or the type")
        both_maps = sent.kind == target.kind == "map" and sent.is_list == target.is_list
        if sent == target or (both_maps and target.values == "any"):
            return
        # What keeps the value; `filled` says something about it.
        fitting = [c for c in CONVERSIONS if c != "filled" and converted(arg.type, c) == target]
        if target.kind == "object":
            remedy = "an object with a schema of its own takes a handler"
        elif fitting:
            remedy = f"add convert: {fitting[0]}"
        else:
            remedy = f"declare the argument as {as_argument(target)}"
        raise self.fail(at, f"the argument {arg.name} is {arg.type_name}, but {field.name} is {target}", remedy)

    def binds(self, op: Operation) -> dict[str, Bind]:
        taken: dict[str, Bind] = {}
        for source in (self.explicit, lambda o: self.automatic(o, dict(taken))):
            for key, bind, field, at in source(op):
                self.check_bind(bind, field, op, at)
                taken[key] = bind
        for name in sorted(self.controls() & {b.arg for b in taken.values() if b.arg}):
            raise self.fail(
                "bind",
                f"{name} is bound, but the server itself obeys it",
                "remove it from bind, or from page, keep_arg and dev_if",
            )
        return taken

    def check_required(self, op: Operation, taken: dict[str, Bind]) -> None:
        missing = [f"{p.place}.{p.name}" for p in op.parameters if p.required]
        sends_body = any(key == "body" or key.startswith("body.") for key in taken)
        if op.body and op.body.required and not sends_body:
            missing.append("body")
        if sends_body and op.body and "body" not in taken and op.method != "PATCH":
            fields = self.facts.schemas[op.body.type.schema].fields.values()
            missing += [f"body.{f.name}" for f in fields if f.required and (not f.read_only or op.sends_read_only)]
        for key in missing:
            if key not in taken:
                name = key.partition(".")[2] or "body"
                raise self.fail(
                    "operation",
                    f"{op.id} requires {key}, which nothing binds",
                    f"declare an argument {name}, or bind {key}",
                )

    # ---- what comes back ----

    def check_answer(self, op: Operation) -> Type | None:
        """The type that the projection is about, or None."""
        tool, content = self.tool, op.answer
        if tool.answer == "none":
            return None
        if content is None:
            raise self.fail("answer", f"{op.id} answers nothing", "write answer: none")
        kind = content.type
        if tool.answer == "text":
            if kind != Type("string") or not any(m in _TEXT_MEDIA for m in content.media):
                raise self.fail(
                    "answer",
                    f"{op.id} answers {kind} as {listed(content.media)}, not text",
                    "write another answer, or a handler",
                )
            return None
        if "application/json" not in content.media or kind == Type("string"):
            raise self.fail(
                "answer",
                f"{op.id} answers {kind} as {listed(content.media)}, not a JSON object or list",
                "write answer: text or none, or a handler",
            )
        if tool.answer == "object":
            if kind.is_list or kind.kind not in ("object", "map", "any"):
                raise self.fail(
                    "answer",
                    f"{op.id} answers {kind}",
                    "write answer: list" if kind.is_list else "write a handler",
                )
            return kind
        return self.list_items(kind, op)

    def list_items(self, kind: Type, op: Operation) -> Type:
        walked = op.id
        for name in self.tool.items:
            if kind.kind != "object" or kind.is_list:
                raise self.fail("items", f"{walked} is {kind}, which has no field {name}", "correct the path")
            fields = self.facts.schemas[kind.schema].fields
            if name not in fields:
                raise self.fail(
                    "items",
                    f"{kind.schema} has no field {name}{did_you_mean(name, fields)}",
                    f"it has: {listed(fields, 60)}",
                )
            kind, walked = fields[name].type, f"{walked}.{name}"
        if not kind.is_list and kind.kind != "any":
            if self.tool.items:
                raise self.fail("items", f"leads to {kind}, which is no list", "correct the path")
            raise self.fail(
                "answer",
                f"{op.id} answers {kind}, which is no list",
                "write answer: object, or name the list with items",
            )
        return replace(kind, is_list=False)

    def check_projection(self, kind: Type | None) -> projection.Node | None:
        tool = self.tool
        root = projection.Node("")
        if tool.project is not None and kind is not None:
            try:
                root = projection.parse(tool.project)
            except projection.ProjectionError as error:
                raise self.fail("project", str(error), "write it as: id, title, folder{id, name}") from error
            wrong = projection.check(root, kind, self.facts)
            if wrong:
                path, problem, known = wrong
                hint = did_you_mean(path.rpartition(".")[2], known)
                raise self.fail(
                    "project",
                    f"{path or 'the answer'} {problem}{hint}",
                    f"it has: {listed(known, 60)}" if known else "keep it whole",
                )
        for path in tool.drop_if_true:
            self.check_drop(path, root, kind)
        return root if tool.project is not None or tool.drop_if_true else None

    def check_drop(self, path: str, root: projection.Node, kind: Type | None) -> None:
        node, here = root, kind
        *parents, name = path.split(".")
        for parent in parents:
            if parent not in node.fields or here is None or here.kind != "object":
                raise self.fail(
                    "drop_if_true", f"{path}: the projection does not keep {parent}", "name it in project"
                )
            node, here = node.fields[parent], self.facts.schemas[here.schema].fields[parent].type
        fields = self.facts.schemas[here.schema].fields if here and here.kind == "object" else {}
        if name not in fields or fields[name].type != Type("boolean"):
            problem = f"{path} is {fields[name].type}, no boolean" if name in fields else f"{path} is no field of {here}"
            raise self.fail("drop_if_true", f"{problem}{did_you_mean(name, fields)}", "name a boolean field")
        node.drop_if_true = name

    def check_controls(self, taken: dict[str, Bind]) -> None:
        tool = self.tool
        wanted: list[tuple[str, str | None, Type]] = [
            ("keep_arg", tool.keep_arg, Type("boolean")),
            ("dev_if", tool.dev_if, Type("boolean")),
        ]
        if tool.page:
            wanted.append(("page.limit", tool.page.limit, Type("integer")))
            wanted.append(("page.offset", tool.page.offset, Type("integer")))
        for key, name, kind in wanted:
            if name is None:
                continue
            arg = tool.args.get(name)
            if arg is None or arg.type != kind:
                raise self.fail(
                    key,
                    f"{name} is no argument of type {kind}{did_you_mean(name, tool.args)}",
                    "declare it below args",
                )
            if tool.page and tool.page.by == "looker" and key.startswith("page."):
                if not any(b.arg == name and k.startswith("query.") for k, b in taken.items()):
                    raise self.fail(
                        key, f"{name} is bound to no query parameter", "bind it, or write by: local"
                    )

    def add_fields_parameter(self, op: Operation, taken: dict[str, Bind], root: projection.Node | None) -> None:
        field = op.parameter("fields", "query")
        if field is None or field.type != Type("string"):
            raise self.fail("send_fields", f"{op.id} has no query parameter fields", "remove it")
        if "query.fields" in taken:
            raise self.fail("send_fields", "fields is bound already", "remove one of the two")
        text = projection.nested(self.tool.items, projection.fields_text(root) if root else "")
        taken["query.fields"] = Bind("param", "fields", None, compact(text))

    # ---- all ----

    def run(self) -> Checked:
        self.check_annotations()
        problem = refused(input_schema(self.tool))
        if problem:
            raise self.fail("args", f"{problem}, which model providers refuse", "use a plain form")
        used = workspace.workspace(self.tool, [self.facts.operations[n] for n in self.tool.operations])
        if not self.tool.operation:
            return Checked(None, used)
        op = self.operation(self.tool.operation, "operation")
        taken = self.binds(op)
        self.check_required(op, taken)
        root = self.check_projection(self.check_answer(op))
        self.check_controls(taken)
        if self.tool.send_fields:
            self.add_fields_parameter(op, taken, root)
        return Checked(Binding(op, list(taken.values()), root), used)


def converted(source: Type, convert: str) -> Type | None:
    """What the conversion makes of that type; None when it does not take it."""
    text, texts = Type("string"), Type("string", is_list=True)
    if convert == "join_comma":
        return text if source == texts else None
    if convert == "to_string":
        return text if source in (Type("integer"), Type("number"), Type("boolean")) else None
    if convert == "to_strings":
        return texts if source == Type("integer", is_list=True) else None
    if convert == "contains":
        return text if source == text else None
    if convert == "filled":
        return Type("boolean") if source == text else None
    return source


def as_argument(kind: Type) -> str:
    """How a manifest writes that type."""
    name = str(replace(kind, is_list=False))
    name = "object" if name in ("map<any>", "any") else name
    return f"{name}[]" if kind.is_list else name


def check(tool: Tool, facts: Facts) -> tuple[Checked, InputError | None]:
    try:
        return Checker(tool, facts).run(), None
    except InputError as error:
        return Checked(None, None), error
