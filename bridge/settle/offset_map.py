"""What is finished beyond a commit, packed into the commit's own metadata. Pure.

A commit says "everything below this offset is settled". The map says the rest: which records above it are
settled too, which events of the others are final, and what was spent on those that are not. A restart,
a rebalance or a kill then sends again only what was really unfinished.

**The invariant**: a map never calls a record finished, or one of its events final, before that is so. An
entry too few costs a duplicate, an entry too many loses a message; hence everything in doubt is left out:

* A map is trusted only for the very log and offset it was written for: it names both. Any other text,
  a damaged one or a newer version is ignored whole.
* Only what was handed over in the writer's own epoch, or was in the map that epoch began with, is in it;
  what ends after its epoch was fenced is in none.
* Offsets that were never handed over (compaction, transaction markers) count as whatever their neighbours
  are, and so cost nothing: the broker never delivers an offset that it has once passed over.
* A log that was cut and written anew (unclean leader election) has other records at the same offsets, of a
  later leader epoch than any the map's writer had read: from the first record of a later epoch on, the map
  is forgotten.
* Final events are named by index, and an index means something only to the rules that gave it: the map
  names the rules; for others the whole record is sent again.
* Where space ends, attempts of the latest offsets go first, then final events of the latest records, then
  the farthest finished offsets.

Text, since Kafka's metadata is a string: ``fb1:`` and base85 of digest of the log's name (12 bytes), base
offset, leader epoch + 1, finished set, final events, attempts, rules (8 bytes), CRC-32. Numbers are LEB128.
"""

from __future__ import annotations

import re
from base64 import b85decode, b85encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from zlib import crc32

import msgspec

from bridge.model import Attempts
from bridge.settle.offset_runs import Malformed, Range, Reader, read_ranges, write_number, write_ranges

FINGERPRINT_BYTES = 8
_VERSION = 1
_PREFIX = f"fb{_VERSION}:"
_ANY_PREFIX = re.compile(r"fb([1-9][0-9]{0,5}):")
_DIGEST_BYTES = 12
_CRC_BYTES = 4
_COUNTS_BYTES = 20
"""Two counts, the length of the set, and the time that others are counted from, at their largest."""


class Unusable(StrEnum):
    """Why a commit's metadata was ignored: the closed set of the metric's label."""

    FOREIGN = "foreign"
    TOO_NEW = "too_new"
    CORRUPT = "corrupt"
    OTHER_LOG = "other_log"
    """Another cluster, topic or offset than the assignment's."""


@dataclass(slots=True)
class Progress:
    """What is known of a record that is not finished; its parts are its events, then its faults.

    ``rules`` is the fingerprint of the rules that made ``total`` parts; ``final`` has one bit a part that
    is final; ``attempts`` those of parts that are not.
    """

    rules: bytes
    total: int
    final: int = 0
    attempts: dict[int, Attempts] = field(default_factory=dict)


class OffsetMap(msgspec.Struct, frozen=True):
    """All that one commit can say.

    ``finished`` are ranges of offsets above ``base``, rising and apart; ``progress`` is by offset, rising,
    of one and the same rules; ``leader_epoch`` is the latest of the records read, None where unknown.
    """

    base: int
    finished: Sequence[Range] = ()
    progress: Mapping[int, Progress] = {}
    leader_epoch: int | None = None


class Packed(msgspec.Struct, frozen=True):
    """``text`` for the commit; ``needed_characters`` for all but attempts, had there been room."""

    text: str
    needed_characters: int


def fingerprint_of(text: str) -> bytes:
    """A name of fixed size for whatever decides which parts a record has."""
    return blake2b(text.encode(), digest_size=FINGERPRINT_BYTES).digest()


def pack(log: str, content: OffsetMap, rules: bytes, most_characters: int) -> Packed:
    """Write a map.

    Args:
        log: names the partition's log for all time (cluster, topic id, partition).
        content: what to say.
        rules: the fingerprint in force; progress under any other is left out.
        most_characters: what the text may weigh.

    Returns:
        Empty text where there is nothing to say, or no room to say it.
    """
    telling = {at: one for at, one in content.progress.items() if one.rules == rules}
    finals = _finals(content.base, telling)
    if not content.finished and not telling:
        return Packed("", 0)
    head = _head(log, content.base, content.leader_epoch)
    overhead = len(head) + _COUNTS_BYTES + FINGERPRINT_BYTES + _CRC_BYTES
    room = _bytes_in(most_characters - len(_PREFIX)) - overhead
    finished, finished_needed = write_ranges(content.base, content.finished, max(room, 1))
    needed = _characters_of(overhead + finished_needed + sum(map(len, finals)))
    if room < 1:
        return Packed("", needed)
    room -= len(finished)
    kept_finals = _that_fit(finals, room)
    room -= sum(map(len, kept_finals))
    since_ms, attempts = _attempts(content.base, telling)
    body = _body(head, finished, kept_finals, since_ms, _that_fit(attempts, room), rules)
    return Packed(_PREFIX + b85encode(body + crc32(body).to_bytes(_CRC_BYTES)).decode(), needed)


def _bytes_in(characters: int) -> int:
    """Base85: four bytes are five characters, a rest of n bytes n + 1."""
    return characters // 5 * 4 + max(characters % 5 - 1, 0)


