"""A dead letter as it lies in its store → what it says, and the record that it was. Pure.

``settle.letters`` wrote it: the original's headers, then ours, each ``bridge-…``. Taking ours away again
gives the record as its source gave it, and with that the same ``event_id``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

import msgspec

from bridge.model import Headers, Quiet, Record, Stream
from bridge.settle.letters import OURS

_REASON = "bridge-reason"
_PROPERTIES = ("content-type", "content-encoding")
"""What ``headers_for_kafka`` adds behind ours."""


class FoundLetter(Quiet, frozen=True, gc=True):
    """One letter.

    Args:
        place: where it lies, as a person types it.
        digest: of all its bytes, so that a mark is never taken for another letter's.
        record: what it was before it was a letter.
        said: our headers without ``bridge-``.
    """

    place: str
    digest: str
    record: Record
    said: Mapping[str, str]

    @property
    def reason(self) -> str:
        """Why it is dead."""
        return self.said.get("reason", "")

    @property
    def rule(self) -> str:
        """Whose fault it was; empty where no rule saw the record."""
        return self.said.get("rule", "")

    @property
    def event_index(self) -> str:
        """Which event of the rule it stands for, as ``emit.element``; empty: all of them."""
        return self.said.get("event-index", "")

    @property
    def redrives(self) -> int:
        """How often it was redriven in vain."""
        return max(0, _number(self.said.get("redrives")) or 0)

    @property
    def failed_ms(self) -> int | None:
        """When it failed first, ms since 1970; where the letter does not say, the time of its record."""
        return _time_ms(self.said.get("first-failed-at")) or self.record.timestamp_ms

    @property
    def is_reference(self) -> bool:
        """Its body stayed where it was read."""
        return self.said.get("body") == "reference"

    @property
    def origin(self) -> str:
        """Where its record was read, in one word."""
        name, record = self.record.stream.name, self.record
        return name if record.queue else f"{name}:{record.stream.number}@{record.offset}"


def read_letter(place: str, entry: Record) -> FoundLetter | None:
    """The letter that an entry of a store is; None where it is none.

    Args:
        place: of the entry in its store.
        entry: key, body, headers and properties as they lie there.
    """
    ours = _ours(entry.headers)
    if not ours:
        return None
    said = {entry.headers[i][0].removeprefix("bridge-"): _text(entry.headers[i][1]) for i in sorted(ours)}
    digest = digest_of(entry)
    return FoundLetter(place, digest, _original(entry, said, ours, digest), said)


def in_letter_order(headers: Headers) -> Headers:
    """Ours behind the record's, ``bridge-reason`` first, as they were written.

    For stores that keep no order of headers, such as quorum queues: ``headers_for_rabbitmq`` leaves there no
    header of such a name that is not the letter's.
    """
    return tuple(sorted(headers, key=lambda pair: (pair[0] in OURS, pair[0] != _REASON)))


def digest_of(entry: Record) -> str:
    """Names an entry by its bytes."""
    return hashlib.sha256(msgspec.msgpack.encode((entry.key, entry.value, entry.headers))).hexdigest()[:32]


def _ours(headers: Headers) -> Collection[int]:
    """Which of an entry's headers say what the letter says, by number; none: it is no letter.

    They stand behind the record's, ``bridge-reason`` first: what a producer or an earlier letter said under
    such a name is not believed.
    """
    last = {name: i for i, (name, _) in enumerate(headers) if name in OURS}
    start = last.get(_REASON)
    if start is None:
        return ()
    return {i for i in last.values() if i >= start}


def _original(entry: Record, said: Mapping[str, str], ours: Collection[int], digest: str) -> Record:
    queue = "queue" in said
    name = said.get("queue") or said.get("topic") or ""
    content_type, content_encoding, headers = _unmixed(entry, queue=queue)
    message_id = said.get("message-id")
    return Record(
        Stream(said.get("source", ""), name, _number(said.get("partition")) or 0),
        _number(said.get("offset")) or 0,
        0,
        entry.value,
        key=entry.key if entry.key is not None else _key(entry.headers, ours),
        headers=headers,
        timestamp_ms=_time_ms(said.get("timestamp")),
        queue=queue,
        routing_key=said.get("routing-key"),
        message_id=message_id,
        content_type=content_type,
        content_encoding=content_encoding,
        nonce=said.get("nonce", digest) if queue and not message_id else "",
    )


def _unmixed(entry: Record, *, queue: bool) -> tuple[str | None, str | None, Headers]:
    """Content type, encoding, and the record's own headers. Only a queue's records have the first two."""
    if not queue or entry.queue:  # a queue of letters has properties of its own, and so has a line of a file
        own = tuple(pair for pair in entry.headers if pair[0] not in OURS)
        return (entry.content_type, entry.content_encoding, own) if queue else (None, None, own)
    start = max(i for i, (name, _) in enumerate(entry.headers) if name == _REASON)
    added = {
        name.removeprefix("bridge-"): _text(value)
        for name, value in entry.headers[start:]
        if name.removeprefix("bridge-") in _PROPERTIES
    }
    own = tuple(
        (name, value)
        for i, (name, value) in enumerate(entry.headers)
        if name not in OURS and not (i > start and name in _PROPERTIES)
    )
    return added.get("content-type"), added.get("content-encoding"), own


def _key(headers: Headers, ours: Collection[int]) -> bytes | None:
    """A broker key where the store has no place for one."""
    return next((headers[i][1] for i in ours if headers[i][0] == "bridge-key"), None)


def _text(value: bytes | None) -> str:
    return (value or b"").decode(errors="backslashreplace")


def _number(text: str | None) -> int | None:
    try:
        return int(text) if text else None
    except ValueError:
        return None


def _time_ms(text: str | None) -> int | None:
    """ISO 8601 → ms since 1970; a time that no calendar has was written as a number."""
    if not text:
        return None
    if text.removeprefix("-").isdecimal():
        return _number(text)  # it might be read as ISO 8601 without its dashes
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
