"""The decisions of a group member that need no broker: commits, assignment, link, starts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

import pytest

from bridge.consumers.base import Link
from bridge.consumers.kafka_assignment import Assignment
from bridge.consumers.kafka_client import EARLIEST, LATEST, Mark, Partition
from bridge.consumers.kafka_commits import ANSWER_SECONDS, RETRY_SECONDS, CommitQueue
from bridge.consumers.kafka_faults import fault_of
from bridge.consumers.kafka_link import LinkState
from bridge.consumers.kafka_records import UNREADABLE_HEADERS, record_of
from bridge.consumers.kafka_start import commit_and_confirm, commit_last, start_offsets, subscribed
from bridge.errors import ConnectionLost
from bridge.model import Position, Stream
from tests.contract.inbox import RecordingInbox

_ONE, _TWO = Stream("k", "t", 0), Stream("k", "t", 1)
_FAULT = fault_of("ILLEGAL_GENERATION", "generation")
_P0, _P1 = Partition("t", 0), Partition("t", 1)


def test_the_latest_position_of_a_stream_is_committed() -> None:
    """An older one that waits is replaced."""
    queue = CommitQueue()
    queue.want(Position(_ONE, 5, 1))
    queue.want(Position(_ONE, 9, 1))
    assert queue.take(0.0) == {_ONE: Position(_ONE, 9, 1)}


def test_one_commit_is_under_way_at_a_time() -> None:
    """What is settled meanwhile goes with the next one."""
    queue = CommitQueue()
    queue.want(Position(_ONE, 1, 1))
    queue.take(0.0)
    queue.want(Position(_TWO, 2, 1))
    assert queue.take(0.0) == {}
    assert queue.answered(_ONE, None, 0.0) == Position(_ONE, 1, 1)
    assert queue.take(0.0) == {_TWO: Position(_TWO, 2, 1)}


def test_a_failed_commit_is_repeated_after_a_rest() -> None:
    """The same position, unless there is a newer one."""
    queue = CommitQueue()
    queue.want(Position(_ONE, 1, 1))
    queue.want(Position(_TWO, 1, 1))
    queue.take(0.0)
    queue.want(Position(_TWO, 7, 1))
    for stream in (_ONE, _TWO):
        assert queue.answered(stream, _FAULT, 0.0) is None
    assert queue.take(RETRY_SECONDS / 2) == {}
    assert queue.take(RETRY_SECONDS) == {_ONE: Position(_ONE, 1, 1), _TWO: Position(_TWO, 7, 1)}


def test_an_answer_for_a_forgotten_stream_brings_nothing_back() -> None:
    """A revoked stream's failed commit is not repeated by the old owner."""
    queue = CommitQueue()
    queue.want(Position(_ONE, 1, 1))
    queue.take(0.0)
    queue.forget([_ONE])
    assert queue.answered(_ONE, _FAULT, 0.0) is None
    assert queue.take(100.0) == {}


def test_metadata_that_is_too_large_is_left_out_the_second_time() -> None:
    """The bare offset is worth more than no commit."""
    queue = CommitQueue()
    queue.want(Position(_ONE, 4, 1, "x" * 5000))
    queue.take(0.0)
    queue.answered(_ONE, fault_of("OFFSET_METADATA_TOO_LARGE", ""), 0.0)
    assert queue.take(1.0) == {_ONE: Position(_ONE, 4, 1)}


def test_a_commit_without_any_answer_does_not_end_commits_for_good() -> None:
    """After a minute it counts as lost."""
    queue = CommitQueue()
    queue.want(Position(_ONE, 4, 1))
    queue.take(0.0)
    assert queue.take(ANSWER_SECONDS + 1) == {_ONE: Position(_ONE, 4, 1)}


def test_what_is_not_known_to_be_committed_is_what_a_revocation_commits() -> None:
    """Waiting positions win over those under way."""
    queue = CommitQueue()
    queue.want(Position(_ONE, 1, 1))
    queue.want(Position(_TWO, 1, 1))
    queue.take(0.0)
    queue.want(Position(_ONE, 2, 1))
    assert queue.latest([_ONE]) == {_ONE: Position(_ONE, 2, 1)}
    assert queue.latest([_TWO]) == {_TWO: Position(_TWO, 1, 1)}


