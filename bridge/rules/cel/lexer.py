"""Text to tokens."""

from __future__ import annotations

import re
from typing import NamedTuple

from bridge.rules.cel.faults import CompileFault

_TOKEN = re.compile(
    r"""
    (?P<space>(?:[\t\n\f\r ]+|//[^\n]*)+)
  | (?P<string>(?:[rR][bB]?|[bB][rR])(?:\"{3}.*?\"{3}|'{3}.*?'{3}|\"(?!\"\")[^\"\r\n]*\"|'(?!'')[^'\r\n]*')
      | [bB]?(?:\"{3}(?:[^\\]|\\.)*?\"{3}|'{3}(?:[^\\]|\\.)*?'{3}
               |\"(?!\"\")(?:[^\"\\\r\n]|\\.)*\"|'(?!'')(?:[^'\\\r\n]|\\.)*'))
  | (?P<double>(?:[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?))
  | (?P<int>0[xX][0-9a-fA-F]+[uU]?|[0-9]+[uU]?)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<quoted>`[A-Za-z0-9_.\-/ ]+`)
  | (?P<operator>&&|\|\||[=!<>]=|[-+*/%<>!?:.,()\[\]{}])
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)


class Token(NamedTuple):
    """A piece of an expression: its kind, its text, and where it starts."""

    kind: str
    text: str
    offset: int


def tokens(text: str) -> list[Token]:
    """Split an expression; the last token is always of kind ``end``.

    Args:
        text: the expression.

    Returns:
        The tokens without white space and comments.

    Raises:
        CompileFault: at a character that starts no token, such as an unclosed quote.
    """
    found: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _stray(text, position)
        kind = match.lastgroup or ""
        if kind != "space":
            found.append(Token(kind, match.group(), position))
        position = match.end()
    found.append(Token("end", "", len(text)))
    return found


_REMEDIES = {
    "=": "use == to compare",
    "&": "use && for and",
    "|": "use || for or",
    "'": "the closing quote is missing",
    '"': "the closing quote is missing",
}


def _stray(text: str, position: int) -> CompileFault:
    character = text[position]
    if character in "'\"":
        return CompileFault("text without an end", position, len(text) - position, _REMEDIES[character])
    return CompileFault(f"unexpected character {character!r}", position, 1, _REMEDIES.get(character, ""))
