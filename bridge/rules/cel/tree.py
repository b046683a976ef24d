"""The nodes of a parsed expression; every one knows the characters that a fault should point at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from bridge.rules.cel.functions.table import Function


@dataclass(frozen=True, slots=True)
class Span:
    """Where something stands in an expression's text: 0-based offset and length, in characters."""

    offset: int
    length: int = 1


@dataclass(frozen=True, slots=True)
class Literal:
    """A null, bool, int, uint, double, string or bytes written out."""

    span: Span
    value: object


@dataclass(frozen=True, slots=True)
class Name:
    """A variable, let, loop name, constant or type; ``.name`` with a leading dot is ``absolute``."""

    span: Span
    name: str
    absolute: bool = False


@dataclass(frozen=True, slots=True)
class Select:
    """``operand.field`` or, optional, ``operand.?field``."""

    span: Span
    operand: Node
    field: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Index:
    """``operand[key]`` or, optional, ``operand[?key]``."""

    span: Span
    operand: Node
    key: Node
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """``name(arguments)`` or ``target.name(arguments)``; a qualified name may still be in ``target``."""

    span: Span
    name: str
    target: Node | None
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Unary:
    """``!operand`` or ``-operand``."""

    span: Span
    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary:
    """An arithmetic operator, a relation or ``in``."""

    span: Span
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Logic:
    """A chain of one of ``&&`` and ``||``, flattened: they are associative."""

    span: Span
    operator: str
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Conditional:
    """``test ? yes : no``."""

    span: Span
    test: Node
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True)
class Item:
    """One element of a list; an ``optional`` one is left out when it is none."""

    value: Node
    optional: bool = False


@dataclass(frozen=True, slots=True)
class ListOf:
    """``[a, ?b]``."""

    span: Span
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a map; an ``optional`` one is left out when its value is none."""

    key: Node
    value: Node
    optional: bool = False


@dataclass(frozen=True, slots=True)
class MapOf:
    """``{k: v, ?o: w}``."""

    span: Span
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Has:
    """``has(operand.field)``."""

    span: Span
    operand: Node
    field: str


@dataclass(frozen=True, slots=True)
class Loop:
    """A comprehension macro over ``source``; ``names`` are one (element) or two (index or key, element)."""

    span: Span
    macro: str
    source: Node
    names: tuple[str, ...]
    test: Node | None
    body: Node | None


@dataclass(frozen=True, slots=True)
class Bind:
    """``cel.bind(name, value, body)``; ``value.optMap(name, body)`` and ``optFlatMap`` too, by ``macro``."""

    span: Span
    macro: str
    name: str
    value: Node
    body: Node


@dataclass(frozen=True, slots=True)
class Invoke:
    """A call whose function is known; the receiver is the first argument. Only resolved trees have it."""

    span: Span
    function: Function
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Unbound:
    """What the checker refused, with why; only trees that are run all the same have it."""

    span: Span
    message: str


Node: TypeAlias = (
    Literal
    | Unbound
    | Name
    | Select
    | Index
    | Call
    | Invoke
    | Unary
    | Binary
    | Logic
    | Conditional
    | ListOf
    | MapOf
    | Has
    | Loop
    | Bind
)


def children(node: Node) -> Iterator[Node]:
    """The direct parts of ``node``, in the order of the text."""
    match node:
        case Select(operand=part) | Unary(operand=part) | Has(operand=part):
            yield part
        case Index(operand=first, key=second) | Binary(left=first, right=second):
            yield from (first, second)
        case Bind(value=first, body=second):
            yield from (first, second)
        case Conditional(test=test, yes=yes, no=no):
            yield from (test, yes, no)
        case Logic(operands=parts) | Invoke(arguments=parts):
            yield from parts
        case Call(target=target, arguments=parts):
            yield from (part for part in (target, *parts) if part is not None)
        case ListOf(items=items):
            yield from (item.value for item in items)
        case MapOf(entries=entries):
            yield from (part for entry in entries for part in (entry.key, entry.value))
        case Loop(source=source, test=test, body=body):
            yield from (part for part in (source, test, body) if part is not None)
        case _:
            return


def walk(node: Node) -> Iterator[Node]:
    """``node`` and everything under it, parents first."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(reversed(tuple(children(current))))