def test_each_assignment_has_a_larger_epoch() -> None:
    """Also when the partition is the same."""
    assignment = Assignment("k")
    first = assignment.begin([_P0])[_ONE]
    assignment.end([_P0])
    assert assignment.epoch(_ONE) is None
    assert assignment.begin([_P0])[_ONE] > first


def test_a_pause_is_put_on_again_after_a_reassignment() -> None:
    """The client forgets it with the partition, the loop does not say it twice."""
    assignment = Assignment("k")
    assignment.begin([_P0, _P1])
    assignment.wanted_paused.add(_ONE)
    assert assignment.change_pauses(everything=False) == ([_P0], [])
    assert assignment.change_pauses(everything=False) == ([], [])
    assignment.end([_P0])
    assignment.begin([_P0])
    assert assignment.change_pauses(everything=False) == ([_P0], [])


def test_throttling_ends_without_waking_what_the_loop_paused() -> None:
    """Everything stands still, then all but the paused ones go on."""
    assignment = Assignment("k")
    assignment.begin([_P0, _P1])
    assignment.wanted_paused.add(_ONE)
    assert assignment.change_pauses(everything=True) == ([_P0, _P1], [])
    assert assignment.change_pauses(everything=False) == ([], [_P1])


def test_an_outage_is_said_once() -> None:
    """Many failed attempts of one kind are one line, recovery another."""
    inbox = RecordingInbox()
    link = LinkState(inbox)
    for attempt in range(5):
        link.suspect(fault_of("_TRANSPORT", f"connection refused, attempt {attempt}"))
        link.suspect(fault_of("_ALL_BROKERS_DOWN", "1/1 brokers are down"))
        link.down("h:9092", "timed out")
    link.up(Link.CONNECTED)
    link.up(Link.CONNECTED)
    assert [state for state, _ in inbox.links] == [Link.CONNECTING, Link.CONNECTED]
    assert "h:9092" in inbox.links[0][1]
    assert "connection refused" in inbox.links[0][1]


def test_refused_credentials_are_named_although_all_brokers_are_down_too() -> None:
    """The cause that an operator can act on wins."""
    inbox = RecordingInbox()
    link = LinkState(inbox)
    link.suspect(fault_of("_ALL_BROKERS_DOWN", "1/1 brokers are down"))
    link.suspect(fault_of("_AUTHENTICATION", "SASL authentication error"))
    link.suspect(fault_of("_ALL_BROKERS_DOWN", "1/1 brokers are down"))
    link.down("h:9092", "timed out")
    assert "security" in inbox.links[-1][1]


class _OddMessage:
    """A message with a header name of other bytes than UTF-8: the client raises on every look."""

    def topic(self) -> str:
        return "t"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return 7

    def key(self) -> bytes | None:
        return None

    def value(self) -> bytes | None:
        return b"body"

    def headers(self) -> object:
        return b"\xff".decode()

    def timestamp(self) -> tuple[int, int]:
        return 0, -1

    def leader_epoch(self) -> int | None:
        return None


def test_a_header_name_that_is_not_text_does_not_stop_the_partition() -> None:
    """The body goes on; a header of ours says what is missing."""
    record = record_of(_OddMessage(), _ONE, 1)
    assert (record.value, record.offset, record.timestamp_ms) == (b"body", 7, None)
    assert record.headers == ((UNREADABLE_HEADERS, b"true"),)


class _Group:
    """A group's offsets as start_offsets sees them; commits are visible at once unless ``is_deaf``."""

    def __init__(self, ends: Mapping[Partition, int], *, is_deaf: bool = False) -> None:
        self.ends = dict(ends)
        self.marks: dict[Partition, Mark] = {}
        self.is_deaf = is_deaf

    def committed(
        self, partitions: Collection[Partition], timeout_seconds: float
    ) -> dict[Partition, Mark | None]:
        return {partition: self.marks.get(partition) for partition in partitions}

    def offsets_at(
        self, partitions: Collection[Partition], time_ms: int, timeout_seconds: float
    ) -> dict[Partition, int]:
        by_time = {EARLIEST: lambda _: 0, LATEST: self.ends.__getitem__}
        return {p: by_time.get(time_ms, lambda _: time_ms % 100)(p) for p in partitions}

    def partitions(self, timeout_seconds: float) -> list[Partition]:
        return [*self.ends, Partition("other", 0)]

    def commit(self, marks: Mapping[Partition, Mark]) -> None:
        if not self.is_deaf:
            self.marks.update(marks)


