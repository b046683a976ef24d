"""Which character of the file a character of a YAML scalar came from. Pure.

The parser gives a scalar's value and the stretch of file it was read from; an error inside an
expression needs the way back. Two walks suffice: plain and quoted scalars are read again token by
token; in block scalars everything but white space stands in the file as it stands in the value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_FOLD = r"[ \t]*(?P<fold>(?:(?:\r\n|\r|\n)[ \t]*)+)"
_BREAK = re.compile(r"\r\n|\r|\n")
_PLAIN = re.compile(rf"{_FOLD}|(?P<char>.)", re.DOTALL)
_SINGLE = re.compile(rf"{_FOLD}|(?P<char>''|.)", re.DOTALL)
_DOUBLE = re.compile(
    r"(?P<escape>\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|(?:(?:\r\n|\r|\n)[ \t]*)+|.))"
    rf"|{_FOLD}|(?P<char>.)",
    re.DOTALL,
)
_WORDS = re.compile(r"\S+|\s+")


def source_offsets(raw: str, style: str, value: str) -> list[int]:
    """For each character of ``value``, and for its end, the offset in ``raw`` where it is written.

    Args:
        raw: the scalar as it stands in the file, quotes or block header included.
        style: ``'``, ``"``, ``|``, ``>`` or empty for plain.
        value: what the parser made of it.

    Returns:
        ``len(value) + 1`` offsets; all 0 where ``raw`` and ``value`` do not fit together.
    """
    offsets = _block_offsets(raw, value) if style in ("|", ">") else _flow_offsets(raw, style)
    return offsets if len(offsets) == len(value) + 1 else [0] * (len(value) + 1)


def _flow_offsets(raw: str, style: str) -> list[int]:
    start, end = (1, len(raw) - 1) if style else (0, len(raw))
    pattern = {"'": _SINGLE, '"': _DOUBLE}.get(style, _PLAIN)
    offsets: list[int] = []
    for match in pattern.finditer(raw, start, end):
        offsets.extend([match.start()] * _width(match))
    return [*offsets, end]


def _width(match: re.Match[str]) -> int:
    """How many characters of the value a token gives."""
    groups = match.groupdict()
    if groups.get("fold") is not None:
        return max(1, len(_BREAK.findall(groups["fold"])) - 1)
    if groups.get("escape") is not None and groups["escape"][1] in "\r\n":
        return len(_BREAK.findall(groups["escape"])) - 1
    return 1


def _block_offsets(raw: str, value: str) -> list[int]:
    header = _BREAK.search(raw)
    cursor = header.end() if header else len(raw)
    offsets: list[int] = []
    for word, is_last in _words(value):
        if not word.isspace():
            found = raw.find(word, cursor)
            if found < 0:
                return []
            offsets.extend(range(found, found + len(word)))
            cursor = found + len(word)
        else:
            following = len(raw) if is_last else cursor + _gap(raw[cursor:])
            offsets.extend(_space_offsets(word, cursor, following))
    return [*offsets, offsets[-1] + 1 if offsets else cursor]


def _words(value: str) -> Iterator[tuple[str, bool]]:
    for match in _WORDS.finditer(value):
        yield match[0], match.end() == len(value)


def _gap(text: str) -> int:
    return len(text) - len(text.lstrip())


def _space_offsets(space: str, start: int, following: int) -> Iterator[int]:
    """White space up to the last line break counts from the word before, indentation from the word after."""
    broken = space.rfind("\n") + 1
    for index in range(len(space)):
        offset = start + index if index < broken or not broken else following - (len(space) - index)
        yield max(start, min(offset, following))
