"""Values that may be absent; ``or``, ``orValue`` and ``optMap`` are part of the language itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.rules.cel.faults import EvalFault
from bridge.rules.cel.functions.table import Function, Overload, method, plain
from bridge.rules.cel.values import NONE, Optional, kind_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _non_zero(value: Any) -> Optional:
    zero = value == _EPOCH if value.__class__ is datetime else not value and value.__class__ is not Optional
    return NONE if zero or value == timedelta() else Optional(value)


def _unwrap(items: list[Any]) -> list[Any]:
    found = []
    for item in items:
        if item.__class__ is not Optional:
            raise EvalFault(f"unwrap takes a list of optional, not of {kind_of(item)}", "type")
        if item.present:
            found.append(item.content)
    return found


def _value(found: Optional) -> Any:
    if not found.present:
        raise EvalFault("value() of an absent optional", "missing")
    return found.content


FUNCTIONS = (
    plain("optional.of", "dyn", "optional", Optional, "A value that is there.", "optional.of(1).hasValue()"),
    Function(
        "optional.none", (Overload((), "optional", lambda: NONE),), "Nothing.", "!optional.none().hasValue()"
    ),
    plain(
        *(
            "optional.ofNonZeroValue",
            "dyn",
            "optional",
            _non_zero,
            "A value, but nothing of zero, empty and null.",
        ),
        "optional.ofNonZeroValue('') == optional.none()",
    ),
    method(
        *("hasValue", "optional", "bool", lambda found: found.present, "Whether it is there."),
        "{'a': 1}.?a.hasValue()",
    ),
    method(
        "value",
        "optional",
        "dyn",
        _value,
        "The value; a fault when it is absent.",
        "optional.of(1).value() == 1",
    ),
    plain(
        *("optional.unwrap", "list", "list", _unwrap, "The values of a list of optionals that are there."),
        "optional.unwrap([optional.of(1), optional.none()]) == [1]",
    ),
    method(
        *("unwrapOpt", "list", "list", _unwrap, "The values of a list of optionals that are there."),
        "[{'a': 1}.?a, {'a': 1}.?b].unwrapOpt() == [1]",
    ),
)
