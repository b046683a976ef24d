"""Conversions between kinds, ``type`` and ``size``."""

from __future__ import annotations

from bridge.rules.cel.functions.table import Function, Overload

_SIZE = tuple(Overload((kind,), "int", len) for kind in ("string", "bytes", "list", "map"))

FUNCTIONS = (
    Function("size", _SIZE, "Characters, bytes, elements or entries.", "size('abc') == 3"),
    Function("size", _SIZE, "Characters, bytes, elements or entries.", "'abc'.size() == 3", receiver=True),
)
