"""A mark says of one letter, and no other, that it was accepted."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from bridge.config import Limits
from bridge.decode import decode
from bridge.model import Filtered
from bridge.record_lines import line_of, read_line
from bridge.redrive.found import read_letter
from bridge.redrive.marks import Mark, mark_entry, mark_of, read_mark
from tests.redrive.lying import ORDER, TICKET, entry_of, found

NOW = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("record", [ORDER, TICKET])
def test_a_mark_is_read_as_it_was_written(record: object) -> None:
    """Also out of a file of lines; it is no letter, and no event for whoever reads the file as a source."""
    letter = found(ORDER if record is ORDER else TICKET)
    entry = mark_entry(letter, NOW)
    lying = read_line(line_of(entry)).record("", 1, 0)

    assert read_mark(lying) == mark_of(letter) == Mark("1", letter.digest)
    assert read_letter("2", lying) is None
    assert decode(lying, "json", Limits()) == Filtered("tombstone")


def test_another_letter_at_the_same_place_is_not_marked() -> None:
    """Somebody edited the file, or made the topic anew."""
    other = found(msgspec.structs.replace(ORDER, value=b'{"user": "bob"}'))
    assert mark_of(found()) != mark_of(other)
    assert mark_of(found()) != mark_of(found(place="2"))


def test_a_letter_is_no_mark() -> None:
    """Whatever headers its record came with, with a body or without."""
    headers = (*ORDER.headers, ("bridge-redriven", b"x"), ("bridge-letter", b"1"))
    for value in (b"{}", None):
        entry = entry_of(msgspec.structs.replace(ORDER, headers=headers, value=value))
        assert read_mark(entry) is None
    assert read_mark(msgspec.structs.replace(ORDER, value=None)) is None
