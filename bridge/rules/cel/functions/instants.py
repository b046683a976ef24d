"""Timestamps and durations as text and back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from fractions import Fraction

from bridge.rules.cel.arithmetic import fit_duration
from bridge.rules.cel.faults import EvalFault

_INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]+))?)?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})?",
    re.ASCII,
)
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_MICROS: dict[str, int | Fraction] = {
    "ns": Fraction(1, 1000),
    "us": 1,
    "µs": 1,
    "μs": 1,
    "ms": 1000,
    "s": 10**6,
    "m": 60 * 10**6,
    "h": 3600 * 10**6,
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_MAX_DIGITS = 64
# Up to 2038 a double of seconds is nearer to its microsecond than half of one.
_EXACT = 2**31 * 10**6


def parse_instant(text: str, zone: tzinfo | None) -> datetime:
    """RFC 3339 text as a timestamp; digits beyond microseconds are cut off.

    Args:
        text: the text; without an offset also date-only or with a blank for ``T``.
        zone: of a text without offset.

    Returns:
        The timestamp in UTC.

    Raises:
        EvalFault: it is no timestamp, is out of range, or has no offset and there is no zone.
    """
    match = _INSTANT.fullmatch(text) if len(text) <= _MAX_DIGITS else None
    if match is None:
        raise EvalFault("text is no timestamp", "conversion")
    date, time, fraction, offset = match.groups()
    if offset is None and zone is None:
        raise EvalFault("timestamp has no offset, and there is no default time zone", "conversion")
    if time is None and offset is not None:
        raise EvalFault("text is no timestamp", "conversion")
    try:
        naive = datetime.fromisoformat(
            f"{date}T{time or '00:00:00'}.{(fraction or '0')[:6]:0<6}{offset or ''}".upper()
        )
        return to_utc(naive if offset else naive.replace(tzinfo=zone))
    except (ValueError, OverflowError):
        raise EvalFault("timestamp is out of range", "conversion") from None


def to_utc(moment: datetime) -> datetime:
    """A zoned time in UTC: of a repeated hour the first, a missing hour moved forward.

    Raises:
        EvalFault: out of range.
    """
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise EvalFault("timestamp is out of range", "overflow") from None


def from_epoch(micros: int) -> datetime:
    """The timestamp of microseconds since 1970.

    Raises:
        EvalFault: out of range.
    """
    if 0 <= micros < _EXACT:
        return datetime.fromtimestamp(micros / 10**6, UTC)
    try:
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        raise EvalFault("timestamp is out of range", "overflow") from None


def epoch_seconds(moment: datetime) -> int:
    """Whole seconds since 1970, rounded down."""
    return (moment - _EPOCH) // _SECOND


def instant_text(moment: datetime) -> str:
    """RFC 3339 in UTC; a fraction only where there is one, without trailing zeros."""
    text = moment.replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if moment.microsecond else text) + "Z"


def parse_duration(text: str) -> timedelta:
    """``1h30m``, ``-1.5s`` and the like as a duration; digits beyond microseconds are cut off.

    Raises:
        EvalFault: it is no duration, or is out of range.
    """
    if len(text) > _MAX_DIGITS:
        raise EvalFault("text is no duration", "conversion")
    sign, body = (-1, text[1:]) if text[:1] == "-" else (1, text[text[:1] == "+" :])
    parts = _PART.findall(body)
    if "".join(digits + unit for digits, unit in parts) != body or not body:
        if body == "0":
            return timedelta()
        raise EvalFault("text is no duration", "conversion")
    micros = sum(Fraction(f"0{digits}".rstrip(".")) * _MICROS[unit] for digits, unit in parts)
    try:
        return fit_duration(timedelta(microseconds=sign * int(micros)))
    except OverflowError:
        raise EvalFault("duration is out of range", "overflow") from None


def duration_text(value: timedelta) -> str:
    """Seconds with an ``s``, a fraction only where there is one."""
    seconds, micros = divmod(abs(value) // timedelta(microseconds=1), 10**6)
    sign = "-" if value < timedelta() else ""
    return f"{sign}{seconds}" + (f".{micros:06d}".rstrip("0") if micros else "") + "s"
