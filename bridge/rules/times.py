"""Texts and instants → the time formats of the payload. Pure.

The wire form is RFC 3339, UTC, three digits and ``Z``; further digits are cut off. A repeated local hour
means the first; one that a clock change leaves out is moved forward (PEP 495, fold 0).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

_encode = msgspec.json.Encoder().encode
_CANONICAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?Z", re.ASCII)
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d+))?)?\s?([Zz]|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = _EPOCH.toordinal()
_NOTHING = timedelta(0)
WIRE_CHARS: Final = 24
"""Of the wire form; a text of this length is either in it, or is brought into it by ``timestamp_of`` too."""
# Up to 2038 a double of seconds is nearer to its millisecond than half a microsecond.
_EXACT = 2**31 * 1000
_DAY_MS: Final = 86_400_000


class NoTime(ValueError):
    """A text that is no time; the message holds none of it."""


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo | None:
    """A time zone of the IANA database, or None when it has none of this name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def instant(text: str, zone: ZoneInfo | None) -> datetime:
    """ISO 8601 text as an instant in UTC; date only and a space for ``T`` are accepted.

    Args:
        text: such as ``2024-07-15T07:58:13Z`` or ``2024-07-15 14:58:13``.
        zone: of texts without an offset.

    Raises:
        NoTime: another form, an impossible date, or neither offset nor ``zone``.
    """
    match = _ISO.fullmatch(text.strip())
    if match is None:
        raise NoTime("not an ISO 8601 time")
    date, minutes, seconds, digits, offset = match.groups()
    plain = f"{date}T{minutes or '00:00'}:{seconds or '00'}.{((digits or '') + '000000')[:6]}"
    try:
        moment = datetime.fromisoformat(plain + _offset(offset))
        if offset is None:
            if zone is None:
                raise NoTime("a time without an offset, and the file has no `timezone`")
            moment = moment.replace(tzinfo=zone)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise error if isinstance(error, NoTime) else NoTime("an impossible date or time") from None


def _offset(text: str | None) -> str:
    if text is None:
        return ""
    return "+00:00" if text in "Zz" else text


def format_time(moment: datetime) -> str:
    """The wire form of an aware instant."""
    if moment.tzinfo is not UTC and moment.utcoffset() != _NOTHING:
        moment = moment.astimezone(UTC)
    # msgspec writes a datetime many times faster than isoformat: "2024-07-15T07:58:13.250000Z", quoted.
    text = _encode(moment)
    return f"{text[1:24].decode()}Z" if moment.microsecond else f"{text[1:20].decode()}.000Z"


def wire_time(text: str, zone: ZoneInfo | None = None) -> str | None:
    """The wire form of ISO text, or None when it is no time."""
    try:
        return format_time(instant(text, zone))
    except NoTime:
        return None


class _Memory:
    """The text found last: the events of one record mostly tell the same time."""

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last: tuple[str, ZoneInfo | None, tuple[str, int]] = ("", None, ("", 0))


_MEMORY: Final = _Memory()


def timestamp_of(text: str, zone: ZoneInfo | None) -> tuple[str, int]:
    """A payload's ``timestamp`` from text, and ms since 1970 UTC; what is in form already stays as it is.

    Raises:
        NoTime: see ``instant``.
    """
    known, of_zone, found = _MEMORY.last
    if text == known and zone is of_zone and text:
        return found
    found = _usual(text) or _timestamp_of(text, zone)
    _MEMORY.last = (text, zone, found)
    return found


def _usual(text: str) -> tuple[str, int] | None:
    """Text in the wire form with its three digits, without a regular expression; None for all else."""
    if (
        len(text) != WIRE_CHARS
        or text[10] != "T"
        or text[23] != "Z"
        or text[19] != "."
        or text[4] != "-"
        or text[7] != "-"
        or text[13] != ":"
        or text[16] != ":"
    ):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    days = moment.toordinal() - _EPOCH_DAY
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
    return text, days * _DAY_MS + seconds * 1000 + moment.microsecond // 1000


def _timestamp_of(text: str, zone: ZoneInfo | None) -> tuple[str, int]:
    if _CANONICAL.fullmatch(text):
        try:
            return text, milliseconds(datetime.fromisoformat(text))
        except ValueError:
            raise NoTime("an impossible date or time") from None
    moment = instant(text, zone)
    return format_time(moment), milliseconds(moment)


def milliseconds(moment: datetime) -> int:
    """Ms since 1970 UTC of an aware instant, further digits cut off."""
    since = moment - _EPOCH
    return since.days * _DAY_MS + since.seconds * 1000 + since.microseconds // 1000


def at_milliseconds(number: int) -> datetime | None:
    """The instant so many ms after 1970 UTC; None beyond the years 1 to 9999."""
    if 0 <= number < _EXACT:
        return datetime.fromtimestamp(number / 1000, UTC)
    try:
        return _EPOCH + timedelta(milliseconds=number)
    except OverflowError:
        return None
