"""YAML → plain data that still knows where it stood. The sole importer of ruamel.yaml.

Text in, ``Located`` out. The parser's events are composed here, not by the library: duplicate keys,
tags and merge keys are errors, aliases are counted as if written out, and scalars mean what YAML 1.2
says (so ``on`` and ``2024-01-01`` are text) with one deviation: digits with a leading zero stay text,
because they are phone numbers and ids, and a lost zero cannot be brought back.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from math import isinf
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)
from ruamel.yaml.reader import ReaderError

from bridge.errors import ConfigError
from bridge.yaml_problems import Complaint, explain, flow_value, quoted
from bridge.yaml_scalars import source_offsets

KeyPath = tuple[str | int, ...]
Place = tuple[int, int]

MAX_SIZE_BYTES = 1024 * 1024
MAX_NODES = 100_000
MAX_DEPTH = 100

_NULL = re.compile(r"~|null|Null|NULL|")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,400})")
_OCTAL = re.compile(r"0o[0-7]{1,400}")
_HEX = re.compile(r"0x[0-9a-fA-F]{1,400}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INF = re.compile(r"([-+]?)\.(?:inf|Inf|INF)")
_NAN = re.compile(r"\.(?:nan|NaN|NAN)")


def plain_value(text: str) -> str | int | float | bool | None:
    """What an unquoted scalar means: YAML 1.2 core, but ``0123`` stays text.

    Source: YAML 1.2.2 §10.3.2 (tag resolution of the core schema).
    """
    for pattern, convert in _RESOLUTION:
        if match := pattern.fullmatch(text):
            return convert(match)
    return text


_Scalar = str | int | float | bool | None
_RESOLUTION: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], _Scalar]], ...] = (
    (_NULL, lambda match: None),
    (_TRUE, lambda match: True),
    (_FALSE, lambda match: False),
    (_INT, lambda match: int(match[0])),
    (_OCTAL, lambda match: int(match[0], 8)),
    (_HEX, lambda match: int(match[0], 16)),
    (_FLOAT, lambda match: match[0] if isinf(float(match[0])) else float(match[0])),
    (_INF, lambda match: float(f"{match[1]}inf")),
    (_NAN, lambda match: float("nan")),
)


@dataclass(slots=True)
class _Node:
    """One node of the file; an alias leads to the node it names."""

    start: int
    end: int
    value: Any
    style: str = ""
    size: int = 1
    children: dict[str | int, _Node] = field(default_factory=dict)
    keys: dict[str | int, int] = field(default_factory=dict)


class Located:
    """Plain data with its places; all places are 1-based ``(line, column)``.

    A key path that leads nowhere stands for its nearest existing ancestor, so that a missing key has
    a place too. What is reached through an alias has the place of what the alias names.
    """

    def __init__(self, name: str, text: str, root: _Node) -> None:
        self.name = name
        self.value: Any = root.value
        self._text = text
        self._root = root
        self._line_starts = _line_starts(text)

    def at(self, keypath: KeyPath) -> Place:
        """Where the value begins (past its anchor)."""
        return self._place(self._find(keypath)[1].start)

    def key_at(self, keypath: KeyPath) -> Place:
        """Where the key of a mapping's entry begins; of an item of a list, the item."""
        parent, node, last = self._find(keypath)
        return self._place(parent.keys.get(last, node.start) if parent else node.start)

    def scalar_position(self, keypath: KeyPath, offset: int) -> Place:
        """Where the character ``offset`` (0-based) of a text value stands in the file.

        Quoting, escapes, folding and block indentation are undone. An offset past the end stands
        for the place behind the last character. A value that is no text has only its beginning.
        """
        node = self._find(keypath)[1]
        if not isinstance(node.value, str) or node.children:
            return self._place(node.start)
        offsets = source_offsets(self._text[node.start : node.end], node.style, node.value)
        return self._place(node.start + offsets[max(0, min(offset, len(offsets) - 1))])

    @property
    def text(self) -> str:
        """The whole file."""
        return self._text

    def offset(self, keypath: KeyPath) -> int:
        """Where the value begins in ``text``, 0-based."""
        return self._find(keypath)[1].start

    def is_quoted_at(self, place: Place) -> bool:
        """Whether a quote or a block begins at a place, as of a key."""
        index = self._line_starts[place[0] - 1] + place[1] - 1
        return self._text[index : index + 1] in ('"', "'", "|", ">")

    def is_written(self, keypath: KeyPath) -> bool:
        """Whether the value stands in the file; ``key:`` alone has none."""
        node = self._find(keypath)[1]
        return node.end > node.start or bool(node.children)

    def rename(self, keypath: KeyPath, key: str, meant: str) -> None:
        """Let a mistyped key be found under the one that is meant as well."""
        node = self._find(keypath)[1]
        if key in node.children:
            node.children.setdefault(meant, node.children[key])
            node.keys.setdefault(meant, node.keys[key])

    def style(self, keypath: KeyPath) -> str:
        """How a scalar is written: ``'``, ``"``, ``|``, ``>``, or empty for plain and for collections."""
        return self._find(keypath)[1].style

    def error(self, keypath: KeyPath, problem: str, *, hint: str = "", key: bool = False) -> ConfigError:
        """A ``ConfigError`` about this value, or about its ``key``."""
        line, column = self.key_at(keypath) if key else self.at(keypath)
        where = key_path_text(keypath)
        return ConfigError(problem, path=self.name, line=line, column=column, where=where, hint=hint)

    def __repr__(self) -> str:
        return f"<Located {self.name}>"

    def _find(self, keypath: KeyPath) -> tuple[_Node | None, _Node, str | int]:
        parent, node, last = None, self._root, ""
        for step in keypath:
            if step not in node.children:
                break
            parent, node, last = node, node.children[step], step  # type: ignore[assignment]
        return parent, node, last

    def _place(self, index: int) -> Place:
        line = bisect_right(self._line_starts, index)
        return line, index - self._line_starts[line - 1] + 1


