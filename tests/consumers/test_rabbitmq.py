"""The RabbitMQ consumer on a real broker, beyond the contract: connections, turns, redelivery."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from struct import pack
from typing import Any

import pika
import pytest

from bridge.config import Secret
from bridge.consumers.base import Link
from bridge.consumers.rabbitmq import RabbitConsumer, RabbitSettings
from bridge.model import Position, Record, Stream
from tests.consumers import amqp
from tests.contract.inbox import RecordingInbox, close, done_with, eventually
from tests.parts.process import free_port
from tests.parts.rabbitmq import RabbitMQ

pytestmark = pytest.mark.rabbitmq
Start = Callable[..., tuple[RabbitConsumer, RecordingInbox]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a consumer with an inbox of its own, proven unless ``narrow``; closed with the test."""
    started: list[RabbitConsumer] = []

    def begin(
        node: RabbitMQ, *queues: str, narrow: bool = False, **settings: Any
    ) -> tuple[RabbitConsumer, RecordingInbox]:
        inbox = RecordingInbox()
        whole = {"name": "r", "url": Secret(env="AMQP_URL"), "queues": queues, **settings}
        consumer = RabbitConsumer(
            RabbitSettings.model_validate(whole), inbox, secret_reader=lambda _: node.url
        )
        started.append(consumer)
        if not narrow:
            consumer.widen()
        consumer.start()
        return consumer, inbox

    yield begin
    for consumer in started:
        close(consumer, 1.0)


def _bodies(records: list[Record]) -> list[bytes | None]:
    return [record.value for record in records]


def _numbers(first: int, last: int) -> list[bytes]:
    return [b"%d" % number for number in range(first, last + 1)]


def _linked(inbox: RecordingInbox, state: Link, *words: str) -> bool:
    """Wait until the last word on the link is this."""

    def said() -> bool:
        last = inbox.links[-1] if inbox.links else (None, "")
        return last[0] is state and all(word in last[1] for word in words)

    return inbox.wait_until(said)


def test_a_message_arrives_whole(rabbitmq: RabbitMQ, start: Start) -> None:
    """Properties and every type of header, as the record says them."""
    queue = rabbitmq.new_queue()
    headers: Any = {
        "text": "Đà Nẵng", "flag": True, "count": 3, "money": Decimal("1.25"), "none": None,
        "at": datetime(2026, 1, 31, tzinfo=UTC), "list": [1, "a"], "table": {"k": "v"}, "raw": b"\xff",
    }  # fmt: skip
    properties = pika.BasicProperties(
        headers=headers, message_id="m-1", content_type="application/json", content_encoding="gzip",
        timestamp=1_700_000_000,
    )  # fmt: skip
    rabbitmq.publish(queue, b"{}", properties=properties)
    rabbitmq.publish(queue, b"bare")
    consumer, inbox = start(rabbitmq, queue)
    full, bare = inbox.wait_for_records(2)
    assert dict(full.headers) == {
        "text": "Đà Nẵng".encode(), "flag": b"true", "count": b"3", "money": b"1.25", "none": None,
        "at": b"2026-01-31T00:00:00Z", "list": b'[1,"a"]', "table": b'{"k":"v"}', "raw": b"\xff",
    }  # fmt: skip
    assert (full.message_id, full.content_type, full.content_encoding) == ("m-1", "application/json", "gzip")
    assert (full.timestamp_ms, full.routing_key, full.key) == (1_700_000_000_000, queue, None)
    assert (full.queue, full.redelivered, full.nonce) == (True, False, "")
    assert bare.nonce
    assert (bare.message_id, bare.timestamp_ms) == (None, None)
    assert consumer.stats.weak_ids == 1


def test_properties_that_are_not_utf_8_are_taken(rabbitmq: RabbitMQ, start: Start) -> None:
    """A careless publisher's Latin-1 id does not end the connection again and again."""
    queue = rabbitmq.new_queue()
    odd: Any = b"caf\xe9"
    rabbitmq.publish(queue, b"x", properties=pika.BasicProperties(message_id=odd, headers={odd: "v"}))
    _, inbox = start(rabbitmq, queue)
    record = inbox.wait_for_records(1)[0]
    assert record.message_id == "caf\\xe9"
    assert record.headers == (("caf\\xe9", b"v"),)


