"""What every consumer does, whatever broker it reads: the promises of ``bridge/consumers/base.py``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import pytest

from bridge.consumers.base import Consumer, Link, Settles
from bridge.model import Position, Record, Stream
from tests.contract.harness import Harness, Message
from tests.contract.inbox import RecordingInbox, close, done_with, eventually

Start = Callable[[RecordingInbox], Consumer]
_QUIET_SECONDS = 0.7


def _messages(count: int, first: int = 0) -> list[Message]:
    return [Message(b"body %d" % number) for number in range(first, first + count)]


def _bodies(records: Sequence[Record]) -> list[bytes | None]:
    return [record.value for record in records]


def _by_stream(records: Sequence[Record]) -> dict[Stream, list[Record]]:
    streams: dict[Stream, list[Record]] = {}
    for record in records:
        streams.setdefault(record.stream, []).append(record)
    return streams


def test_records_arrive_in_order_with_their_bytes_untouched(harness: Harness, start: Start) -> None:
    """Body, key and headers are the producer's, byte for byte; offsets grow."""
    abilities = harness.abilities
    sent = [Message(b"\x00\xff plain"), Message(b""), *_messages(50)]
    if abilities.null_values:
        sent.append(Message(None, key=b"gone" if abilities.keys else None))
    if abilities.keys:
        sent.append(Message(b"keyed", key=b"\xfe\x00"))
    sent.append(Message(b"with headers", headers=(("a", b"1"), ("b", b"2"))))
    if abilities.repeated_headers:
        sent.append(Message(b"odd headers", headers=(("a", b"\xff"), ("a", None), ("a", b""))))
    harness.produce(sent)
    inbox = RecordingInbox()
    start(inbox)
    received = inbox.wait_for_records(len(sent))
    assert [(r.value, r.key, r.headers) for r in received] == sent
    offsets = [r.offset for r in received]
    assert offsets == sorted(set(offsets))


def test_streams_are_announced_before_their_first_record(harness: Harness, start: Start) -> None:
    """``assigned`` comes first, and every record carries its stream's epoch."""
    for number in range(harness.abilities.streams):
        harness.produce(_messages(3), number)
    inbox = RecordingInbox()
    consumer = start(inbox)
    received = inbox.wait_for_records(3 * harness.abilities.streams)
    assert inbox.calls.index("assigned") < inbox.calls.index("records")
    assert all(record.epoch == inbox.epochs[record.stream] for record in received)
    assert len({record.stream for record in received}) == harness.abilities.streams
    assert {record.stream for record in received} <= consumer.stats.assigned


def test_consumed_total_counts_every_record_handed_over(harness: Harness, start: Start) -> None:
    """The total, the records and the statistics agree, batch by batch."""
    for number in range(harness.abilities.streams):
        harness.produce(_messages(1200), number)
    inbox = RecordingInbox()
    consumer = start(inbox)
    received = inbox.wait_for_records(1200 * harness.abilities.streams)
    assert inbox.totals[-1] == len(received) == consumer.stats.consumed_total
    assert inbox.totals == sorted(inbox.totals)


def test_what_is_settled_does_not_come_again(harness: Harness, start: Start) -> None:
    """After a restart reading goes on exactly behind what was settled."""
    harness.produce(_messages(10))
    first = RecordingInbox()
    consumer = start(first)
    received = first.wait_for_records(10)
    consumer.settle(done_with(received[:6], consumer.settles))
    assert eventually(lambda: consumer.stats.commits_ok > 0)
    close(consumer)
    second = RecordingInbox()
    start(second)
    again = second.wait_for_records(4)
    assert second.stays_at_most(4, _QUIET_SECONDS)
    assert _bodies(again) == _bodies(received[6:])


def test_metadata_is_kept_with_the_position_it_came_with(harness: Harness, start: Start) -> None:
    """The next assignment is told it, with its offset and a name of the log; a bare position erases it."""
    if not harness.abilities.keeps_metadata:
        pytest.skip("this broker keeps no metadata")
    harness.produce(_messages(6))
    first = RecordingInbox()
    consumer = start(first)
    received = first.wait_for_records(6)
    (position,) = done_with(received[:2], consumer.settles)
    assert consumer.stats.metadata_limit > 0
    assert first.kept[position.stream].log
    assert first.kept[position.stream].metadata == ""
    consumer.settle([position._replace(metadata="what finished")])
    assert eventually(lambda: consumer.stats.commits_ok > 0)
    close(consumer)
    second = RecordingInbox()
    consumer = start(second)
    again = second.wait_for_records(4)
    kept = second.kept[position.stream]
    assert (kept.offset, kept.metadata) == (position.offset, "what finished")
    assert kept.log == first.kept[position.stream].log
    second.answer = lambda _: done_with(again[:1], consumer.settles)
    close(consumer)
    third = RecordingInbox()
    start(third)
    third.wait_for_records(3)
    assert third.kept[position.stream].metadata == ""