def key_path_text(keypath: KeyPath) -> str:
    """``("sources", 0, "brokers")`` → ``sources[0].brokers``."""
    text = ""
    for step in keypath:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def read_yaml(path: Path, *, max_size_bytes: int = MAX_SIZE_BYTES) -> Located:
    """Read one YAML document of UTF-8 text.

    Raises:
        ConfigError: unreadable, too large, not UTF-8, or whatever ``parse_yaml`` refuses.
    """
    try:
        with path.open("rb") as file:
            data = file.read(max_size_bytes + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"cannot read the file: {reason}", path=str(path)) from error
    if len(data) > max_size_bytes:
        raise ConfigError(f"the file is larger than {max_size_bytes} bytes", path=str(path), hint="split it")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        problem, hint = "the file is not UTF-8 text", _encoding_hint(data)
        raise ConfigError(problem, path=str(path), line=line, column=column, hint=hint) from error
    if "\0" in text[:4]:
        problem, hint = "the file is not UTF-8 text", _encoding_hint(data)
        raise ConfigError(problem, path=str(path), line=1, column=1, hint=hint)
    return parse_yaml(text, str(path))


def _encoding_hint(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:4]:
        return "it looks like UTF-16: save it as UTF-8"
    return "save it as UTF-8"


def parse_yaml(text: str, name: str) -> Located:
    """Parse one YAML document.

    Args:
        text: the document; an empty one is None.
        name: what errors and ``Located.name`` call it, as the user did.

    Raises:
        ConfigError: a syntax error, a second document, a tag, a merge key, a duplicate or non-scalar
            key, an unknown or self-containing alias, more than ``MAX_NODES`` nodes with aliases
            written out, or nesting beyond ``MAX_DEPTH``.
    """
    text = text.removeprefix("\ufeff")
    if _HAS_LIBYAML and not _OF_YAML_1_1.search(text):
        # A dozen times faster; whatever it refuses is read again, for the words of the other's refusal.
        with suppress(YAMLError, ConfigError):
            return Located(name, text, _Composer(text, name, YAML(typ="safe").parse(text)).document())
    return Located(name, text, _Composer(text, name).document())