def test_headers_that_pika_cannot_read_arrive(rabbitmq: RabbitMQ, start: Start) -> None:
    """Floats, a time in ms by mistake, names that are not UTF-8 within a table: as the broker has them."""
    queue = rabbitmq.new_queue()
    headers = amqp.table(
        ("double", b"d" + pack(">d", 20.75)),
        ("single", b"f" + pack(">f", -0.5)),
        ("late", b"T" + pack(">Q", 1_764_000_000_000)),
        ("list", b"A" + amqp.long(b"d" + pack(">d", 1.5) + b"B\xff")),
        ("table", b"F" + amqp.long(amqp.short(b"caf\xe9") + b"S" + amqp.long(b"\xff"))),
    )
    rabbitmq.publish(queue, b"x", properties=amqp.headers_only(headers))
    _, inbox = start(rabbitmq, queue)
    assert dict(inbox.wait_for_records(1)[0].headers) == {
        "double": b"20.75", "single": b"-0.5", "late": b"1764000000000", "list": b"[1.5,255]",
        "table": b'{"caf\\\\xe9":"\\\\xff"}',
    }  # fmt: skip


def test_bodies_of_any_size_arrive_whole(own_rabbitmq: Callable[..., RabbitMQ], start: Start) -> None:
    """None, one frame to the last byte, one more, many; on two channels at once."""
    node = own_rabbitmq(settings="frame_max = 8192\n")
    sizes = [0, 1, 8183, 8184, 8185, 16_368, 16_369, 400_000, 5] * 8
    bodies = {
        queue: [
            (b"%d " % number + queue.encode()).ljust(size, b".")[:size] for number, size in enumerate(sizes)
        ]
        for queue in (node.new_queue(), node.new_queue())
    }
    for queue, its in bodies.items():
        node.publish(queue, *its)
    _, inbox = start(node, *bodies)
    records = inbox.wait_for_records(2 * len(sizes))
    for queue, its in bodies.items():
        assert _bodies([one for one in records if one.stream.name == queue]) == its
    assert not inbox.losses


def test_a_killed_connection_costs_a_second_and_keeps_order(
    own_rabbitmq: Callable[[], RabbitMQ], start: Start
) -> None:
    """What was not acked comes again in order, first, under a larger epoch; what was acked does not."""
    node = own_rabbitmq()
    queue = node.new_queue()
    node.publish(queue, *_numbers(1, 40))
    consumer, inbox = start(node, queue, prefetch=20)
    first = inbox.wait_for_records(20)
    consumer.settle(done_with(first[:5], consumer.settles))
    inbox.wait_for_records(25)
    node.ctl("close_all_connections", "test")
    assert inbox.wait_until(lambda: bool(inbox.losses))
    again = inbox.wait_for_records(45)[25:]
    assert _bodies(again) == _numbers(6, 25)
    assert [one.redelivered for one in again] == [True] * 20
    assert again[0].epoch > first[0].epoch
    lost = [detail for state, detail in inbox.links if state is Link.CONNECTING and detail]
    assert len(lost) == 1
    assert lost[0].endswith("320 CONNECTION_FORCED - test")
    assert _linked(inbox, Link.CONNECTED)


def test_what_waits_for_a_pause_dies_with_its_channel(
    own_rabbitmq: Callable[[], RabbitMQ], start: Start
) -> None:
    """After a loss nothing of the old epoch is handed over, though it was already delivered."""
    node = own_rabbitmq()
    queue = node.new_queue()
    consumer, inbox = start(node, queue)
    assert _linked(inbox, Link.CONNECTED)
    consumer.pause(consumer.stats.assigned)
    assert eventually(lambda: bool(consumer.stats.paused))
    node.publish(queue, *_numbers(1, 10))
    assert eventually(lambda: node.depth(queue) == 0)
    node.ctl("close_all_connections", "test")
    assert inbox.wait_until(lambda: len(inbox.assignments) == 2)
    consumer.resume(consumer.stats.assigned)
    records = inbox.wait_for_records(10)
    assert inbox.stays_at_most(10, 0.3)
    assert _bodies(records) == _numbers(1, 10)
    assert {one.epoch for one in records} == {2}


def test_prefetch_bounds_what_is_out(rabbitmq: RabbitMQ, start: Start) -> None:
    """No more than the prefetch comes before something is acked; each ack lets one more in."""
    queue = rabbitmq.new_queue()
    rabbitmq.publish(queue, *_numbers(1, 30))
    consumer, inbox = start(rabbitmq, queue, prefetch=10)
    first = inbox.wait_for_records(10)
    assert inbox.stays_at_most(10, 0.3)
    consumer.settle(done_with([first[3], first[7]], consumer.settles))
    inbox.wait_for_records(12)
    assert inbox.stays_at_most(12, 0.3)
    consumer.settle(done_with(inbox.received, consumer.settles))
    assert _bodies(inbox.wait_for_records(22)) == _numbers(1, 22)


