"""What an expression reads: free names, and the paths of fields behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from bridge.rules.cel import tree
from bridge.rules.cel.tree import Node, Span

Path: TypeAlias = tuple[str | None, ...]
"""``("event", "items", None, "sku")``: None is any element of a list, or any value of a map."""


@dataclass(frozen=True, slots=True)
class Read:
    """One field that is read, with all fields before it, and where its name stands."""

    path: Path
    span: Span


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value may come from; ``elements`` are those of a list that was made of others."""

    paths: frozenset[Path] = frozenset()
    elements: Origin | None = None

    def element(self) -> Origin:
        """The origin of its elements."""
        own = Origin(frozenset((*path, None) for path in self.paths))
        return own if self.elements is None else own | self.elements

    def field(self, name: str) -> Origin:
        """The origin of one field of it."""
        return Origin(frozenset((*path, name) for path in self.paths))

    def __or__(self, other: Origin) -> Origin:
        elements = self.elements if other.elements is None else other.elements
        if self.elements is not None and other.elements is not None:
            elements = self.elements | other.elements
        return Origin(self.paths | other.paths, elements)


NOWHERE = Origin()
Origins: TypeAlias = Mapping[str, Origin]
_NO_NAMES: Origins = MappingProxyType({})
_SAME = frozenset({"optional.of", "optional.ofNonZeroValue", "value", "sort", "distinct", "reverse", "slice"})
_ELEMENT = frozenset({"first", "last"})
_KEEPING = frozenset({"filter", "sortBy"})
_MAPPING = frozenset({"map", "transformList"})
_PAIR = 2


def reads(root: Node, names: Origins = _NO_NAMES) -> tuple[list[Read], Origin]:
    """All fields that ``root`` reads, and where its own value comes from.

    Args:
        root: a resolved tree.
        names: the origins of lets and loop names; any other name stands for itself.
    """
    reader = _Reader()
    origin = reader.visit(root, names)
    return reader.found, origin


def free_names(node: Node) -> Iterator[str]:
    """The names that ``node`` does not bind itself; a name may come twice."""
    match node:
        case tree.Name(name=name):
            yield name
        case tree.Loop(source=source, names=names):
            yield from free_names(source)
            inner = [part for part in (node.test, node.body) if part is not None]
            yield from (name for part in inner for name in free_names(part) if name not in names)
        case tree.Bind(name=bound, value=value, body=body):
            yield from free_names(value)
            yield from (name for name in free_names(body) if name != bound)
        case _:
            for part in tree.children(node):
                yield from free_names(part)


class _Reader:
    def __init__(self) -> None:
        self.found: list[Read] = []

    def visit(self, node: Node, names: Origins) -> Origin:
        match node:
            case tree.Name(name=name):
                return names.get(name, Origin(frozenset({(name,)})))
            case tree.Select(operand=operand, field=field) | tree.Has(operand=operand, field=field):
                return self._read(node, operand, field, names)
            case tree.Index(operand=operand, key=tree.Literal(value=str() as field)):
                return self._read(node, operand, field, names)
            case tree.Index(operand=operand, key=key):
                self.visit(key, names)
                return self.visit(operand, names).element()
            case tree.Loop():
                return self._loop(node, names)
            case tree.Bind(name=name, value=value, body=body):
                return self.visit(body, {**names, name: self.visit(value, names)})
            case _:
                return self._combined(node, names)

    def _combined(self, node: Node, names: Origins) -> Origin:
        parts = [self.visit(part, names) for part in tree.children(node)]
        match node:
            case tree.Conditional():
                return parts[1] | parts[2]
            case tree.Call():
                return parts[0] | parts[1]
            case tree.ListOf():
                elements = NOWHERE
                for part in parts:
                    elements |= part
                return Origin(elements=elements)
            case tree.Invoke(function=function) if function.name in _SAME:
                return parts[0]
            case tree.Invoke(function=function) if function.name in _ELEMENT:
                return parts[0].element()
            case _:
                return NOWHERE

    def _read(self, node: Node, operand: Node, field: str, names: Origins) -> Origin:
        origin = self.visit(operand, names).field(field)
        self.found += [Read(path, node.span) for path in sorted(origin.paths, key=str)]
        return origin

    def _loop(self, node: tree.Loop, names: Origins) -> Origin:
        source = self.visit(node.source, names)
        bound = dict(names)
        if len(node.names) == _PAIR:
            bound[node.names[0]] = NOWHERE
        bound[node.names[-1]] = source.element()
        if node.test is not None:
            self.visit(node.test, bound)
        body = NOWHERE if node.body is None else self.visit(node.body, bound)
        if node.macro in _KEEPING:
            return source
        return Origin(elements=body) if node.macro in _MAPPING else NOWHERE
