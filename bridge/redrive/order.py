"""The order in which records were read first, brought back to letters that were written in another. Pure.

A refused event becomes a letter when the API has answered, a rule's fault at once: so of two letters of
one user the later record's may lie first. Records of Kafka and of files have offsets, by which their letters
are sorted again; letters of a queue have none and keep the order in which they lie.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import NamedTuple

from bridge.model import Stream
from bridge.redrive.found import FoundLetter


class Origin(NamedTuple):
    """A place in an ordered stream."""

    stream: Stream
    offset: int


def origin_of(letter: FoundLetter) -> Origin | None:
    """Where the letter's record was read; None where that says nothing of its order."""
    record = letter.record
    return None if record.queue or "offset" not in letter.said else Origin(record.stream, record.offset)


def in_order(letters: Iterable[FoundLetter], expected: Iterable[Origin | None]) -> Iterator[FoundLetter]:
    """Letters by the offsets of their records, stream by stream; those that lie too early are kept back.

    Args:
        letters: as they lie.
        expected: the origins of all of them, in any order.
    """
    due: defaultdict[Stream, list[int]] = defaultdict(list)
    for origin in expected:
        if origin is not None:
            heappush(due[origin.stream], origin.offset)
    early: defaultdict[Stream, list[tuple[int, int, FoundLetter]]] = defaultdict(list)
    for number, letter in enumerate(letters):
        origin = origin_of(letter)
        if origin is None:
            yield letter
            continue
        waiting, offsets = early[origin.stream], due[origin.stream]
        heappush(waiting, (origin.offset, number, letter))
        while waiting and offsets[:1] == [waiting[0][0]]:
            heappop(offsets)
            yield heappop(waiting)[2]
    # What was due and did not come (retention took it meanwhile) holds nobody up for ever.
    for waiting in early.values():
        while waiting:
            yield heappop(waiting)[2]
