"""Bytes → JSON value, or why not. Strict UTF-8, bounded nesting, no NaN, no lost digits.

The last of duplicate keys wins and a byte order mark is ignored. Integers keep every digit: one
beyond 64 bits is a fault of the expression that uses it, not of the record.
"""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Any

import msgspec

_BOM = b"\xef\xbb\xbf"
# Atomic and open-ended: an unterminated string must not be searched again from each inner quote.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}

_decode = msgspec.json.Decoder().decode


class Undecodable(ValueError):
    """A body that is not what it should be; the message is safe to show."""


def parse_json(body: bytes, max_depth: int) -> Any:
    """Parse one JSON text.

    Args:
        body: UTF-8 bytes.
        max_depth: deepest nesting of arrays and objects allowed.

    Raises:
        Undecodable: anything but JSON (RFC 8259), or nested too deep.
    """
    if body.startswith(_BOM):
        body = body[3:]
    # A level takes two bytes, and small bodies are most of them.
    if len(body) > 2 * max_depth and _brackets(body) > max_depth and depth(body) > max_depth:
        raise Undecodable(f"JSON nested deeper than {max_depth}")
    try:
        return _decode(body)
    except msgspec.MsgspecError as error:
        raise Undecodable(_problem(body, str(error))) from None
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise Undecodable(_problem(body, _kind(error))) from None


def _brackets(body: bytes) -> int:
    """How many open; leaving them out is twice as fast as counting, which looks at each byte in turn."""
    return 2 * len(body) - len(body.replace(b"{", b"")) - len(body.replace(b"[", b""))


def parse_text(body: bytes) -> str:
    """The body as text.

    Raises:
        Undecodable: not UTF-8.
    """
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Undecodable(f"not UTF-8 (byte {error.start})") from None


def depth(body: bytes) -> int:
    """How deep arrays and objects nest, brackets inside strings not counted; linear in the size."""
    brackets = _STRING.sub(b"", body).translate(None, _NOT_BRACKETS)
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0)


def nests_deeper(value: Any, max_depth: int) -> bool:
    """Whether lists and maps of a value nest deeper than this."""
    if isinstance(value, dict):
        return max_depth < 1 or any(nests_deeper(item, max_depth - 1) for item in value.values())
    if isinstance(value, list):
        return max_depth < 1 or any(nests_deeper(item, max_depth - 1) for item in value)
    return False


def _problem(body: bytes, problem: str) -> str:
    """Invalid UTF-8 is named with its place in the body; the parser knows only the one in the string."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return f"not UTF-8 (byte {error.start})"
    return problem


def _kind(error: Exception) -> str:
    return "JSON nested too deep" if isinstance(error, RecursionError) else "JSON number with too many digits"
