"""What the templates print for types and operations: every name, expression and initialiser as
text, so that the templates only loop. The formats are those of src/json/type.h and
src/api/operation.h.

A field row is written with the macros of templates/fields.inc: F (scalar), O (object), M (map); its
flags are letters (L list, Q required, N nullable, R readOnly, W write-only, D deprecated, P path,
S secret).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .cnames import Names, member, snake, string
from .errors import InputError
from .facts import Content, Facts, Field, Operation, Schema, Type

_RENAME = "give one of them another name, in the overlay or in the manifest"
_KINDS = {"string", "integer", "number", "boolean", "any"}
_MEDIA = {
    "application/json": "LK_MEDIA_JSON",
    "text": "LK_MEDIA_TEXT",
    "text/plain": "LK_MEDIA_TEXT",
    "application/x-www-form-urlencoded": "LK_MEDIA_FORM",
    "image/png": "LK_MEDIA_PNG",
    "image/jpeg": "LK_MEDIA_JPEG",
    "image/svg+xml": "LK_MEDIA_SVG",
    "application/pdf": "LK_MEDIA_PDF",
}
_STABILITY = {"stable": "", "beta": "LK_BETA", "alpha": "LK_ALPHA", "deprecated": "LK_STATUS_DEPRECATED"}
_ACTIVITY = {"none": "", "non_query": "LK_ACTIVITY_NON_QUERY", "db_query": "LK_ACTIVITY_DB_QUERY"}
_BRANCH = {"moves": "LK_BRANCH_MOVES", "sets": "LK_BRANCH_SETS"}
_ORIGIN = {"published": "", "observed": "LK_OBSERVED", "unverified": "LK_UNVERIFIED"}


@dataclass
class Rule:
    """A struct lk_rule to emit: its C name, its members, and its lists of strings."""

    name: str
    members: list[str]
    values: list[str] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("aliases", "values"):
            if getattr(self, name):
                self.members.insert(0, f".{name} = {self.name}_{name}")


@dataclass
class Struct:
    """A C struct, its field table and its lk_type. `owner` is the name without looker_."""

    owner: str
    title: str
    members: list[str]
    rows: list[str]
    rules: list[Rule]


@dataclass
class OperationRow:
    id: str
    constant: str
    initialisers: list[str]
    params: Struct | None
    arguments: str
    params_argument: str
    body_argument: str


def c_type(kind: Type) -> str:
    """The C type of a value: struct lk_string, struct looker_query_ref, …"""
    if kind.kind == "object":
        return f"struct looker_{snake(kind.schema)}_{'list' if kind.is_list else 'ref'}"
    base = "json" if kind.kind in ("map", "any") else kind.kind
    return f"struct lk_{base}{'_list' if kind.is_list else ''}"


def flag_letters(item: Field, secret: bool = False) -> str:
    pairs = (
        ("L", item.type.is_list),
        ("Q", item.required),
        ("N", item.nullable),
        ("R", item.read_only),
        ("W", item.write_only),
        ("D", item.deprecated),
        ("P", item.place == "path"),
        ("S", secret),
    )
    return " | ".join(letter for letter, on in pairs if on) or "0"


def field_row(owner: str, item: Field, rule: str, secret: bool = False) -> str:
    """One line of a field table."""
    head = f"{owner}, {member(item.name)}, {string(item.name)}"
    flags = flag_letters(item, secret)
    kind = item.type
    if kind.kind == "object":
        return f"O({head}, {snake(kind.schema)}, {flags}, {rule})"
    if kind.kind == "map":
        return f"M({head}, {kind.values.upper()}, {flags}, {rule})"
    return f"F({head}, {kind.kind.upper()}, {flags}, {rule})"


def sorted_fields(fields: Iterable[Field]) -> list[Field]:
    return sorted(fields, key=lambda f: f.name.encode())


def build_struct(
    owner: str,
    title: str,
    fields: list[Field],
    rules: dict[str, Rule],
    file: str,
    secrets: frozenset[str] = frozenset(),
) -> Struct:
    """The struct of these fields; `rules` by field name. Two members of one name are an error."""
    names = Names()
    members = []
    for item in fields:
        name = names.add(member(item.name), f"{title}.{item.name}", file, _RENAME)
        members.append(f"{c_type(item.type)} {name};")
    ordered = sorted_fields(fields)
    rows = [
        field_row(owner, f, f"&{rules[f.name].name}" if f.name in rules else "NULL", f.name in secrets)
        for f in ordered
    ]
    return Struct(owner, title, members, rows, [rules[f.name] for f in ordered if f.name in rules])


def enum_rules(owner: str, fields: Iterable[Field]) -> dict[str, Rule]:
    return {
        f.name: Rule(f"rule_{owner}_{member(f.name)}", [], [string(v) for v in f.enum]) for f in fields if f.enum
    }


class Tables:
    """All structs and rows of the types and operations, with the registers of used C names."""

    def __init__(self, facts: Facts, facts_file: str):
        self.facts = facts
        self.file = facts_file
        self.tags = Names()
        self.objects = Names()
        for name in ("looker_ops", "looker_groups", "looker_tools"):
            self.objects.add(name, "a table of the generator", facts_file, _RENAME)
        self.types = [self.schema(s) for _, s in sorted(facts.schemas.items(), key=lambda i: snake(i[0]))]
        self.operations = [self.operation(o) for _, o in sorted(facts.operations.items())]
        self.refs, self.lists = self.used_wrappers()

    def claim(self, owner: str, title: str, file: str | None = None) -> None:
        """Registers struct looker_<owner> and looker_<owner>_type."""
        self.tags.add(f"looker_{owner}", title, file or self.file, _RENAME)
        self.objects.add(f"looker_{owner}_type", title, file or self.file, _RENAME)

    def schema(self, schema: Schema) -> Struct:
        owner = snake(schema.name)
        title = f"schemas.{schema.name}"
        self.claim(owner, title)
        fields = sorted_fields(schema.fields.values())
        struct = build_struct(owner, title, fields, enum_rules(owner, fields), self.file)
        struct.title = schema.name
        return struct

    def used_wrappers(self) -> tuple[list[str], list[str]]:
        """The schemas that stand as one object, and as a list, in any struct or body."""
        used = [f.type for s in self.facts.schemas.values() for f in s.fields.values()]
        used += [c.type for o in self.facts.operations.values() for c in (o.body, o.answer) if c and c.type.is_list]
        objects = [t for t in used if t.kind == "object"]
        refs = sorted({snake(t.schema) for t in objects if not t.is_list})
        lists = sorted({snake(t.schema) for t in objects if t.is_list})
        for name in refs:
            self.tags.add(f"looker_{name}_ref", f"the reference to {name}", self.file, _RENAME)
        for name in lists:
            self.tags.add(f"looker_{name}_list", f"the list of {name}", self.file, _RENAME)
        return refs, lists

    def operation(self, op: Operation) -> OperationRow:
        place = f"operations.{op.id}"
        self.objects.add(f"looker_{snake(op.id)}", place, self.file, _RENAME)
        constant = self.objects.add(f"LOOKER_OP_{snake(op.id).upper()}", place, self.file, _RENAME)
        params = None
        if op.parameters:
            owner = f"{snake(op.id)}_params"
            self.claim(owner, place)
            fields = sorted(op.parameters, key=lambda p: (p.place, p.name.encode()))
            params = build_struct(owner, place, fields, enum_rules(owner, fields), self.file)
            params.title = f"{op.method} {op.path}"
        arguments = []
        if params:
            arguments.append(f"const struct looker_{params.owner} *params")
        if op.body:
            arguments.append(f"const {self.body_type(op.body.type)} *body")
        return OperationRow(
            id=snake(op.id),
            constant=constant,
            initialisers=self.row(op, params),
            params=params,
            arguments=", ".join(arguments) or "void",
            params_argument="params" if params else "NULL",
            body_argument="body" if op.body else "NULL",
        )

    def body_type(self, kind: Type) -> str:
        if kind.kind == "object" and not kind.is_list:
            return f"struct looker_{snake(kind.schema)}"
        return c_type(kind)

    def row(self, op: Operation, params: Struct | None) -> list[str]:
        statuses = sorted(op.answers)
        if len(statuses) > 3:
            raise InputError(
                self.file, f"operations.{op.id}.answers", "has more than three 2xx statuses", _WIDEN
            )
        lines = [f".id = {string(op.id)}", f".path = {string(op.path)}"]
        if params:
            lines.append(f".params = &looker_{params.owner}_type")
        if op.body:
            lines.append(f".body = {content_field(op.body)}")
            lines.append(f".body_media = {self.media(op, op.body)}")
        if op.answer:
            lines.append(f".answer = {content_field(op.answer)}")
            lines.append(f".answer_media = {self.media(op, op.answer)}")
        lines.append(f".success = {{{', '.join(map(str, statuses))}}}")
        lines.append(f".method = LK_{op.method}")
        for key, value in (
            ("stability", _STABILITY[op.status]),
            ("activity", _ACTIVITY[op.activity]),
            ("origin", _ORIGIN[op.origin]),
            ("deprecated", "true" if op.deprecated else ""),
            ("rate_limited", "true" if op.rate_limited else ""),
            ("acts", "true" if op.acts else ""),
            ("acts_if", string(op.acts_if) if op.acts_if else ""),
            ("reads", "true" if op.reads else ""),
            ("of_session", "true" if op.of_session else ""),
            ("sends_read_only", "true" if op.sends_read_only else ""),
            ("needs_dev", "true" if op.needs_dev else ""),
            ("branch", _BRANCH[op.branch] if op.branch else ""),
            ("tag", string(op.tag) if op.tag else ""),
            ("remedy", string(op.remedy) if op.remedy else ""),
        ):
            if value:
                lines.append(f".{key} = {value}")
        return wrap(lines)

    def media(self, op: Operation, content: Content) -> str:
        bits: list[str] = []
        for name in content.media:
            if name not in _MEDIA:
                raise InputError(
                    self.file, f"operations.{op.id}", f"travels as {name}, which has no bit in enum lk_media", _WIDEN
                )
            if _MEDIA[name] not in bits:
                bits.append(_MEDIA[name])
        return " | ".join(bits)


_WIDEN = "add it to src/api/operation.h and codegen/looker_codegen/tables.py"


def content_field(content: Content) -> str:
    """The lk_field of a body or an answer."""
    kind = content.type
    parts = [f".kind = LK_KIND_{kind.kind.upper()}"]
    if kind.kind == "object":
        parts.append(f".type = &looker_{snake(kind.schema)}_type")
    if kind.kind == "map":
        parts.append(f".map_kind = LK_KIND_{kind.values.upper()}")
    flags = [name for name, on in (("L", kind.is_list), ("Q", content.required)) if on]
    if flags:
        parts.append(f".flags = {' | '.join(flags)}")
    return "{" + ", ".join(parts) + "}"


def wrap(items: list[str], width: int = 88) -> list[str]:
    """Items joined by commas into lines of at most `width` characters."""
    lines: list[str] = []
    for item in items:
        if lines and len(lines[-1]) + len(item) + 2 <= width:
            lines[-1] += f" {item},"
        else:
            lines.append(f"{item},")
    return lines
