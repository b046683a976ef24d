"""Text of strangers that a terminal, or whoever reads a log line by line, can be shown. Pure.

Line ends, escapes, and marks that turn the direction of writing become visible; nothing is executed, and
nothing looks like what it is not.
"""

from __future__ import annotations

import json
import re

_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str) -> str:
    """One line."""
    return _CONTROL.sub(_visible, text)


def printable_lines(text: str) -> str:
    """Several lines, each printable; they end with a line feed alone."""
    return "\n".join(map(printable, text.split("\n")))


def json_text(value: object, *, indent: int | None = None) -> str:
    """JSON that can be read on a terminal: letters of all languages as they are, controls as escapes."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=str)
    # Outside of strings JSON has no control character but the line ends of an indented text.
    return "\n".join(_CONTROL.sub(_escaped, line) for line in text.split("\n"))


def _visible(match: re.Match[str]) -> str:
    return "\\n" if match[0] == "\n" else _escaped(match)


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
