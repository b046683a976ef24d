"""Conversions between kinds, ``type`` and ``size``."""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import Any

from bridge.rules.cel.arithmetic import fit, fit_uint
from bridge.rules.cel.faults import EvalFault
from bridge.rules.cel.functions.instants import duration_text, epoch_seconds, instant_text
from bridge.rules.cel.functions.table import Function, Overload, plain
from bridge.rules.cel.values import TYPES, Type, Uint, kind_of

_INT = re.compile(r"[+-]?[0-9]+", re.ASCII)
_DOUBLE = re.compile(
    r"[+-]?(?:[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?|inf(?:inity)?|nan)",
    re.ASCII | re.IGNORECASE,
)
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
# A double prints with an exponent from here on, as in JSON.
_LARGE = 1e21


def _unfit(kind: str) -> EvalFault:
    return EvalFault(f"text is no {kind}", "conversion")


def _int_of_text(text: str) -> int:
    if len(text) > 20 or not _INT.fullmatch(text):  # noqa: PLR2004 -- no longer text fits into 64 bits
        raise _unfit("int")
    return fit(int(text))


def _whole(value: float) -> int:
    if not math.isfinite(value):
        raise EvalFault("double is no int", "overflow")
    return int(value)


def _int_of_double(value: float) -> int:
    # The bounds themselves are excluded: they round to doubles that do not fit.
    if not -(2.0**63) < value < 2.0**63:
        raise EvalFault("int does not fit into 64 bits", "overflow")
    return _whole(value)


def _uint_of_text(text: str) -> Uint:
    if len(text) > 20 or not _INT.fullmatch(text):  # noqa: PLR2004 -- no longer text fits into 64 bits
        raise _unfit("uint")
    return fit_uint(int(text))


def _uint_of_double(value: float) -> Uint:
    return fit_uint(_whole(value))


def _double_of_text(text: str) -> float:
    if len(text) > _MAX_DIGITS or not _DOUBLE.fullmatch(text):
        raise _unfit("double")
    return float(text)


_MAX_DIGITS = 1024


def double_text(value: float) -> str:
    """A double as text: shortest digits that read back, without a fraction of zero."""
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if math.isnan(value):
        return "NaN"
    if value.is_integer() and abs(value) < _LARGE:
        return "-0" if not value and math.copysign(1, value) < 0 else str(int(value))
    return repr(value)


def bool_text(value: bool) -> str:
    """``true`` or ``false``."""
    return "true" if value else "false"


def _bool_of_text(text: str) -> bool:
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise _unfit("bool")


def bytes_text(value: bytes) -> str:
    """UTF-8 decoded.

    Raises:
        EvalFault: it is no UTF-8.
    """
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise EvalFault("bytes are no UTF-8", "conversion") from None


def utf8(text: str) -> bytes:
    """UTF-8 encoded.

    Raises:
        EvalFault: it has a lone surrogate.
    """
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise EvalFault("text has a lone surrogate", "conversion") from None


def _type(value: Any) -> Type:
    return TYPES.get(kind_of(value), Type("dyn"))


def _same(value: Any) -> Any:
    return value


def _epoch(value: datetime) -> int:
    return epoch_seconds(value)


_SIZE = tuple(Overload((kind,), "int", len) for kind in ("string", "bytes", "list", "map"))

FUNCTIONS = (
    Function("size", _SIZE, "Characters, bytes, elements or entries.", "size('abc') == 3"),
    Function("size", _SIZE, "Characters, bytes, elements or entries.", "[1, 2].size() == 2", receiver=True),
    Function(
        "int",
        (
            Overload(("int",), "int", fit),
            Overload(("uint",), "int", lambda value: fit(int(value))),
            Overload(("double",), "int", _int_of_double),
            Overload(("string",), "int", _int_of_text),
            Overload(("timestamp",), "int", _epoch),
        ),
        "A whole number; a double's fraction is cut off, a timestamp gives seconds.",
        "int('42') == 42 && int(2.9) == 2",
    ),
    Function(
        "uint",
        (
            Overload(("uint",), "uint", _same),
            Overload(("int",), "uint", fit_uint),
            Overload(("double",), "uint", _uint_of_double),
            Overload(("string",), "uint", _uint_of_text),
        ),
        "An unsigned whole number.",
        "uint(42) == 42u",
    ),
    Function(
        "double",
        (
            Overload(("double",), "double", _same),
            Overload(
                ("int|uint",), "double", lambda value: float(fit_uint(value) if value > 0 else fit(value))
            ),
            Overload(("string",), "double", _double_of_text),
        ),
        "A number with a fraction.",
        "double('1.5') == 1.5",
    ),
    Function(
        "string",
        (
            Overload(("string",), "string", _same),
            Overload(("int",), "string", lambda value: str(fit(value))),
            Overload(("uint",), "string", str),
            Overload(("double",), "string", double_text),
            Overload(("bool",), "string", bool_text),
            Overload(("bytes",), "string", bytes_text),
            Overload(("timestamp",), "string", instant_text),
            Overload(("duration",), "string", duration_text),
        ),
        "Text of a number, bool, timestamp, duration, or of UTF-8 bytes.",
        "string(150000.0) == '150000' && string(true) == 'true'",
    ),
    Function(
        "bytes",
        (Overload(("bytes",), "bytes", _same), Overload(("string",), "bytes", utf8)),
        "UTF-8 of a text.",
        "bytes('abc') == b'abc'",
    ),
    Function(
        "bool",
        (Overload(("bool",), "bool", _same), Overload(("string",), "bool", _bool_of_text)),
        "True or false of a text.",
        "bool('true')",
    ),
    plain("dyn", "dyn", "dyn", _same, "The value as it is; hides its type.", "dyn(1) == 1"),
    plain("type", "dyn", "type", _type, "The type of a value.", "type(1) == int"),
)
