"""Marks: entries of a store that say which of its letters were accepted. Pure.

**Invariant**: a mark is written after its letter's events were accepted, never before. A mark that is
missing is a duplicate with the same ``event_id``, a mark too many would be a loss: so it names the
letter's place and all its bytes, and counts only where both are so.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from bridge.model import Record
from bridge.redrive.found import FoundLetter

_REDRIVEN, _LETTER, _DIGEST = "bridge-redriven", "bridge-letter", "bridge-letter-digest"


class Mark(NamedTuple):
    """Which letter was accepted."""

    place: str
    digest: str


def mark_of(letter: FoundLetter) -> Mark:
    """What a mark of the letter says."""
    return Mark(letter.place, letter.digest)


def mark_entry(letter: FoundLetter, now: datetime) -> Record:
    """The entry to append: no body, so that whoever reads the store as a source filters it."""
    said = {
        _REDRIVEN: now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        _LETTER: letter.place,
        _DIGEST: letter.digest,
        "bridge-source": letter.said.get("source", ""),
        "bridge-event-id": letter.said.get("event-id", ""),
    }
    headers = tuple((name, value.encode()) for name, value in said.items() if value)
    record = letter.record
    key = f"{_REDRIVEN}:{letter.place}".encode()
    return Record(record.stream, 0, 0, None, key=key, headers=headers, queue=record.queue)


def read_mark(entry: Record) -> Mark | None:
    """The mark that an entry is; None where it is none. A letter is never a mark."""
    if entry.value is not None:
        return None
    said = dict(entry.headers)
    if _REDRIVEN not in said or "bridge-reason" in said:
        return None
    place, digest = (said.get(name) or b"" for name in (_LETTER, _DIGEST))
    return Mark(place.decode(errors="replace"), digest.decode(errors="replace"))
