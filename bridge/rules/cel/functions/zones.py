"""Time zones by IANA name or fixed offset."""

from __future__ import annotations

import re
from datetime import timedelta, timezone, tzinfo
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

from bridge.rules.cel.faults import EvalFault, did_you_mean
from bridge.rules.cel.functions.table import ArgumentProblem, Check

_OFFSET = re.compile(r"([+-]?)([0-9]{1,2}):([0-9]{2})", re.ASCII)


_names = cache(available_timezones)
"""All there are: 50 ms the first time, so it is asked for when a zone that is no literal is compiled."""
_literals: dict[str, tzinfo] = {}


def zone(name: str) -> tzinfo:
    """The zone of a name such as ``Asia/Ho_Chi_Minh``, ``UTC``, ``+07:00`` or ``07:00``.

    Raises:
        EvalFault: there is no such zone.
    """
    return _literals.get(name) or _of_data(name)


@lru_cache(maxsize=256)
def _of_data(name: str) -> tzinfo:
    """A name out of a document: zoneinfo looks for a file, then a module, of any name that it is given."""
    if _OFFSET.fullmatch(name) is None and name not in _names():
        raise EvalFault("no such time zone", "argument")
    return _load(name)


def _load(name: str) -> tzinfo:
    match = _OFFSET.fullmatch(name)
    try:
        if match is None:
            return ZoneInfo(name)
        offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
        return timezone(-offset if match[1] == "-" else offset)
    except (ValueError, OSError, LookupError):
        raise EvalFault("no such time zone", "argument") from None


def _check(name: object) -> None:
    text = str(name)
    try:
        _literals[text] = _load(text)
    except EvalFault:
        hint = did_you_mean(text, _names()) or "IANA names are meant, such as 'Asia/Ho_Chi_Minh'"
        raise ArgumentProblem(f"no time zone {name!r}", hint) from None


ZONE = Check(_check, prepare=_names)
