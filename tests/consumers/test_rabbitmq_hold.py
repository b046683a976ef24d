"""A queue held whole, on a real RabbitMQ: what is acked is gone, the rest is back where it was."""

from __future__ import annotations

from contextlib import closing

import pika
import pytest

from bridge.consumers.rabbitmq_hold import HeldQueue
from bridge.consumers.rabbitmq_settings import Address
from bridge.errors import ConnectionLost, ConsumerError
from tests.parts.process import wait_until
from tests.parts.rabbitmq import RabbitMQ

KINDS: list[dict[str, str | bool]] = [
    {"x_queue_type": "classic"},
    {"x_queue_type": "quorum"},
    {"x_single_active_consumer": True},
]
ALL = [f"m-{number}".encode() for number in range(50)]


def hold(rabbitmq: RabbitMQ, queue: str) -> HeldQueue:
    return HeldQueue(lambda: Address(rabbitmq.url, None, None, None, "test"), queue)


def bodies(held: HeldQueue) -> list[bytes]:
    return [message.value or b"" for message in held.messages]


@pytest.fixture
def queues(rabbitmq: RabbitMQ) -> list[str]:
    made = [rabbitmq.new_queue("held", **arguments) for arguments in KINDS]
    for queue in made:
        rabbitmq.publish(queue, *ALL)
    return made


@pytest.mark.rabbitmq
@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_what_is_not_acked_is_back_in_its_order(rabbitmq: RabbitMQ, queues: list[str], kind: int) -> None:
    """Whatever kind of queue it is; acks count one by one, and survive the connection."""
    with closing(hold(rabbitmq, queues[kind])) as held:
        assert bodies(held) == ALL
        held.ack([held.messages[number].offset for number in (0, 3, 49)])
    with closing(hold(rabbitmq, queues[kind])) as again:
        assert bodies(again) == [body for number, body in enumerate(ALL) if number not in (0, 3, 49)]
        assert (again.most_deliveries > 0) is (kind == 1)
        assert again.messages[0].headers == ()


@pytest.mark.rabbitmq
def test_it_ends_where_it_ended_when_it_was_opened(rabbitmq: RabbitMQ, queues: list[str]) -> None:
    """What comes later has room once others are acked, is not looked at, and not taken away."""
    with closing(hold(rabbitmq, queues[0])) as held:
        rabbitmq.publish(queues[0], b"later")
        held.ack([message.offset for message in held.messages])
        assert bodies(held) == ALL
    wait_until(lambda: rabbitmq.depth(queues[0]) == 1, timeout_seconds=10, what="it is back")


@pytest.mark.rabbitmq
def test_an_empty_queue_holds_nothing(rabbitmq: RabbitMQ) -> None:
    """And one that is missing, or whose broker is, says so."""
    with closing(hold(rabbitmq, rabbitmq.new_queue("empty"))) as held:
        assert held.messages == []
    with pytest.raises(ConsumerError, match="queue nowhere: 404"):
        hold(rabbitmq, "nowhere")
    with pytest.raises(ConnectionLost, match=r"127\.0\.0\.1:1:"):
        HeldQueue(lambda: Address("amqp://127.0.0.1:1/", None, None, None, "test"), "x")


@pytest.mark.rabbitmq
def test_messages_that_expire_meanwhile_are_not_waited_for(rabbitmq: RabbitMQ) -> None:
    """They were counted and never came."""
    queue = rabbitmq.new_queue("short")
    rabbitmq.publish(queue, b"a", b"b")
    rabbitmq.publish(queue, b"gone", properties=pika.BasicProperties(expiration="0"))
    with closing(hold(rabbitmq, queue)) as held:
        assert bodies(held) == [b"a", b"b"]


@pytest.mark.rabbitmq
def test_after_the_connection_is_lost_nothing_is_acked(rabbitmq: RabbitMQ, queues: list[str]) -> None:
    """It is said, and all is back."""
    with closing(hold(rabbitmq, queues[0])) as held:
        rabbitmq.ctl("close_all_connections", "test")
        wait_until(lambda: rabbitmq.depth(queues[0]) == len(ALL), timeout_seconds=20, what="all is back")
        with pytest.raises(ConnectionLost):
            held.ack([held.messages[0].offset])


@pytest.mark.rabbitmq
def test_repeated_headers_are_several_again(rabbitmq: RabbitMQ) -> None:
    """A table holds a name once, so letters keep them as a list."""
    queue = rabbitmq.new_queue("headers")
    properties = pika.BasicProperties(headers={"h": ["1", "2", None], "n": 7, "death": [{"a": 1}]})
    rabbitmq.publish(queue, b"x", properties=properties)
    with closing(hold(rabbitmq, queue)) as held:
        assert held.messages[0].headers == (
            ("h", b"1"),
            ("h", b"2"),
            ("h", None),
            ("n", b"7"),
            ("death", b'[{"a":1}]'),
        )
