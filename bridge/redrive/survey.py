"""Looks through an archive once: which letters are meant, which were redriven, what else lies there.

Marks lie behind their letters, so nothing can be said of a letter before the end was read. Kept is the
place of each letter that is meant, not its body.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from bridge.redrive.archive import Archive, Entry
from bridge.redrive.decoding import Decoding
from bridge.redrive.feeding import off_the_loop
from bridge.redrive.filters import Filter, Where
from bridge.redrive.found import FoundLetter, read_letter
from bridge.redrive.marks import Mark, mark_of, read_mark
from bridge.redrive.order import Origin, origin_of


@dataclass(slots=True)
class Survey:
    """What was found.

    ``meant`` are the letters asked for that are not redriven yet, in the order they lie; ``redriven`` those
    that are. ``foreign`` counts entries that are neither letter nor mark, ``undecided`` letters that
    ``--where`` has no answer for.
    """

    meant: dict[Mark, Origin | None] = field(default_factory=dict)
    redriven: set[Mark] = field(default_factory=set)
    foreign: int = 0
    undecided: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)


async def look_through(
    archive: Archive, asked: Filter, where: Where | None, decoding: Decoding, *, with_redriven: bool = False
) -> Survey:
    """Read an archive to its end.

    Args:
        archive: what to look through.
        asked: which letters are meant.
        where: which of these.
        decoding: for ``where``.
        with_redriven: those that are redriven already are meant too.
    """
    survey, marks = Survey(), set[Mark]()
    found: dict[Mark, tuple[Origin | None, str, str]] = {}
    async for entry in off_the_loop(archive.read(), _bytes_of):
        letter = read_letter(entry.place, entry.record) if entry.record is not None else None
        if letter is not None:
            if asked.takes(letter) and await _takes(where, letter, decoding, survey):
                found[mark_of(letter)] = (origin_of(letter), letter.reason, letter.rule)
        elif entry.record is not None and (mark := read_mark(entry.record)) is not None:
            marks.add(mark)
        else:
            survey.foreign += 1
    survey.redriven = marks & found.keys()
    for mark, (origin, reason, rule) in found.items():
        if with_redriven or mark not in marks:
            survey.meant[mark] = origin
            survey.reasons[reason] += 1
            survey.rules[rule] += bool(rule)
    return survey


async def _takes(where: Where | None, letter: FoundLetter, decoding: Decoding, survey: Survey) -> bool:
    if where is None:
        return True
    answer = where.takes(letter, await decoding.event(letter))
    survey.undecided += answer is None
    return answer is True


def letters_of(archive: Archive, survey: Survey) -> Iterator[FoundLetter]:
    """The letters that are meant, as they lie; reads the archive a second time."""
    left = len(survey.meant)
    for entry in archive.read() if left else ():
        letter = read_letter(entry.place, entry.record) if entry.record is not None else None
        if letter is not None and mark_of(letter) in survey.meant:
            yield letter
            left -= 1
            if not left:
                return


def _bytes_of(entry: Entry) -> int:
    return len(entry.record.value or b"") if entry.record is not None else 0
