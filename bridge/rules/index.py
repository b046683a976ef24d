"""Which rules a record can fit at all: those whose ``when`` asks for another literal are not even run.

A rule is left out only where one conjunct of its ``when`` is certainly false, for ``false && anything`` is
false, faults included. Wherever that is not certain (no such field, no text) the rule runs and says itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import msgspec

from bridge.rules.cel import tree

Path = tuple[str, ...]
Run = TypeVar("Run")

_VARIABLES = frozenset({"event", "before", "op", "source", "cloudevent"})


class Key(msgspec.Struct, frozen=True):
    """``when`` is false unless the text at ``path`` of the event is one of ``texts``."""

    path: Path
    texts: frozenset[str]


def key_of(when: tree.Node) -> Key | None:
    """The first conjunct that asks a field of the event for literals, or None.

    Only what cannot use up the budget may stand before it: that fault no false operand makes good.
    """
    conjuncts = when.operands if isinstance(when, tree.Logic) and when.operator == "&&" else (when,)
    for conjunct in conjuncts:
        found = _asked(conjunct)
        if found is not None:
            return found
        if not _is_free(conjunct):
            return None
    return None


def is_key(when: tree.Node) -> bool:
    """Whether ``when`` asks nothing but its key: it is true of whoever has one of the texts there."""
    return _asked(when) is not None


def _asked(conjunct: tree.Node) -> Key | None:
    match conjunct:
        case tree.Logic(operator="||", operands=operands):
            keys = [_asked(operand) for operand in operands]
            found = [key for key in keys if key is not None]
            if len(found) < len(keys) or len({key.path for key in found}) > 1:
                return None
            return Key(found[0].path, frozenset[str]().union(*(key.texts for key in found)))
        case (
            tree.Binary(operator="==", left=field, right=tree.Literal(value=str(text)))
            | tree.Binary(operator="==", left=tree.Literal(value=str(text)), right=field)
        ):
            return _key(field, [text])
        case tree.Binary(operator="in", left=field, right=tree.ListOf(items=items)):
            texts = [item.value.value for item in items if isinstance(item.value, tree.Literal)]
            plain = len(texts) == len(items) and not any(item.optional for item in items)
            return _key(field, texts) if plain else None
    return None


def _key(field: tree.Node, texts: Sequence[object]) -> Key | None:
    path = _path(field)
    known = frozenset(text for text in texts if isinstance(text, str))
    return Key(path, known) if path and len(known) == len(set(texts)) else None


def _path(node: tree.Node) -> Path:
    """``event.a["b"]`` as its fields; empty for anything else."""
    fields: list[str] = []
    while True:
        match node:
            case tree.Select(operand=operand, field=name, optional=False):
                fields.append(name)
            case tree.Index(operand=operand, key=tree.Literal(value=str(name)), optional=False):
                fields.append(name)
            case tree.Name(name="event"):
                return tuple(reversed(fields))
            case _:
                return ()
        node = operand


def _is_free(node: tree.Node) -> bool:
    """Whether it charges no budget: tests of fields against literals, and what is put together of them."""
    match node:
        case tree.Literal():
            return True
        case tree.Name(name=name):
            return name in _VARIABLES
        case tree.Select() | tree.Has() | tree.Unary(operator="!"):
            return _is_free(node.operand)
        case tree.Logic(operands=operands):
            return all(map(_is_free, operands))
        case tree.Binary(operator="==" | "!=", left=left, right=right):
            return _is_free(left) and _is_free(right) and _is_text(left, right)
        case tree.Binary(operator="<" | "<=" | ">" | ">=", left=left, right=right):
            return _is_free(left) and _is_free(right)
        case _:
            return _asked(node) is not None


def _is_text(*nodes: tree.Node) -> bool:
    return any(isinstance(node, tree.Literal) and isinstance(node.value, str) for node in nodes)


class Entry(msgspec.Struct, Generic[Run], frozen=True):
    """A rule in the index: the envelope whose event it sees, what it asks for, and what to run.

    ``found`` is what to run for an event that is known to have one of the key's texts, if it is another.
    """

    envelope: str
    key: Key | None
    run: Run
    found: Run | None = None


class Index(Generic[Run]):
    """Finds the rules that a record can fit, by the one field that most rules ask for.

    Args:
        entries: in file order, which is kept.
    """

    __slots__ = ("_all", "_by_text", "_others", "_path", "envelope")

    def __init__(self, entries: Sequence[Entry[Run]]) -> None:
        asked = Counter((one.envelope, one.key.path) for one in entries if one.key is not None)
        (self.envelope, self._path), _ = asked.most_common(1)[0] if asked else (("", ()), 0)
        self._all = tuple(one.run for one in entries)
        keys = [self._key(one) for one in entries]
        texts = frozenset[str]().union(*(key.texts for key in keys if key is not None))
        self._by_text = {text: _fitting(entries, keys, frozenset({text})) for text in texts}
        self._others = _fitting(entries, keys, frozenset())

    def _key(self, entry: Entry[Run]) -> Key | None:
        fits = entry.key is not None and (entry.envelope, entry.key.path) == (self.envelope, self._path)
        return entry.key if fits else None

    def find(self, event: Any) -> tuple[Run, ...]:
        """What to run for an event under ``envelope``; everything where the field holds no text."""
        value = event
        for field in self._path:
            if value.__class__ is not dict:
                return self._all
            value = value.get(field)
        return self._by_text.get(value, self._others) if value.__class__ is str else self._all

    def everything(self) -> tuple[Run, ...]:
        """What to run for a record that has no event under ``envelope``."""
        return self._all


def _fitting(
    entries: Sequence[Entry[Run]], keys: Sequence[Key | None], found: frozenset[str]
) -> tuple[Run, ...]:
    fitting = []
    for one, key in zip(entries, keys, strict=True):
        if key is None:
            fitting.append(one.run)
        elif key.texts & found:
            fitting.append(one.run if one.found is None else one.found)
    return tuple(fitting)