def test_settling_just_before_close_is_not_forgotten(harness: Harness, start: Start) -> None:
    """Commands are carried out in the order given: close settles first."""
    harness.produce(_messages(5))
    first = RecordingInbox()
    consumer = start(first)
    consumer.settle(done_with(first.wait_for_records(5), consumer.settles))
    close(consumer)
    harness.produce(_messages(1, first=5))
    second = RecordingInbox()
    start(second)
    assert _bodies(second.wait_for_records(1)) == [b"body 5"]


def test_what_is_not_settled_comes_again(harness: Harness, start: Start) -> None:
    """Reading settles nothing by itself, nor does closing."""
    harness.produce(_messages(20))
    first = RecordingInbox()
    consumer = start(first)
    received = first.wait_for_records(20)
    close(consumer)
    second = RecordingInbox()
    start(second)
    assert _bodies(second.wait_for_records(20)) == _bodies(received)


def test_an_early_finish_never_skips_an_open_record(harness: Harness, start: Start) -> None:
    """A record finished out of turn does not settle the one before it."""
    harness.produce(_messages(5))
    first = RecordingInbox()
    consumer = start(first)
    received = first.wait_for_records(5)
    finished = [received[0], received[1], received[3]]
    if consumer.settles is Settles.WATERMARK:
        finished = received[:2]
    consumer.settle(done_with(finished, consumer.settles))
    close(consumer)
    expected = [one for one in received if one not in finished]
    second = RecordingInbox()
    start(second)
    assert sorted(_bodies(second.wait_for_records(len(expected))), key=str) == _bodies(expected)


def test_close_settles_what_the_loop_answers(harness: Harness, start: Start) -> None:
    """The loop's last positions are committed before the broker is left."""
    harness.produce(_messages(8))
    first = RecordingInbox()
    consumer = start(first)
    received = first.wait_for_records(8)
    first.answer = lambda _: done_with(received[:5], consumer.settles)
    close(consumer)
    assert len(first.revocations) == 1
    second = RecordingInbox()
    start(second)
    assert _bodies(second.wait_for_records(3)) == _bodies(received[5:])


def test_positions_of_an_old_epoch_are_ignored(harness: Harness, start: Start) -> None:
    """A settle that comes too late for its assignment changes nothing, and is counted."""
    harness.produce(_messages(4))
    first = RecordingInbox()
    consumer = start(first)
    received = first.wait_for_records(4)
    late = [p._replace(epoch=p.epoch - 1) for p in done_with(received, consumer.settles)]
    consumer.settle(late)
    assert eventually(lambda: consumer.stats.commits_fenced == len(late))
    close(consumer)
    second = RecordingInbox()
    start(second)
    assert _bodies(second.wait_for_records(4)) == _bodies(received)


def test_a_paused_stream_is_not_handed_over_until_it_is_resumed(harness: Harness, start: Start) -> None:
    """Pausing stops one stream, resuming goes on without a gap."""
    abilities = harness.abilities
    if not abilities.follows:
        pytest.skip("nothing can be produced after the start")
    harness.produce(_messages(3))
    inbox = RecordingInbox()
    consumer = start(inbox)
    stream = inbox.wait_for_records(3)[0].stream
    consumer.pause([stream])
    assert eventually(lambda: stream in consumer.stats.paused)
    harness.produce(_messages(40, first=3))
    assert inbox.stays_at_most(3 + abilities.records_after_pause, _QUIET_SECONDS)
    consumer.resume([stream])
    received = inbox.wait_for_records(43)
    assert inbox.stays_at_most(43 + abilities.duplicates_after_resume, _QUIET_SECONDS)
    assert list(dict.fromkeys(_bodies(received))) == [m.value for m in _messages(43)]


def test_other_streams_flow_while_one_is_paused(harness: Harness, start: Start) -> None:
    """A pause is a matter of its own stream."""
    abilities = harness.abilities
    if not abilities.follows or abilities.streams < 2:
        pytest.skip("needs two streams that are followed")
    harness.produce(_messages(1), 0)
    harness.produce(_messages(1), 1)
    inbox = RecordingInbox()
    consumer = start(inbox)
    inbox.wait_for_records(2)
    still = inbox.received[0].stream
    other = inbox.received[1].stream
    consumer.pause([still])
    assert eventually(lambda: still in consumer.stats.paused)
    for number in (0, 1):
        harness.produce(_messages(200, first=1), number)
    enough = 201
    assert inbox.wait_until(lambda: len(_by_stream(inbox.received)[other]) >= enough)
    assert len(_by_stream(inbox.received)[still]) <= 1 + abilities.records_after_pause


