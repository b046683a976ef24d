"""Letters as a person reads them, and as a script does. Nothing of a payload but where it is asked for."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from bridge.logs import redacted
from bridge.model import Headers
from bridge.printable import json_text
from bridge.redrive.found import FoundLetter
from bridge.redrive.survey import Survey

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


def line(letter: FoundLetter, now_ms: int, *, redriven: bool) -> str:
    """One line: place, reason, rule, status, source, origin, age, what a redrive made of it."""
    said = letter.said
    cells = (
        (letter.place, 8),
        (letter.reason, 17),
        (letter.rule or "-", 20),
        (said.get("status", "-"), 3),
        (letter.record.stream.source, 12),
        (letter.origin, 24),
        (age(letter.failed_ms, now_ms), 4),
    )
    tail = ["redriven"] if redriven else []
    tail += [f"failed again {letter.redrives}x"] if letter.redrives else []
    text = "  ".join([*(redacted(cell).ljust(width) for cell, width in cells), *tail])
    return text.rstrip()


def age(time_ms: int | None, now_ms: int) -> str:
    """``3d``, ``2h``, ``5m``; ``?`` where it is not known."""
    if time_ms is None:
        return "?"
    seconds = max(0, now_ms - time_ms) // 1000
    size, unit = next((one for one in _UNITS if seconds >= one[0]), _UNITS[-1])
    return f"{seconds // size}{unit}"


def as_data(letter: FoundLetter, now_ms: int, *, redriven: bool) -> dict[str, Any]:
    """The same for a script."""
    said, record = letter.said, letter.record
    name = "queue" if record.queue else "topic"
    place = {} if record.queue else {"partition": record.stream.number, "offset": record.offset}
    failed_ms = letter.failed_ms
    status = said.get("status", "")
    return {
        "place": letter.place,
        "reason": letter.reason,
        "rule": letter.rule or None,
        "status": int(status) if status.isascii() and status.isdigit() else None,
        "error": redacted(said.get("error", "")),
        "source": record.stream.source,
        name: record.stream.name,
        **place,
        "destination": said.get("destination"),
        "event_id": said.get("event-id"),
        "failed_at": None if failed_ms is None else _iso(failed_ms),
        "age_seconds": None if failed_ms is None else max(0, now_ms - failed_ms) // 1000,
        "redrives": letter.redrives,
        "redriven": redriven,
    }


def whole(letter: FoundLetter, *, redriven: bool, payload: bool) -> str:
    """One letter in full: what is said of it, the record's own headers, its body where asked for."""
    record = letter.record
    lines = [f"place: {letter.place}", f"redriven: {'yes' if redriven else 'no'}"]
    lines += [f"{name}: {redacted(value)}" for name, value in letter.said.items()]
    if record.key is not None:
        lines.append(f"key: {_shown(record.key)}")
    for name in ("content_type", "content_encoding"):
        if (given := getattr(record, name)) is not None:
            lines.append(f"{name}: {redacted(given)}")
    lines.append(f"headers: {len(record.headers)}")
    lines += [f"  {redacted(name)}: {_shown(value)}" for name, value in record.headers]
    lines.append(f"body: {'none' if record.value is None else f'{len(record.value)} bytes'}")
    if payload and record.value is not None:
        lines.append(_shown(record.value))
    return "\n".join(lines) + "\n"


def whole_as_data(letter: FoundLetter, now_ms: int, *, redriven: bool, payload: bool) -> dict[str, Any]:
    """The same for a script; bytes that are no text are ``{"base64": …}``."""
    record = letter.record
    body = {"body": _data(record.value)} if payload else {}
    return {
        **as_data(letter, now_ms, redriven=redriven),
        "said": dict(letter.said),
        "key": _data(record.key),
        "headers": _header_data(record.headers),
        "body_bytes": None if record.value is None else len(record.value),
        **body,
    }


def counts(survey: Survey, *, with_redriven: bool) -> str:
    """How many of what."""
    parts = [f"{len(survey.meant)} letters"]
    parts += [", ".join(_counted(counter)) for counter in (survey.reasons, survey.rules) if counter]
    if survey.redriven:
        parts.append(f"{len(survey.redriven)} redriven" + ("" if with_redriven else ", not shown (--all)"))
    if survey.undecided:
        parts.append(f"{survey.undecided} that --where has no answer for")
    if survey.foreign:
        parts.append(f"{survey.foreign} entries that are no letters")
    return " · ".join(parts)


def as_json(data: dict[str, Any]) -> str:
    """One line."""
    return json_text(data) + "\n"


def _counted(counter: Counter[str]) -> list[str]:
    return [f"{redacted(name)} {count}" for name, count in counter.most_common() if count]


def _shown(value: bytes | None) -> str:
    if value is None:
        return "(none)"
    try:
        return redacted(value.decode())
    except UnicodeDecodeError:
        return f"base64 {b64encode(value).decode()}"


def _data(value: bytes | None) -> str | dict[str, str] | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(value or b"").decode()}


def _header_data(headers: Headers) -> list[tuple[str, str | dict[str, str] | None]]:
    return [(name, _data(value)) for name, value in headers]


def _iso(time_ms: int) -> str | None:
    try:
        moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