def test_a_new_group_starts_where_it_says_and_commits_that_for_all_partitions() -> None:
    """So a member that comes a moment later does not take its partitions for new ones."""
    group = _Group({_P0: 10, _P1: 20})
    assert start_offsets(group, [_P0], ["t"], "latest") == {_P0: Mark(10)}
    assert group.marks == {_P0: Mark(10), _P1: Mark(20)}
    group.ends[_P1] = 25
    assert start_offsets(group, [_P1], ["t"], "latest") == {_P1: Mark(20)}


def test_a_partition_found_later_is_read_from_its_beginning() -> None:
    """``latest`` would lose what was written before it was noticed."""
    group = _Group({_P0: 10, _P1: 20})
    group.marks[_P0] = Mark(3)
    assert start_offsets(group, [_P0, _P1], ["t"], "latest") == {_P0: Mark(3), _P1: Mark(0)}


def test_a_start_time_is_resolved_once() -> None:
    """It is asked in ms since 1970."""
    group = _Group({_P0: 10})
    start = datetime.fromtimestamp(1_700_000_000.042, UTC)
    assert start_offsets(group, [_P0], ["t"], start) == {_P0: Mark(42)}


def test_nothing_is_read_before_its_start_is_committed() -> None:
    """Without the broker's word the partition waits."""
    group = _Group({_P0: 10}, is_deaf=True)
    assert not commit_and_confirm(group, {_P0: Mark(1)}, 0.05)


class _BusyGroup(_Group):
    """Rebalances: the first commits are refused, and nobody serves the callback that says so."""

    refuses = 2

    def commit(self, marks: Mapping[Partition, Mark]) -> None:
        self.refuses -= 1
        if self.refuses < 0:
            super().commit(marks)


def test_a_commit_that_a_rebalance_refuses_is_sent_again() -> None:
    """Else all that was settled since the last one would be delivered again by the next member."""
    group = _BusyGroup({_P0: 10})
    assert commit_and_confirm(group, {_P0: Mark(7)}, 5.0)
    assert group.marks == {_P0: Mark(7)}


def test_what_was_kept_with_an_offset_is_handed_on() -> None:
    """The map of finished offsets comes with the commit it belongs to."""
    group = _Group({_P0: 10})
    group.marks[_P0] = Mark(3, "map")
    assert start_offsets(group, [_P0], ["t"], "latest") == {_P0: Mark(3, "map")}


class _NarrowGroup(_Group):
    """Takes no metadata."""

    def commit(self, marks: Mapping[Partition, Mark]) -> None:
        self.marks.update({partition: mark for partition, mark in marks.items() if not mark.metadata})


def test_the_last_commit_is_bare_where_metadata_is_refused() -> None:
    """The offset is worth more than no commit; nobody can be asked any more then."""
    group = _NarrowGroup({_P0: 10, _P1: 10})
    assert commit_last(group, {_P0: Mark(4, "map"), _P1: Mark(5)}, 0.1)
    assert group.marks == {_P0: Mark(4), _P1: Mark(5)}


def test_patterns_match_from_the_start_of_a_name() -> None:
    """As librdkafka reads them."""
    all_of_them = [Partition("shop.orders", 0), Partition("my.shop.orders", 0), Partition("x", 0)]
    assert subscribed(all_of_them, [r"^shop\..*", "x"]) == [Partition("shop.orders", 0), Partition("x", 0)]


def test_an_error_that_may_pass_is_a_lost_connection() -> None:
    """Who catches it tries again."""
    with pytest.raises(ConnectionLost):
        raise fault_of("_TRANSPORT", "gone").as_error()