def test_nothing_is_handed_over_without_room(harness: Harness, start: Start) -> None:
    """While the loop has no room, records stay with the broker; all of them come later."""
    inbox = RecordingInbox()
    inbox.give_room(False)
    harness.produce(_messages(30))
    consumer = start(inbox)
    assert eventually(lambda: consumer.stats.last_progress_seconds > 0)
    assert inbox.stays_at_most(0, 3 * _QUIET_SECONDS)
    inbox.give_room(True)
    assert _bodies(inbox.wait_for_records(30)) == [m.value for m in _messages(30)]


def test_a_revoked_stream_is_drained_and_committed(harness: Harness, start: Start) -> None:
    """What the loop answers to a revocation is settled before the stream goes."""
    if not harness.abilities.revokes:
        pytest.skip("this broker takes nothing away")
    for number in range(harness.abilities.streams):
        harness.produce(_messages(10), number)
    first = RecordingInbox()
    consumer = start(first)
    received = _by_stream(first.wait_for_records(10 * harness.abilities.streams))

    def first_six(streams: Collection[Stream]) -> list[Position]:
        finished = [record for stream in streams for record in received[stream][:6]]
        return done_with(finished, consumer.settles)

    first.answer = first_six
    harness.revoke()
    assert first.wait_until(lambda: bool(first.revocations))
    revoked = first.revocations[0]
    first.answer = lambda _: ()
    close(consumer)
    second = RecordingInbox()
    start(second)
    expected = sum(4 if stream in revoked else 10 for stream in received)
    again = _by_stream(second.wait_for_records(expected))
    assert second.stays_at_most(expected, _QUIET_SECONDS)
    for stream in received:
        start_at = 6 if stream in revoked else 0
        assert _bodies(again[stream]) == _bodies(received[stream][start_at:])


@pytest.mark.own_broker
def test_a_lost_stream_is_fenced_and_nothing_is_committed(harness: Harness, start: Start) -> None:
    """After a loss the records come again in a new epoch, and late settles of the old one count nothing."""
    if not harness.abilities.loses:
        pytest.skip("this broker loses nothing")
    harness.produce(_messages(6))
    inbox = RecordingInbox()
    consumer = start(inbox)
    received = inbox.wait_for_records(6)
    harness.lose()
    assert inbox.wait_until(lambda: bool(inbox.losses))
    consumer.settle(done_with(received, consumer.settles))
    again = inbox.wait_for_records(12)[6:12]
    assert _bodies(again) == _bodies(received)
    assert min(record.epoch for record in again) > max(record.epoch for record in received)
    assert eventually(lambda: consumer.stats.commits_fenced > 0)
    assert not inbox.failures


@pytest.mark.own_broker
def test_a_dropped_connection_is_made_again(harness: Harness, start: Start) -> None:
    """After the broker was away, nothing is missing and the consumer lives."""
    if not harness.abilities.drops:
        pytest.skip("there is no connection")
    harness.produce(_messages(5))
    inbox = RecordingInbox()
    start(inbox)
    inbox.wait_for_records(5)
    harness.drop_connection()
    harness.produce(_messages(5, first=5))
    wanted = {message.value for message in _messages(10)}
    assert inbox.wait_until(lambda: {record.value for record in inbox.received} == wanted, 60)
    assert not inbox.failures
    states = [state for state, _ in inbox.links]
    assert states[-1] is Link.CONNECTED or inbox.wait_until(lambda: inbox.links[-1][0] is Link.CONNECTED)


def test_closing_twice_is_closing_once(harness: Harness, start: Start) -> None:
    """The second call waits for the same end; the last word is ``CLOSED``."""
    harness.produce(_messages(1))
    inbox = RecordingInbox()
    consumer = start(inbox)
    inbox.wait_for_records(1)
    one, two = consumer.close(5.0), consumer.close(5.0)
    one.result(timeout=15)
    two.result(timeout=15)
    assert len(inbox.revocations) == 1
    assert inbox.links[-1][0] is Link.CLOSED
    assert not inbox.failures


def test_nothing_is_handed_over_after_close(harness: Harness, start: Start) -> None:
    """From the revocation on no record comes any more."""
    harness.produce(_messages(1))
    inbox = RecordingInbox()
    consumer = start(inbox)
    inbox.wait_for_records(1)
    close(consumer)
    harness.produce(_messages(5, first=1))
    assert inbox.stays_at_most(1, 0.3)
    assert inbox.calls[-2:] == ["revoked", "link"]


def test_pausing_before_anything_is_assigned_holds_later(harness: Harness, start: Start) -> None:
    """A pause lasts over the assignment of its stream."""
    harness.produce(_messages(1))
    first = RecordingInbox()
    consumer = start(first)
    stream = first.wait_for_records(1)[0].stream
    close(consumer)
    second = RecordingInbox()
    again = harness.consumer(second)
    again.pause([stream])
    again.start()
    assert second.stays_at_most(harness.abilities.records_after_pause, _QUIET_SECONDS)
    again.resume([stream])
    assert _bodies(second.wait_for_records(1)) == [b"body 0"]
    close(again)
