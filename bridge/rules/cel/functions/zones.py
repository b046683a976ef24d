"""Time zones by IANA name or fixed offset."""

from __future__ import annotations

import re
from datetime import timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from bridge.rules.cel.faults import EvalFault
from bridge.rules.cel.functions.table import ArgumentProblem, Check

_OFFSET = re.compile(r"([+-]?)([0-9]{1,2}):([0-9]{2})", re.ASCII)


@lru_cache(maxsize=256)
def zone(name: str) -> tzinfo:
    """The zone of a name such as ``Asia/Ho_Chi_Minh``, ``UTC``, ``+07:00`` or ``07:00``.

    Raises:
        EvalFault: there is no such zone.
    """
    match = _OFFSET.fullmatch(name)
    try:
        if match is None:
            return ZoneInfo(name)
        offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
        return timezone(-offset if match[1] == "-" else offset)
    except (ValueError, OSError, LookupError):
        raise EvalFault("no such time zone", "argument") from None


def _check(name: object) -> None:
    try:
        zone(str(name))
    except EvalFault:
        raise ArgumentProblem(
            f"no time zone {name!r}", "IANA names are meant, such as 'Asia/Ho_Chi_Minh'"
        ) from None


ZONE = Check(_check)
