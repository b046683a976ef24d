"""The values of number, text and bytes tokens."""

from __future__ import annotations

import re
import sys

from bridge.rules.cel.faults import CompileFault
from bridge.rules.cel.lexer import Token
from bridge.rules.cel.values import INT_MAX, UINT_MAX, Uint

_ESCAPE = re.compile(
    r"\\(?:(?P<simple>[abfnrtv\\?\"'`])|[xX](?P<hex>[0-9a-fA-F]{2})|u(?P<short>[0-9a-fA-F]{4})"
    r"|U(?P<long>[0-9a-fA-F]{8})|(?P<octal>[0-3][0-7]{2})|(?P<bad>.|$))",
    re.DOTALL,
)
_SURROGATES = range(0xD800, 0xE000)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def number(token: Token, *, negative: bool = False) -> int | float:
    """The value of an ``int`` or ``double`` token, negated when a minus stood before it.

    Raises:
        CompileFault: it does not fit into 64 bits.
    """
    if token.kind == "double":
        value = float(token.text)
        return -value if negative else value
    unsigned = token.text[-1] in "uU"
    digits = token.text[:-1] if unsigned else token.text
    if len(digits.lstrip("0xX")) > _MOST_DIGITS:
        raise CompileFault("number does not fit into 64 bits", token.offset, len(token.text))
    value_int = int(digits, 16) if digits[:2] in {"0x", "0X"} else int(digits)
    if unsigned:
        return _uint(value_int, token, negative=negative)
    if value_int > INT_MAX + negative:
        raise CompileFault("number does not fit into 64 bits", token.offset, len(token.text))
    return -value_int if negative else value_int


_MOST_DIGITS = 20


def _uint(value: int, token: Token, *, negative: bool) -> Uint:
    if (negative and value) or value > UINT_MAX:
        raise CompileFault("number does not fit into an unsigned 64 bits", token.offset, len(token.text))
    return Uint(value)


def text_or_bytes(token: Token) -> str | bytes:
    """The value of a ``string`` token: prefixes, quotes and escapes resolved.

    Raises:
        CompileFault: at an escape that means nothing.
    """
    quote_at = min(token.text.index(quote) for quote in "'\"" if quote in token.text)
    prefix = token.text[:quote_at].lower()
    width = 3 if token.text[quote_at : quote_at + 3] in {"'''", '"""'} else 1
    body = token.text[quote_at + width : len(token.text) - width]
    start = token.offset + quote_at + width
    if "b" in prefix:
        return body.encode() if "r" in prefix else _bytes(body, start)
    return body if "r" in prefix else _text(body, start)


def _text(body: str, start: int) -> str:
    return _ESCAPE.sub(lambda match: _character(match, start), body)


def _bytes(body: str, start: int) -> bytes:
    parts: list[bytes] = []
    position = 0
    for match in _ESCAPE.finditer(body):
        parts.append(body[position : match.start()].encode())
        parts.append(_octet(match, start))
        position = match.end()
    return b"".join([*parts, body[position:].encode()])


def _octet(match: re.Match[str], start: int) -> bytes:
    if match["hex"] or match["octal"]:
        return bytes([int(match["hex"], 16) if match["hex"] else int(match["octal"], 8)])
    if match["short"] or match["long"]:
        raise _bad(match, start)
    return _character(match, start).encode()


def _character(match: re.Match[str], start: int) -> str:
    if match["simple"]:
        return _SIMPLE.get(match["simple"], match["simple"])
    digits = match["hex"] or match["short"] or match["long"]
    code = int(digits, 16) if digits else int(match["octal"] or "-1", 8)
    if match["bad"] is not None or code > sys.maxunicode or code in _SURROGATES:
        raise _bad(match, start)
    return chr(code)


def _bad(match: re.Match[str], start: int) -> CompileFault:
    return CompileFault(
        f"unknown escape {match.group()}",
        start + match.start(),
        len(match.group()),
        "write \\\\ for a backslash",
    )
