"""C names: from the API's names to identifiers, and a register that refuses two things of one name."""

from __future__ import annotations

import re

from .errors import InputError

# C17, what GNU C adds to it, and macros that common headers or the compiler define.
RESERVED = frozenset(
    """
    auto break case char const continue default do double else enum extern float for goto if inline
    int long register restrict return short signed sizeof static struct switch typedef union
    unsigned void volatile while _Alignas _Alignof _Atomic _Bool _Complex _Generic _Imaginary
    _Noreturn _Static_assert _Thread_local asm typeof
    bool true false NULL EOF errno stdin stdout stderr assert offsetof alignas alignof noreturn
    linux unix i386
    """.split()
)


def snake(name: str) -> str:
    """LookmlModelExplore becomes lookml_model_explore, DBConnection db_connection."""
    for written, word in (("LookML", "Lookml"), ("OAuth", "Oauth")):
        name = name.replace(written, word)
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"[^A-Za-z0-9_]", "_", name).lower()


def member(name: str) -> str:
    """A struct member for a field: other characters become _, a reserved word gets a trailing _."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", name)
    if not name or name[0].isdigit():
        name = f"_{name}"
    return f"{name}_" if name in RESERVED else name


def string(text: str) -> str:
    """A C string literal. UTF-8 stays as it is; ?? is broken up, in case of trigraphs."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    escaped = escaped.replace("??", "?\\?")
    return '"' + "".join(c if c >= " " else f"\\{ord(c):03o}" for c in escaped) + '"'


class Names:
    """Identifiers of one name space of C (structs, or functions with objects and enumerators)."""

    def __init__(self) -> None:
        self.owners: dict[str, str] = {}

    def add(self, identifier: str, owner: str, file: str, remedy: str) -> str:
        other = self.owners.get(identifier)
        if other is not None:
            raise InputError(file, owner, f"its C name {identifier} is also that of {other}", remedy)
        self.owners[identifier] = owner
        return identifier