def test_acks_out_of_order_settle_exactly_those(rabbitmq: RabbitMQ, start: Start) -> None:
    """After a restart only the open ones come again, in their order."""
    queue = rabbitmq.new_queue()
    rabbitmq.publish(queue, *_numbers(1, 10))
    consumer, inbox = start(rabbitmq, queue)
    records = inbox.wait_for_records(10)
    for number in (9, 2, 1, 5):
        consumer.settle(done_with([records[number - 1]], consumer.settles))
    consumer.settle(done_with([records[8]], consumer.settles))
    close(consumer)
    _, later = start(rabbitmq, queue)
    assert _bodies(later.wait_for_records(6)) == [b"3", b"4", b"6", b"7", b"8", b"10"]


def test_a_missing_queue_is_named_and_found_when_it_comes(rabbitmq: RabbitMQ, start: Start) -> None:
    """The state says which queue and what to do; nothing fails; the others flow."""
    there, absent = rabbitmq.new_queue(), f"absent-{free_port()}"
    rabbitmq.publish(there, b"x")
    _, inbox = start(rabbitmq, there, absent)
    assert _linked(inbox, Link.CONNECTED, absent, "NOT_FOUND", "declare")
    inbox.wait_for_records(1)
    with rabbitmq.connect() as connection:
        connection.channel().queue_declare(absent, durable=True)
    assert _linked(inbox, Link.CONNECTED)
    rabbitmq.publish(absent, b"y")
    assert inbox.wait_for_records(2)[1].value == b"y"
    assert inbox.wait_until(lambda: inbox.links[-1] == (Link.CONNECTED, ""))
    assert not inbox.failures


def test_a_deleted_queue_is_lost_and_taken_up_again(rabbitmq: RabbitMQ, start: Start) -> None:
    """The broker's cancel ends the epoch; the same name declared anew begins another."""
    queue = rabbitmq.new_queue()
    rabbitmq.publish(queue, b"old")
    consumer, inbox = start(rabbitmq, queue)
    old = inbox.wait_for_records(1)[0]
    with rabbitmq.connect() as connection:
        connection.channel().queue_delete(queue)
        assert inbox.wait_until(lambda: bool(inbox.losses))
        assert _linked(inbox, Link.CONNECTING, queue)
        consumer.settle(done_with([old], consumer.settles))
        connection.channel().queue_declare(queue, durable=True)
    rabbitmq.publish(queue, b"new")
    new = inbox.wait_for_records(2)[1]
    assert new.value == b"new"
    assert new.epoch > old.epoch
    assert eventually(lambda: consumer.stats.commits_fenced == 1)


@pytest.mark.parametrize("arguments", [{}, {"x_single_active_consumer": True}], ids=["classic", "sac"])
def test_a_standby_takes_over(rabbitmq: RabbitMQ, start: Start, arguments: dict[str, Any]) -> None:
    """One replica has the queue; the other waits without an error, and goes on in order where it left."""
    queue = rabbitmq.new_queue(**arguments)
    rabbitmq.publish(queue, *_numbers(1, 10))
    active, first = start(rabbitmq, queue)
    records = first.wait_for_records(10)
    _, second = start(rabbitmq, queue)
    assert _linked(second, Link.STANDBY)
    assert second.stays_at_most(0, 0.5)
    assert second.links[-1] == (Link.STANDBY, "")
    active.settle(done_with(records[:4], active.settles))
    close(active)
    assert _bodies(second.wait_for_records(6)) == _numbers(5, 10)
    assert _linked(second, Link.CONNECTED)
    assert not second.failures
    assert [state for state, _ in second.links].count(Link.STANDBY) == 1


def test_a_quorum_queue_with_two_consumers_says_that_they_compete(rabbitmq: RabbitMQ, start: Start) -> None:
    """Quorum queues do not enforce exclusive consumers: the count tells, and the remedy is named."""
    queue = rabbitmq.new_queue(x_queue_type="quorum")
    _, first = start(rabbitmq, queue)
    assert _linked(first, Link.CONNECTED)
    _, second = start(rabbitmq, queue)
    assert _linked(second, Link.CONNECTED, "compete", "x-single-active-consumer")
    assert _linked(first, Link.CONNECTED, "compete", "x-single-active-consumer")


def test_competing_consumers_share_a_queue(rabbitmq: RabbitMQ, start: Start) -> None:
    """With ``competing`` both read, and say what that costs."""
    queue = rabbitmq.new_queue()
    consumer, first = start(rabbitmq, queue, competing=True, prefetch=5)
    _, second = start(rabbitmq, queue, competing=True, prefetch=5)
    assert _linked(first, Link.CONNECTED)
    assert _linked(second, Link.CONNECTED)
    rabbitmq.publish(queue, *_numbers(1, 10))
    first.wait_for_records(5)
    second.wait_for_records(5)
    assert _linked(first, Link.CONNECTED, "competing", "order is not kept")
    assert _linked(second, Link.CONNECTED, "competing", "order is not kept")
    assert consumer.stats.unordered == {Stream("r", queue)}