def _characters_of(size: int) -> int:
    return len(_PREFIX) + size // 4 * 5 + (size % 4 + 1 if size % 4 else 0)


def _head(log: str, base: int, leader_epoch: int | None) -> bytes:
    out = bytearray(_digest(log))
    write_number(base, out)
    write_number(0 if leader_epoch is None else leader_epoch + 1, out)
    return bytes(out)


def _digest(log: str) -> bytes:
    return blake2b(log.encode(), digest_size=_DIGEST_BYTES).digest()


def _body(
    head: bytes,
    finished: bytes,
    finals: Sequence[bytes],
    since_ms: int,
    attempts: Sequence[bytes],
    rules: bytes,
) -> bytes:
    out = bytearray(head)
    write_number(len(finished), out)
    out += finished
    write_number(len(finals), out)
    out += b"".join(finals)
    write_number(len(attempts), out)
    if attempts:
        write_number(since_ms, out)
        out += b"".join(attempts)
    if finals or attempts:
        out += rules
    return bytes(out)


def _that_fit(chunks: Sequence[bytes], room: int) -> Sequence[bytes]:
    """The first ones; each counts its offset from the one before, so only the end can be left out."""
    for index, chunk in enumerate(chunks):
        room -= len(chunk)
        if room < 0:
            return chunks[:index]
    return chunks


def _finals(base: int, progress: Mapping[int, Progress]) -> list[bytes]:
    chunks, at = [], base
    for offset, one in progress.items():
        if one.final:
            out = bytearray()
            write_number(offset - at, out)
            write_number(one.total, out)
            out += one.final.to_bytes((one.total + 7) // 8, "little")
            chunks.append(bytes(out))
            at = offset
    return chunks


def _attempts(base: int, progress: Mapping[int, Progress]) -> tuple[int, list[bytes]]:
    """One chunk a part, and the time that the chunks' times are counted from, in ms."""
    spent = [(at, one.total, part, it) for at, one in progress.items() for part, it in one.attempts.items()]
    since_ms = min((it.first_failed_ms for *_, it in spent if it.first_failed_ms is not None), default=0)
    chunks, before = [], base
    for offset, total, part, it in spent:
        out = bytearray()
        failed = 0 if it.first_failed_ms is None else it.first_failed_ms - since_ms + 1
        for number in (offset - before, total, part, it.spent, it.tries, failed):
            write_number(number, out)
        chunks.append(bytes(out))
        before = offset
    return since_ms, chunks


def read(text: str, log: str, base: int) -> OffsetMap | Unusable:
    """Read a commit's metadata; never raises.

    Args:
        text: as it was committed, whoever wrote it; not empty.
        log: names the log that is assigned now.
        base: the offset that the metadata was committed with.
    """
    match = _ANY_PREFIX.match(text)
    if match is None:
        return Unusable.FOREIGN
    if match[0] != _PREFIX:
        return Unusable.TOO_NEW
    try:
        sealed = b85decode(text[match.end() :])
        body, crc = sealed[:-_CRC_BYTES], sealed[-_CRC_BYTES:]
        if crc32(body).to_bytes(_CRC_BYTES) != crc:
            return Unusable.CORRUPT
        return _read_body(Reader(body), log, base)
    except ValueError:
        return Unusable.CORRUPT


def _read_body(reader: Reader, log: str, base: int) -> OffsetMap | Unusable:
    if reader.take(_DIGEST_BYTES) != _digest(log) or reader.number() != base:
        return Unusable.OTHER_LOG
    leader_epoch = reader.number() - 1
    finished = read_ranges(base, reader.take(reader.number()))
    progress: dict[int, Progress] = {}
    has_finals = _each(reader, base, lambda offset: _read_final(reader, progress, offset))
    count = reader.number()
    since_ms = reader.number() if count else 0
    before = base
    for _ in range(count):
        before += reader.number()
        _read_attempts(reader, progress, before, since_ms)
    rules = reader.take(FINGERPRINT_BYTES) if has_finals or count else b""
    reader.end()
    for one in progress.values():
        one.rules = rules
    return OffsetMap(
        base, finished, dict(sorted(progress.items())), None if leader_epoch < 0 else leader_epoch
    )


def _each(reader: Reader, base: int, read_one: Callable[[int], None]) -> int:
    count, offset = reader.number(), base
    for _ in range(count):
        offset += reader.number()
        read_one(offset)
    return count


def _read_final(reader: Reader, progress: dict[int, Progress], offset: int) -> None:
    total = reader.number()
    final = int.from_bytes(reader.take((total + 7) // 8), "little")
    if offset in progress or not 0 < final < 1 << total:
        raise Malformed("final events that cannot be")
    progress[offset] = Progress(b"", total, final)


def _read_attempts(reader: Reader, progress: dict[int, Progress], offset: int, since_ms: int) -> None:
    total, part, spent, tries, failed = (reader.number() for _ in range(5))
    one = progress.setdefault(offset, Progress(b"", total))
    if part >= total or total != one.total or one.final >> part & 1 or part in one.attempts:
        raise Malformed("attempts that cannot be")
    one.attempts[part] = Attempts(spent, tries, since_ms + failed - 1 if failed else None)
