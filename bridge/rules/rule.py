"""What a rule file says, parsed and checked for shape, its expressions not yet compiled. Frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bridge.config import Secret
from bridge.located_yaml import KeyPath, Located
from bridge.model import OnError

ENVELOPES = ("auto", "none", "cloudevents", "debezium")
SCOPE = ("event", "meta", "before", "op", "source", "cloudevent", "maps", "item")
"""Names that no let and no loop may shadow."""


@dataclass(frozen=True, slots=True)
class Expression:
    """The text of a CEL expression.

    ``where`` names it to people (``order-completed.let.subtotal``); ``keypath`` is its place in the file.
    """

    text: str
    keypath: KeyPath
    where: str


class Kind(StrEnum):
    """The type of a parameter: which ``*_value`` of the payload it becomes."""

    STRING = "string"
    INT = "int"
    DOUBLE = "double"
    DATETIME = "datetime"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One entry of ``event_params``; ``default`` is already what goes on the wire."""

    key: str
    kind: Kind
    value: Expression
    default: str | int | float | None = None


@dataclass(frozen=True, slots=True)
class Emit:
    """One payload, or one per element of ``each``."""

    event_type: str
    event_name: str
    where: str
    each: Expression | None = None
    index: str | None = None
    user_id: Expression | None = None
    anonymous_id: Expression | None = None
    timestamp: Expression | None = None
    without_timestamp: bool = False
    context: tuple[tuple[str, Expression], ...] = ()
    params: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True)
class From:
    """Which streams a rule reads; a topic that begins with ``^`` is a regular expression."""

    topics: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; what the top of its file says is already filled in."""

    name: str
    keypath: KeyPath
    reads: From
    emits: tuple[Emit, ...]
    when: Expression | None = None
    lets: tuple[tuple[str, Expression], ...] = ()
    timezone: str | None = None
    envelope: str = "auto"
    destination: str = "default"
    on_error: OnError = OnError.DEAD_LETTER


UNREADABLE = Secret(env="?")
"""Stands for a secret whose place is told as a fault, so that its uses are no further faults."""


@dataclass(frozen=True, slots=True)
class RuleFile:
    """One file; ``maps`` are plain data."""

    located: Located
    rules: tuple[Rule, ...] = ()
    maps: dict[str, object] | None = None
    secrets: dict[str, Secret] | None = None
    reads: From | None = None
