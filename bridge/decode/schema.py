"""A schema as a registry gives it, and the other answers a registry has. Values; no library is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Protocol

from bridge.config import Decode
from bridge.decode.framing import SchemaKey

SchemaKind = Literal["avro", "protobuf", "json_schema"]

_MOST_CHARACTERS = 500
TYPE_OF: dict[SchemaKind, str] = {"avro": "AVRO", "protobuf": "PROTOBUF", "json_schema": "JSON"}
"""What the registry calls each kind."""


class Wanted(NamedTuple):
    """One schema, read as one kind of body."""

    kind: SchemaKind
    key: SchemaKey


class Schema(NamedTuple):
    """The text of a schema; of Protobuf also a descriptor in base64.

    ``references`` are the schemas it builds on, by the names it knows them by, each after its own.
    """

    type: str
    text: str
    references: tuple[tuple[str, str], ...] = ()


class Unknown(NamedTuple):
    """The registry answers, and has no such schema."""

    problem: str


class Unavailable(NamedTuple):
    """The registry does not answer, or not as a registry would."""

    problem: str


Fetched = Schema | Unknown | Unavailable
Read = Callable[[bytes], Any]
"""Data → value by one schema; raises ``Undecodable`` for data that contradict it."""


class Registry(Protocol):
    """Who has schemas. Both methods block and are called on one thread."""

    def fetch(self, wanted: Wanted) -> Fetched:
        """Ask once; every failure is a value."""
        ...

    def close(self) -> None:
        """No more questions."""
        ...


def library_says(error: object) -> str:
    """A library's words about a schema, which they may quote, as one line that a terminal can show."""
    text = str(error)[:_MOST_CHARACTERS]
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def schema_kind(decode: Decode) -> SchemaKind | None:
    """The kind of schema that such bodies are written with; None where they need none."""
    return decode if decode in TYPE_OF else None
