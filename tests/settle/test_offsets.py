"""The watermark: nothing unsettled is ever passed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.settle.offsets import Watermark


def read(*offsets: int) -> Watermark:
    mark = Watermark()
    for offset in offsets:
        mark.opened(offset)
    return mark


def test_it_stands_nowhere_before_the_first_record() -> None:
    """Nothing read, nothing to commit."""
    assert Watermark().position is None


def test_an_open_record_holds_it() -> None:
    """Later records that settle first wait behind the open one."""
    mark = read(5, 6, 7)
    mark.settled(6)
    mark.settled(7)

    assert mark.position == 5
    assert mark.finished_ahead == 2


def test_it_jumps_over_all_that_waited() -> None:
    """When the head settles, everything settled behind it is passed at once."""
    mark = read(5, 6, 7)
    mark.settled(7)
    mark.settled(6)
    mark.settled(5)

    assert mark.position == 8
    assert mark.finished_ahead == 0


def test_gaps_of_the_broker_are_no_holes() -> None:
    """Compaction and transaction markers leave offsets out; order read is what counts."""
    mark = read(10, 40, 41)
    mark.settled(10)

    assert mark.position == 40


def test_gaps_between_open_records_are_no_finished_runs() -> None:
    """They cost nothing in the map; behind an open record only what was read and settled is finished."""
    mark = read(10, 40, 41, 90)

    assert mark.finished() == []
    mark.settled(40)
    assert mark.finished() == [(11, 41)]
    mark.settled(90)
    assert mark.finished() == [(11, 41), (42, 91)]


def test_what_an_earlier_epoch_finished_is_settled_when_it_is_read() -> None:
    """It is no open record, and stays in the map until the watermark has passed it."""
    mark = Watermark([(12, 14), (20, 30)])

    assert [mark.opened(offset) for offset in (10, 12, 13, 14)] == [True, False, False, True]
    assert mark.position == 10
    assert mark.finished() == [(11, 14), (20, 30)]
    mark.settled(10)
    mark.settled(14)
    assert mark.position == 15
    assert mark.finished() == [(20, 30)]
    assert not mark.opened(29)
    assert mark.position == 30
    assert mark.finished() == []


def test_a_record_in_the_place_of_a_finished_one_is_not_finished() -> None:
    """The log was cut and written anew: what lies there now was never delivered."""
    mark = Watermark([(10, 20)])

    assert not mark.opened(10)
    mark.distrust()
    assert mark.opened(11)
    assert mark.position == 11
    assert mark.finished() == []


def test_an_offset_read_twice_is_a_fault() -> None:
    """Two records at one offset in one epoch would hide one of them."""
    with pytest.raises(ValueError, match="read after"):
        read(5, 5)


@given(st.data())
def test_it_is_the_lowest_unsettled_in_any_order_of_completion(data: st.DataObject) -> None:
    """Against a model: the minimum of what is open, whatever settles first."""
    offsets = sorted(data.draw(st.sets(st.integers(0, 10_000), min_size=1, max_size=60)))
    order = data.draw(st.permutations(offsets))
    mark = read(*offsets)
    open_offsets = set(offsets)

    for offset in order:
        mark.settled(offset)
        open_offsets.remove(offset)

        assert mark.position == min(open_offsets, default=offsets[-1] + 1)