def test_what_is_open_at_close_goes_back_in_order(rabbitmq: RabbitMQ, start: Start) -> None:
    """Delivered and not handed over, handed over and not settled: all of it, in the order it had."""
    queue = rabbitmq.new_queue()
    rabbitmq.publish(queue, *_numbers(1, 60))
    consumer, inbox = start(rabbitmq, queue, prefetch=50)
    records = inbox.wait_for_records(50)
    inbox.answer = lambda _: done_with(records[:3], consumer.settles)
    close(consumer)
    _, later = start(rabbitmq, queue)
    assert _bodies(later.wait_for_records(57)) == _numbers(4, 60)


def test_a_paused_consumer_keeps_its_connection(own_rabbitmq: Callable[..., RabbitMQ], start: Start) -> None:
    """Heartbeats go on while the loop has no room, for longer than the broker would wait."""
    node = own_rabbitmq(settings="heartbeat = 1\n")
    queue = node.new_queue()
    node.publish(queue, b"1", b"2")
    inbox = RecordingInbox()
    inbox.give_room(False)
    settings = RabbitSettings.model_validate(
        {"name": "r", "url": f"{node.address}?heartbeat=1", "queues": [queue]}
    )
    consumer = RabbitConsumer(settings, inbox)
    consumer.widen()
    consumer.start()
    assert _linked(inbox, Link.CONNECTED)
    assert inbox.stays_at_most(0, 4.0)
    inbox.give_room(True)
    consumer.settle(done_with(inbox.wait_for_records(2), consumer.settles))
    node.publish(queue, b"3")
    records = inbox.wait_for_records(3)
    assert [(one.value, one.epoch) for one in records] == [(b"1", 1), (b"2", 1), (b"3", 1)]
    assert not inbox.losses
    close(consumer)


def test_close_keeps_to_its_budget_when_the_broker_hangs(
    own_rabbitmq: Callable[[], RabbitMQ], start: Start
) -> None:
    """A broker that does not answer is left behind."""
    node = own_rabbitmq()
    queue = node.new_queue()
    node.publish(queue, b"1")
    consumer, inbox = start(node, queue)
    inbox.wait_for_records(1)
    node.freeze()
    ended = consumer.close(1.0)
    ended.result(timeout=4.0)
    assert inbox.links[-1][0] is Link.CLOSED
    node.thaw()
    assert eventually(lambda: node.depth(queue) == 1)


def test_a_drain_keeps_the_connection_and_acks_what_ends_meanwhile(rabbitmq: RabbitMQ, start: Start) -> None:
    """Between close and the loop's answer, settles are still served."""
    queue = rabbitmq.new_queue()
    rabbitmq.publish(queue, *_numbers(1, 4))
    consumer, inbox = start(rabbitmq, queue)
    records = inbox.wait_for_records(4)
    revoked, go_on = threading.Event(), threading.Event()

    def drain(_: object) -> list[Position]:
        revoked.set()
        consumer.settle(done_with(records[:2], consumer.settles))
        assert go_on.wait(10)
        return done_with(records[2:3], consumer.settles)

    inbox.answer = drain
    ended = consumer.close(10.0)
    assert revoked.wait(10)
    go_on.set()
    ended.result(timeout=15)
    assert rabbitmq.depth(queue) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"username": "nobody", "password": Secret(env="P")}, ("ACCESS_REFUSED", "check username")),
        ({"url": "amqp://127.0.0.1:{port}/nowhere"}, ("nowhere", "virtual host")),
        ({"url": "amqp://127.0.0.1:1/"}, ("no connection", "refused")),
    ],
    ids=["password", "vhost", "port"],
)
def test_a_connection_that_cannot_be_made_says_why(
    rabbitmq: RabbitMQ, start: Start, change: dict[str, Any], words: tuple[str, ...]
) -> None:
    """One line with the remedy, no secret, and trying goes on."""
    port = rabbitmq.address.split(":")[2].split("/")[0]
    change = {key: v.format(port=port) if isinstance(v, str) else v for key, v in change.items()}
    _, inbox = start(rabbitmq, "q", **change)
    assert _linked(inbox, Link.CONNECTING, *words)
    assert "guest" not in inbox.links[-1][1]
    assert not inbox.failures
