"""Letters leave in the order in which their records were read first."""

from __future__ import annotations

import random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from bridge.model import Stream
from bridge.redrive.found import FoundLetter
from bridge.redrive.order import in_order, origin_of
from tests.redrive.lying import ORDER, TICKET, found


def letter(place: int, offset: int, partition: int = 0) -> FoundLetter:
    record = msgspec.structs.replace(ORDER, stream=Stream("shop", "orders", partition), offset=offset)
    return found(record, place=str(place))


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2)), max_size=40), st.integers(0, 2**16))
def test_each_stream_is_sorted_and_none_is_missing(places: list[tuple[int, int]], seed: int) -> None:
    """Several letters of one record keep the order in which they lie."""
    letters = [letter(place, offset, partition) for place, (offset, partition) in enumerate(places)]
    expected = [origin_of(one) for one in letters]
    random.Random(seed).shuffle(expected)  # noqa: S311 - any order
    left = list(in_order(letters, expected))

    assert sorted(int(one.place) for one in left) == list(range(len(letters)))
    for partition in range(3):
        own = [(one.record.offset, int(one.place)) for one in left if one.record.stream.number == partition]
        assert own == sorted(own)


def test_one_that_lies_in_its_turn_waits_for_nobody() -> None:
    """Only what would overtake is kept back."""
    letters = [letter(0, 5), letter(1, 9), letter(2, 7), letter(3, 1, partition=1)]
    drawn = [one.place for one in in_order(letters, [origin_of(one) for one in letters])]

    assert drawn == ["0", "2", "1", "3"]


def test_letters_of_a_queue_keep_the_order_in_which_they_lie() -> None:
    """A delivery tag says nothing of it."""
    letters = [found(TICKET, place=str(place)) for place in range(3)]
    assert origin_of(letters[0]) is None
    assert list(in_order(letters, [None] * 3)) == letters


def test_what_was_expected_and_is_gone_holds_nobody_up() -> None:
    """Retention may take letters between two looks; it takes the first ones."""
    letters = [letter(0, 5), letter(1, 9)]
    assert list(in_order(letters[1:], [origin_of(one) for one in letters])) == letters[1:]
