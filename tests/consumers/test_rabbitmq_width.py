"""How much a RabbitMQ consumer holds: one record until something was accepted, nothing while nothing is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bridge.config import Secret
from bridge.consumers.base import Link
from bridge.consumers.rabbitmq import RabbitConsumer, RabbitSettings
from bridge.model import Record
from tests.contract.inbox import RecordingInbox, close, done_with, eventually
from tests.parts.rabbitmq import RabbitMQ

pytestmark = pytest.mark.rabbitmq
Start = Callable[..., tuple[RabbitConsumer, RecordingInbox]]
KINDS: dict[str, dict[str, Any]] = {
    "classic": {},
    "classic-sac": {"x_single_active_consumer": True},
    "quorum": {"x_queue_type": "quorum"},
    "quorum-sac": {"x_queue_type": "quorum", "x_single_active_consumer": True},
}
every_kind = pytest.mark.parametrize("arguments", KINDS.values(), ids=KINDS.keys())


@pytest.fixture
def start(rabbitmq: RabbitMQ) -> Iterator[Start]:
    """Start a consumer that nothing is known of yet; closed with the test."""
    started: list[RabbitConsumer] = []

    def begin(*queues: str, **settings: Any) -> tuple[RabbitConsumer, RecordingInbox]:
        inbox = RecordingInbox()
        whole = {"name": "r", "url": Secret(env="AMQP_URL"), "queues": queues, "prefetch": 10, **settings}
        consumer = RabbitConsumer(
            RabbitSettings.model_validate(whole), inbox, secret_reader=lambda _: rabbitmq.url
        )
        started.append(consumer)
        consumer.start()
        return consumer, inbox

    yield begin
    for consumer in started:
        close(consumer, 1.0)


def _bodies(records: list[Record]) -> list[bytes | None]:
    return [record.value for record in records]


def _filled(node: RabbitMQ, count: int, arguments: dict[str, Any]) -> str:
    queue = node.new_queue("width", **arguments)
    node.publish(queue, *_numbers(1, count))
    return queue


def _numbers(first: int, last: int) -> list[bytes]:
    return [b"%d" % number for number in range(first, last + 1)]


@every_kind
def test_one_record_is_held_until_something_is_accepted(
    rabbitmq: RabbitMQ, start: Start, arguments: dict[str, Any]
) -> None:
    """Then the whole prefetch, in the same epoch, in order, nothing twice."""
    consumer, inbox = start(_filled(rabbitmq, 30, arguments))
    first = inbox.wait_for_records(1)
    assert inbox.stays_at_most(1, 0.5)
    consumer.widen()
    consumer.settle(done_with(first, consumer.settles))
    inbox.wait_for_records(11)
    assert inbox.stays_at_most(11, 0.5)
    consumer.settle(done_with(inbox.received[1:], consumer.settles))
    assert _bodies(inbox.wait_for_records(21)) == _numbers(1, 21)
    assert {one.epoch for one in inbox.received} == {first[0].epoch}
    assert not any(one.redelivered for one in inbox.received)
    assert not inbox.losses


def test_one_by_one_goes_on_without_an_acceptance(rabbitmq: RabbitMQ, start: Start) -> None:
    """What is filtered is settled, and the next comes."""
    consumer, inbox = start(_filled(rabbitmq, 5, {}))
    for count in range(1, 6):
        records = inbox.wait_for_records(count)
        assert inbox.stays_at_most(count, 0.1)
        consumer.settle(done_with(records[-1:], consumer.settles))
    assert _bodies(inbox.received) == _numbers(1, 5)


@pytest.mark.parametrize("kind", ["classic-sac", "quorum-sac"])
def test_a_standby_that_slips_in_breaks_no_order(rabbitmq: RabbitMQ, start: Start, kind: str) -> None:
    """The broker may make another consumer the active one; nothing is held twice, nothing overtakes."""
    queue = _filled(rabbitmq, 30, KINDS[kind])
    pair = [start(queue)]
    pair[0][1].wait_for_records(1)
    pair.append(start(queue))
    assert pair[1][1].wait_until(lambda: bool(pair[1][1].links) and pair[1][1].links[-1][0] is Link.STANDBY)
    seen: list[Record] = []
    done = [0, 0]
    while len(seen) < 30:
        assert eventually(lambda: any(len(box.received) > done[n] for n, (_, box) in enumerate(pair)))
        for number, (consumer, inbox) in enumerate(pair):
            fresh = inbox.received[done[number] :]
            if fresh:
                done[number] += len(fresh)
                seen += fresh
                consumer.widen()
                consumer.settle(done_with(fresh, consumer.settles))
    assert _bodies(seen) == _numbers(1, 30)
    assert not any(one.redelivered for one in seen)


@every_kind
def test_what_is_given_back_comes_again_in_order_once_it_is_reopened(
    rabbitmq: RabbitMQ, start: Start, arguments: dict[str, Any]
) -> None:
    """Settled stays settled; the rest is in the broker, and the link says why nothing is read."""
    queue = _filled(rabbitmq, 30, arguments)
    consumer, inbox = start(queue)
    consumer.widen()
    inbox.wait_for_records(10)
    consumer.settle(done_with(inbox.received[:2], consumer.settles))
    held = inbox.wait_for_records(12)
    given = {one.stream for one in held}
    consumer.give_back(given)
    consumer.give_back(given)
    assert inbox.wait_until(lambda: bool(inbox.losses))
    assert inbox.wait_until(
        lambda: inbox.links[-1][0] is Link.CONNECTED and "given back" in inbox.links[-1][1]
    )
    assert eventually(lambda: rabbitmq.depth(queue) == 28)
    consumer.settle(done_with(held[2:], consumer.settles))
    assert inbox.stays_at_most(12, 0.5)
    assert eventually(lambda: consumer.stats.commits_fenced == 10)
    consumer.reopen(given)
    again = inbox.wait_for_records(22)[12:]
    assert _bodies(again) == _numbers(3, 12)
    assert all(one.redelivered for one in again)
    assert again[0].epoch > held[0].epoch
    assert inbox.wait_until(lambda: inbox.links[-1] == (Link.CONNECTED, ""))
    assert len(inbox.losses) == 1


@pytest.mark.parametrize("kind", ["classic-sac", "quorum-sac"])
def test_a_standby_begins_with_what_was_given_back(rabbitmq: RabbitMQ, start: Start, kind: str) -> None:
    """A replica that leaves hands its open records to the one that waits, before those behind them."""
    queue = _filled(rabbitmq, 60, KINDS[kind])
    active, first = start(queue)
    active.widen()
    first.wait_for_records(10)
    waiting, second = start(queue)
    waiting.widen()
    assert second.wait_until(lambda: bool(second.links) and second.links[-1][0] is Link.STANDBY)
    active.settle(done_with(first.received[:2], active.settles))
    first.wait_for_records(12)
    close(active)
    assert _bodies(second.wait_for_records(10)) == _numbers(3, 12)
    waiting.settle(done_with(second.received, waiting.settles))
    assert _bodies(second.wait_for_records(20)) == _numbers(3, 22)


@every_kind
def test_what_is_open_at_close_goes_back_to_its_place(
    rabbitmq: RabbitMQ, start: Start, arguments: dict[str, Any]
) -> None:
    """Whoever comes next reads it first, in order."""
    queue = _filled(rabbitmq, 30, arguments)
    consumer, inbox = start(queue)
    consumer.widen()
    consumer.settle(done_with(inbox.wait_for_records(10)[4:5], consumer.settles))
    inbox.wait_for_records(11)
    close(consumer)
    following, later = start(queue)
    following.widen()
    assert _bodies(later.wait_for_records(10)) == [b"1", b"2", b"3", b"4", *_numbers(6, 11)]


def test_a_new_connection_does_not_reopen(own_rabbitmq: Callable[[], RabbitMQ]) -> None:
    """Only an acceptance does."""
    node = own_rabbitmq()
    queue = _filled(node, 3, {})
    inbox = RecordingInbox()
    settings = RabbitSettings(name="r", url=node.address, queues=(queue,))
    consumer = RabbitConsumer(settings, inbox)
    consumer.start()
    given = {one.stream for one in inbox.wait_for_records(1)}
    consumer.give_back(given)
    assert inbox.wait_until(lambda: "given back" in inbox.links[-1][1])
    said = len(inbox.links)
    node.ctl("close_all_connections", "test")
    assert inbox.wait_until(
        lambda: (
            any("FORCED" in detail for _, detail in inbox.links[said:]) and "given back" in inbox.links[-1][1]
        )
    )
    assert inbox.stays_at_most(1, 0.3)
    consumer.widen()
    consumer.reopen(given)
    assert _bodies(inbox.wait_for_records(4)) == [b"1", b"1", b"2", b"3"]
    close(consumer)


def test_it_is_known_since_when_the_oldest_is_held(rabbitmq: RabbitMQ, start: Start) -> None:
    """By arrival, not by the message's own time; nothing held, nothing known."""
    queue = rabbitmq.new_queue("width")
    consumer, inbox = start(queue)
    consumer.widen()
    before = time.monotonic()
    rabbitmq.publish(queue, b"1")
    first = inbox.wait_for_records(1)
    stream = first[0].stream
    assert eventually(lambda: before < consumer.stats.held_since.get(stream, 0) < time.monotonic())
    since = consumer.stats.held_since[stream]
    between = time.monotonic()
    rabbitmq.publish(queue, b"2")
    second = inbox.wait_for_records(2)[1:]
    assert consumer.stats.held_since == {stream: since}
    consumer.settle(done_with(first, consumer.settles))
    assert eventually(lambda: consumer.stats.held_since[stream] > between)
    consumer.settle(done_with(second, consumer.settles))
    assert eventually(lambda: not consumer.stats.held_since)