_HAS_LIBYAML = YAML(typ="safe").Parser is not YAML(typ="safe", pure=True).Parser
# Line breaks, directives and anchors of YAML 1.1, which libyaml speaks, and tabs, which it takes elsewhere.
_OF_YAML_1_1 = re.compile(r"[\x85\u2028\u2029\t]|^%|[&*][^\s,\[\]{}]*:", re.MULTILINE)


class _Composer:
    """Events → nodes. One document, no recursion without a bound."""

    def __init__(self, text: str, name: str, events: Iterator[Event] | None = None) -> None:
        self._text = text
        self._name = name
        self._line_starts = _line_starts(text)
        self._anchors: dict[str, _Node | None] = {}
        self._events = events or _events(text, self._problem)

    def document(self) -> _Node:
        """The only document's root."""
        self._expect(StreamStartEvent)
        event = next(self._events)
        if isinstance(event, StreamEndEvent):
            return _Node(0, 0, None)
        root = self._node(next(self._events), 0)
        self._expect(DocumentEndEvent)
        if isinstance(event := next(self._events), DocumentStartEvent):
            hint = "leave the `---` out, or write two files"
            raise self._problem("a second document in the file; only one is allowed", _start(event), hint)
        return root

    def _expect(self, kind: type[Event]) -> None:
        event = next(self._events)
        if not isinstance(event, kind):
            raise self._problem("unexpected YAML", _start(event))

    def _node(self, event: Event, depth: int) -> _Node:
        if isinstance(event, AliasEvent):
            return self._aliased(event)
        self._guard(event, depth)
        anchor = event.anchor if isinstance(event, NodeEvent) else None
        if anchor is not None:
            if not _ANCHOR_NAME.fullmatch(anchor):
                hint = self._quote(_start(event))
                raise self._problem("an anchor's name is letters, digits, `_` and `-`", _start(event), hint)
            self._anchors[anchor] = None
        node = self._content(event, depth)
        if node.size > MAX_NODES:
            raise self._problem(f"more than {MAX_NODES} nodes, aliases written out", node.start)
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _guard(self, event: Event, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise self._problem(f"nested deeper than {MAX_DEPTH}", _start(event))
        if getattr(event, "tag", None) is not None:
            hint = self._quote(_start(event))
            raise self._problem("tags (!…) are not allowed", _start(event), hint)

    def _content(self, event: Event, depth: int) -> _Node:
        start = _content_start(self._text, event)
        if isinstance(event, ScalarEvent):
            if _SURROGATE.search(event.value):
                raise self._problem("a surrogate escape is not text: write \\U and eight digits", start)
            return _scalar(event, start)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(start, depth)
        if isinstance(event, MappingStartEvent):
            return self._mapping(start, depth)
        raise self._problem("unexpected YAML", start)

    def _aliased(self, event: AliasEvent) -> _Node:
        if event.anchor not in self._anchors:
            hint = self._quote(_start(event))
            raise self._problem(f"alias of an unknown anchor: {event.anchor}", _start(event), hint)
        node = self._anchors[event.anchor]
        if node is None:
            raise self._problem(f"the anchor {event.anchor} contains itself", _start(event))
        return node

    def _sequence(self, start: int, depth: int) -> _Node:
        node = _Node(start, start, [])
        while not isinstance(event := next(self._events), SequenceEndEvent):
            item = self._node(event, depth + 1)
            self._add(node, len(node.value), item)
            node.value.append(item.value)
        return node

    def _mapping(self, start: int, depth: int) -> _Node:
        node = _Node(start, start, {})
        while not isinstance(event := next(self._events), MappingEndEvent):
            key_start = _start(event)
            key = self._key(self._node(event, depth + 1), event)
            if key in node.value:
                first = bisect_right(self._line_starts, node.keys[key])
                hint = f"it stands in line {first} already"
                raise self._problem(f"duplicate key: {str(key)[:100]}", key_start, hint)
            item = self._node(next(self._events), depth + 1)
            node.keys[key] = key_start
            self._add(node, key, item)
            node.value[key] = item.value
        return node

    def _add(self, parent: _Node, step: str | int, child: _Node) -> None:
        parent.children[step] = child
        parent.size += child.size
        if parent.size > MAX_NODES:
            raise self._problem(f"more than {MAX_NODES} nodes, aliases written out", parent.start)

    def _key(self, node: _Node, event: Event) -> str | int:
        if not isinstance(node.value, str | int):
            hint = "an expression stands without braces, in quotes" if node.children else ""
            raise self._problem("a key is text, a whole number, true or false", _start(event), hint)
        if node.value == "<<" and not node.style:
            raise self._problem("merge keys (<<) are not allowed: write the keys out", _start(event))
        return node.value

    def _problem(self, problem: str, index: int, hint: str = "") -> ConfigError:
        line = bisect_right(self._line_starts, index)
        column = index - self._line_starts[line - 1] + 1
        return ConfigError(problem, path=self._name, line=line, column=column, hint=hint)

    def _quote(self, index: int) -> str:
        return f"put an expression in double quotes: {quoted(flow_value(self._text, index))}"


def _events(text: str, problem: Callable[[str, int, str], ConfigError]) -> Iterator[Event]:
    """The library's events; every error of its own becomes a ``ConfigError`` here and only here."""
    last = (0, 0)
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            last = _stretch(event, last)
            yield event
    except MarkedYAMLError as error:
        told = explain(text, _complaint(error, last))
        raise problem(told.problem, told.place, told.hint) from error
    except ReaderError as error:
        raise problem("a control character that YAML does not allow", error.position, "delete it") from error
    except (
        YAMLError,
        ValueError,
        OverflowError,
        TypeError,
        AttributeError,
        IndexError,
        AssertionError,
    ) as error:
        raise problem("not YAML", last[1], "") from error


def _stretch(event: Event, last: tuple[int, int]) -> tuple[int, int]:
    """Where the node that ends with ``event`` stands; a collection is known by its last bracket."""
    start, end = _start(event), int(event.end_mark.index)
    return (
        (start, end)
        if isinstance(event, ScalarEvent)
        else (last[0], last[1])
        if start == end
        else (start, end)
    )


def _complaint(error: MarkedYAMLError, last: tuple[int, int]) -> Complaint:
    mark = error.problem_mark or error.context_mark
    place = mark.index if mark else last[1]
    context = error.context_mark.index if error.context_mark else place
    return Complaint(error.context or "", error.problem or "", place, context, last)


_SURROGATE = re.compile("[\ud800-\udfff]")


def _scalar(event: ScalarEvent, start: int) -> _Node:
    style = event.style or ""
    value = event.value if style else plain_value(event.value)
    return _Node(start, event.end_mark.index, value, style)


_ANCHOR_NAME = re.compile(r"[\w.-]+")
_ANCHOR = re.compile(r"&[^\s,\[\]{}]+(?:\s+|(?<=\s)#[^\n]*)*")


def _content_start(text: str, event: Event) -> int:
    """Where the content begins, behind an anchor."""
    match = _ANCHOR.match(text, _start(event)) if getattr(event, "anchor", None) else None
    return match.end() if match else _start(event)


def _start(event: Event) -> int:
    return int(event.start_mark.index)


def _line_starts(text: str) -> list[int]:
    return [0, *(match.end() for match in re.finditer(r"\r\n|\r|\n", text))]
