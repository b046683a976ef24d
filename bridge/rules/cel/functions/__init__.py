"""The functions that expressions may call: one module per family, all of them data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from bridge.rules.cel.functions import (
    encodings,
    lists,
    math,
    optionals,
    phone,
    pii,
    regex,
    strings,
    time,
    types,
)
from bridge.rules.cel.functions.table import Function, FunctionTable

__all__ = ["Function", "FunctionTable", "standard_functions"]


def standard_functions(
    *, secrets: Mapping[str, Callable[[], bytes]] = MappingProxyType({}), timezone: str = ""
) -> FunctionTable:
    """The table of all functions.

    Args:
        secrets: keys of ``pii.hmac`` by name; each callable gives the key's bytes when it is used.
        timezone: IANA name for texts without offset; empty makes such a text a fault.

    Returns:
        The table.
    """
    families = (types, strings, lists, math, optionals, regex, phone, encodings)
    fixed = (function for family in families for function in family.FUNCTIONS)
    return FunctionTable([*fixed, *time.functions(timezone), *pii.functions(secrets)])
