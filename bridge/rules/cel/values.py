"""The values of the language that Python has no type of its own for, and their names.

JSON data stay as they are: dict, list, str, int, float, bool and None. Timestamps are aware
``datetime`` in UTC, durations ``timedelta``, bytes ``bytes``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bridge.rules.cel.faults import EvalFault

INT_MIN, INT_MAX, UINT_MAX = -(2**63), 2**63 - 1, 2**64 - 1


class Uint(int):
    """An unsigned 64-bit number; equal to the int of its value, but never mixed with it in arithmetic."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Type:
    """A type as a value, which ``type(x)`` gives."""

    name: str


class Optional:
    """A value that may be absent: ``optional.of(x)``, ``x.?field``; ``NONE`` is the absent one."""

    __slots__ = ("content", "present")

    def __init__(self, content: Any, *, present: bool = True) -> None:
        self.content = content
        self.present = present

    def __getitem__(self, field: str) -> Optional:
        if not self.present:
            return self
        if self.content.__class__ is dict:
            return Optional(self.content[field]) if field in self.content else NONE
        raise no_field(field, kind_of(self.content))


NONE = Optional(None, present=False)

_NAMES: dict[type, str] = {
    type(None): "null",
    bool: "bool",
    int: "int",
    Uint: "uint",
    float: "double",
    str: "string",
    bytes: "bytes",
    list: "list",
    dict: "map",
    datetime: "timestamp",
    timedelta: "duration",
    Optional: "optional",
    Type: "type",
}

TYPES: dict[str, Type] = {
    "null": Type("null_type"),
    "timestamp": Type("google.protobuf.Timestamp"),
    "duration": Type("google.protobuf.Duration"),
    "optional": Type("optional_type"),
    **{
        name: Type(name)
        for name in ("bool", "int", "uint", "double", "string", "bytes", "list", "map", "type")
    },
}
TYPE_NAMES: dict[str, Type] = {kind.name: kind for kind in TYPES.values()}


def kind_of(value: object) -> str:
    """The short name of a value's type, such as ``int``; foreign Python types are ``dyn``."""
    return _NAMES.get(value.__class__, "dyn")


def kind_of_class(name: str) -> str:
    """The short name of a Python type's name, as Python's own messages have it."""
    return next((short for kind, short in _NAMES.items() if kind.__name__ == name), name)


def no_field(field: object, kind: str) -> EvalFault:
    """The fault of selecting ``field`` from a value of a kind that has no fields.

    On null it counts as missing: JSON writers send null for an object that is not there.
    """
    return EvalFault(f"no such key {field!r} in {kind}", "missing" if kind == "null" else "type")
