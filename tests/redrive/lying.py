"""Letters as they lie in a store, written by the code that writes them."""

from __future__ import annotations

from bridge.model import Event, Headers, Reason, Record, Stream
from bridge.record_lines import line_of, read_line
from bridge.redrive.found import FoundLetter, read_letter
from bridge.settle.letters import Cause, write_letter

ORDER = Record(
    Stream("shop", "orders", 3),
    42,
    7,
    b'{"user": "ann", "seq": 1}',
    key=b"ann",
    headers=(("h", b"1"), ("h", b"2"), ("n", None)),
    timestamp_ms=1_700_000_000_123,
)
TICKET = Record(
    Stream("desk", "tickets"),
    9,
    1,
    b"{}",
    headers=(("content-type", b"own"),),
    queue=True,
    routing_key="a.b",
    content_type="application/json",
    content_encoding="gzip",
    nonce="n-1",
)


def event_of(record: Record, emit: int = 0, element: int = 0, kind: str = "track") -> Event:
    """An event that a rule made."""
    return Event("r", kind, emit, element, "default", "ann", None, "id-1", b"{}")


def entry_of(record: Record, cause: Cause | None = None, headers: Headers = ()) -> Record:
    """What a file of letters gives back for a letter."""
    letter = write_letter(record, cause or Cause(Reason.RULE_FAULT, "no such key", "r", "default"), "hash")
    line = read_line(line_of(letter.record, letter.headers + headers))
    return line.record("", 1, 0)


def found(record: Record = ORDER, cause: Cause | None = None, place: str = "1") -> FoundLetter:
    """The letter of a record, found again."""
    letter = read_letter(place, entry_of(record, cause))
    assert letter is not None
    return letter
