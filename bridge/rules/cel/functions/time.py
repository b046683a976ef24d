"""Timestamps, durations, their parts, and the ``time`` namespace."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from bridge.rules.cel.arithmetic import fit, sized
from bridge.rules.cel.faults import EvalFault
from bridge.rules.cel.functions.instants import from_epoch, parse_duration, parse_instant, to_utc
from bridge.rules.cel.functions.table import Function, Overload, plain
from bridge.rules.cel.functions.zones import ZONE, zone
from bridge.rules.cel.limits import Budget

_MICRO = timedelta(microseconds=1)
_PARTS: tuple[tuple[str, Callable[[datetime], int], str], ...] = (
    ("getFullYear", lambda at: at.year, "The year."),
    ("getMonth", lambda at: at.month - 1, "The month, from 0."),
    ("getDate", lambda at: at.day, "The day of the month, from 1."),
    ("getDayOfMonth", lambda at: at.day - 1, "The day of the month, from 0."),
    ("getDayOfWeek", lambda at: at.isoweekday() % 7, "The day of the week, Sunday is 0."),
    ("getDayOfYear", lambda at: at.timetuple().tm_yday - 1, "The day of the year, from 0."),
    ("getHours", lambda at: at.hour, "The hour; of a duration, all its whole hours."),
    ("getMinutes", lambda at: at.minute, "The minute; of a duration, all its whole minutes."),
    ("getSeconds", lambda at: at.second, "The second; of a duration, all its whole seconds."),
    ("getMilliseconds", lambda at: at.microsecond // 1000, "The milliseconds within the second."),
)
_UNITS = {"getHours": 3600 * 10**6, "getMinutes": 60 * 10**6, "getSeconds": 10**6}
_VALUES = (2009, 1, 13, 12, 5, 43, 23, 31, 30, 0)


def _local(moment: datetime, name: str) -> datetime:
    try:
        return moment.astimezone(zone(name))
    except OverflowError:
        raise EvalFault("timestamp is out of range", "overflow") from None


def _part(position: int) -> Function:
    name, part, doc = _PARTS[position]
    overloads = [
        Overload(("timestamp",), "int", part),
        Overload(("timestamp", "string"), "int", lambda at, place: part(_local(at, place))),
    ]
    if position >= len(_PARTS) - 4:
        overloads.append(Overload(("duration",), "int", _duration_part(name)))
    example = f"timestamp('2009-02-13T23:31:30Z').{name}() == {_VALUES[position]}"
    return Function(name, tuple(overloads), doc, example, receiver=True, checks={1: ZONE})


def _duration_part(name: str) -> Callable[[timedelta], int]:
    if name == "getMilliseconds":
        return lambda value: int(math.fmod(value // _MICRO, 10**6)) // 1000
    return lambda value: int(math.copysign(abs(value) // _MICRO // _UNITS[name], value // _MICRO))


def _micros(scale: int) -> Callable[[Any], datetime]:
    def convert(value: float) -> datetime:
        if value.__class__ is float:
            micros = value * scale
            if not math.isfinite(micros):
                raise EvalFault("timestamp is out of range", "overflow")
            return from_epoch(int(micros))
        return from_epoch(fit(int(value)) * scale)

    return convert


def _seconds(value: int) -> datetime:
    return from_epoch(fit(value) * 10**6)


def _short(pattern: str) -> str:
    """``pattern``: strptime makes a regular expression of it, so that a long one would be a program."""
    if len(pattern) > _MAX_PATTERN_CHARS:
        raise EvalFault(f"a time format is longer than {_MAX_PATTERN_CHARS}", "argument")
    return pattern


_MAX_PATTERN_CHARS = 256


# strptime makes a regular expression of a format and keeps five of them: 0.25 ms for each further one.
_PARSE_STEPS = 8


def _parse(text: str, pattern: str, place: tzinfo | None, budget: Budget) -> datetime:
    budget.charge(_PARSE_STEPS)
    try:
        moment = datetime.strptime(text, _short(pattern))  # noqa: DTZ007 -- the zone comes next
    except (ValueError, OverflowError, re.error):
        raise EvalFault("text does not have the format of time.parse", "conversion") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=place or UTC)
    return to_utc(moment)


def _format(moment: datetime, pattern: str, place: tzinfo, limit: int) -> str:
    try:
        return str(sized(moment.astimezone(place).strftime(_short(pattern)), limit))
    except (ValueError, OverflowError):
        raise EvalFault("time.format cannot use this format", "argument") from None


def functions(default: str) -> list[Function]:
    """The functions of this family; ``default`` names the zone of texts without offset, or is empty."""
    home = zone(default) if default else None
    return [
        Function(
            "timestamp",
            (
                Overload(("string",), "timestamp", lambda text: parse_instant(text, home)),
                Overload(("timestamp",), "timestamp", lambda value: value),
                Overload(("int",), "timestamp", _seconds),
            ),
            "A timestamp of RFC 3339 text or of seconds since 1970.",
            "timestamp('1970-01-01T00:01:00Z') == timestamp(60)",
        ),
        Function(
            "duration",
            (
                Overload(("string",), "duration", parse_duration),
                Overload(("duration",), "duration", lambda value: value),
            ),
            "A duration of text such as 1h30m.",
            "duration('1h30m') == duration('5400s')",
        ),
        *(_part(position) for position in range(len(_PARTS))),
        *(_unit(*unit) for unit in (("ms", 1000, 1000), ("s", 10**6, 1), ("us", 1, 10**6))),
        _parser(home),
        _formatter(home),
    ]


def _unit(name: str, scale: int, one_second: int) -> Function:
    doc = f"A timestamp of {name} since 1970."
    example = f"time.{name}({one_second}) == timestamp('1970-01-01T00:00:01Z')"
    return plain(f"time.{name}", "int|double", "timestamp", _micros(scale), doc, example)


def _parser(home: tzinfo | None) -> Function:
    def parse(text: str, pattern: str, budget: Budget) -> datetime:
        return _parse(text, pattern, home, budget)

    zoned = Overload(
        ("string", "string", "string"),
        "timestamp",
        lambda text, pattern, name, budget: _parse(text, pattern, zone(name), budget),
        charging=True,
    )
    return Function(
        "time.parse",
        (zoned, Overload(("string", "string"), "timestamp", parse, charging=True)) if home else (zoned,),
        "A timestamp of text in a strftime format; the zone is that of a text without offset.",
        "time.parse('02/01/2024 10', '%d/%m/%Y %H', 'Asia/Ho_Chi_Minh') == timestamp('2024-01-02T03:00:00Z')",
        checks={2: ZONE},
    )


def _formatter(home: tzinfo | None) -> Function:
    def zoned(moment: datetime, pattern: str, name: str, limit: int) -> str:
        return _format(moment, pattern, zone(name), limit)

    def at_home(moment: datetime, pattern: str, limit: int) -> str:
        return _format(moment, pattern, home or UTC, limit)

    overloads = [Overload(("timestamp", "string", "string"), "string", zoned, bounded=True)]
    if home:
        overloads.append(Overload(("timestamp", "string"), "string", at_home, bounded=True))
    return Function(
        "time.format",
        tuple(overloads),
        "Text of a timestamp in a strftime format, as it is in the zone.",
        "time.format(timestamp('2024-01-01T20:00:00Z'), '%Y-%m-%d', 'Asia/Ho_Chi_Minh') == '2024-01-02'",
        checks={2: ZONE},
    )
