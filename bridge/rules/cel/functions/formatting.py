"""``format``: the clauses of a format text."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import Any

from bridge.rules.cel.arithmetic import fit, fitting, sized
from bridge.rules.cel.faults import EvalFault
from bridge.rules.cel.functions.instants import duration_text, instant_text
from bridge.rules.cel.functions.types import bool_text, bytes_text, double_text, utf8
from bridge.rules.cel.values import Type, Uint, kind_of

_CLAUSE = re.compile(r"%(?:(%)|(?:\.([0-9]{1,4}))?([a-zA-Z])|(.?))", re.DOTALL)
_DEFAULT_PRECISION = 6
_MAX_PRECISION = 1000


def format_text(pattern: str, values: list[Any], limit: int) -> str:
    """Fill the clauses of ``pattern`` with ``values``.

    Raises:
        EvalFault: an unknown clause, a value that a clause does not take, too few values, a long result.
    """
    parts: list[str] = []
    left = iter(values)
    size = 0
    clauses, rest = _parsed(pattern) if len(pattern) <= _LITERAL_CHARS else _parse(pattern)
    for before, clause in clauses:
        made = _clause(clause, left, limit)
        parts += (before, made)
        size += len(before) + len(made)
        if size > limit:
            break
    parts.append(rest)
    return str(sized("".join(parts), limit))


def _parse(pattern: str) -> tuple[list[tuple[str, re.Match[str]]], str]:
    """Each clause with the text before it, and the text behind the last."""
    found: list[tuple[str, re.Match[str]]] = []
    position = 0
    for match in _CLAUSE.finditer(pattern):
        found.append((pattern[position : match.start()], match))
        position = match.end()
    return found, pattern[position:]


# Most formats are literals of a rule: few, and no longer than an expression.
_LITERAL_CHARS = 256
_parsed = lru_cache(maxsize=256)(_parse)


def _clause(match: re.Match[str], left: Iterator[Any], limit: int) -> str:
    percent, precision, letter, other = match.groups()
    if percent:
        return "%"
    if other is not None or letter not in "sdfeboxX":
        raise EvalFault(f"format has no clause {match.group()!r}", "argument")
    try:
        value = next(left)
    except StopIteration:
        raise EvalFault("format has more clauses than values", "argument") from None
    if letter == "s":
        return _shown(value, limit)
    if letter in "fe":
        return _fraction(value, letter, precision)
    return _decimal(value) if letter == "d" else _based(value, letter, limit)


def _wrong(letter: str, value: Any) -> EvalFault:
    return EvalFault(f"format clause %{letter} does not take {kind_of(value)}", "type")


def _decimal(value: Any) -> str:
    if value.__class__ is int or value.__class__ is Uint:
        return str(fitting(value))
    if value.__class__ is float:
        return double_text(value)
    raise _wrong("d", value)


def _fraction(value: Any, letter: str, precision: str | None) -> str:
    digits = int(precision) if precision else _DEFAULT_PRECISION
    if value.__class__ not in {int, Uint, float}:
        raise _wrong(letter, value)
    if digits > _MAX_PRECISION:
        raise EvalFault("format precision is too large", "argument")
    value = fitting(value)
    if value.__class__ is float and not math.isfinite(value):
        return double_text(value)
    if letter == "e":
        return f"{value:.{digits}e}"
    return f"{value:.{digits}f}"


def _based(value: Any, letter: str, limit: int) -> str:
    kind = value.__class__
    if kind is int or kind is Uint:
        return format(int(fitting(value)), letter)
    if kind is bool and letter == "b":
        return "1" if value else "0"
    if letter in "xX" and kind in {str, bytes}:
        raw = utf8(value) if kind is str else value
        text = str(sized(raw, limit).hex())
        return text.upper() if letter == "X" else text
    raise _wrong(letter, value)


def _shown(value: Any, limit: int) -> str:
    kind = value.__class__
    if kind is str:
        return str(value)
    if value is None:
        return "null"
    simple = _SIMPLE.get(kind)
    if simple is not None:
        return str(simple(value))
    if kind is list:
        return f"[{_joined((_shown(item, limit) for item in value), limit)}]"
    if kind is dict:
        pairs = sorted(((_shown(key, limit), item) for key, item in value.items()), key=itemgetter(0))
        return "{" + _joined((f"{key}: {_shown(item, limit)}" for key, item in pairs), limit) + "}"
    raise _wrong("s", value)


def _joined(parts: Iterator[str], limit: int) -> str:
    found: list[str] = []
    size = 0
    for part in parts:
        found.append(part)
        size += len(part) + 2
        if size > limit:
            raise EvalFault(f"a result is larger than {limit}", "budget")
    return ", ".join(found)


_SIMPLE: dict[type, Any] = {
    bool: bool_text,
    int: lambda value: str(fit(value)),
    Uint: str,
    float: double_text,
    bytes: bytes_text,
    datetime: instant_text,
    timedelta: duration_text,
    Type: lambda value: value.name,
}
