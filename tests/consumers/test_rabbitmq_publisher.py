"""Dead letters to a real RabbitMQ: confirmed means safe, anything else is an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import pytest

from bridge.config import Secret
from bridge.consumers.rabbitmq_publisher import RabbitPublisher
from bridge.consumers.rabbitmq_records import header_bytes
from bridge.consumers.rabbitmq_settings import address_of
from bridge.errors import DeadLetterError, DeadLetterTooLarge
from tests.parts.process import free_port
from tests.parts.rabbitmq import RabbitMQ

pytestmark = pytest.mark.rabbitmq


@contextmanager
def opened(node: RabbitMQ, **settings: Any) -> Iterator[RabbitPublisher]:
    url = Secret(env="AMQP_URL")
    publisher = RabbitPublisher(
        lambda: address_of(url, None, None, None, name="letters", read_secret=lambda _: node.url), **settings
    )
    try:
        yield publisher
    finally:
        publisher.close(5.0)


def _error(written: Future[None]) -> BaseException | None:
    return written.exception(timeout=30)


def test_a_letter_is_persistent_and_whole(own_rabbitmq: Callable[[], RabbitMQ]) -> None:
    """What was confirmed outlives the broker, with its bytes, headers and properties."""
    node = own_rabbitmq()
    queue = node.new_queue("letters")
    headers = (
        ("bridge-reason", b"undecodable"),
        ("raw", b"\xff"),
        ("none", None),
        ("twice", b"1"),
        ("twice", b"2"),
    )
    with opened(node) as publisher:
        written = publisher.publish(
            queue, b"\x00\xffbody", headers, message_id="m", content_type="text/plain",
            content_encoding="gzip", timestamp_ms=1_700_000_000_999,
        )  # fmt: skip
        assert _error(written) is None
    node.restart()
    with node.connect() as connection:
        method, properties, body = connection.channel().basic_get(queue)
    assert method is not None
    assert properties is not None
    assert body == b"\x00\xffbody"
    assert {name: header_bytes(value) for name, value in (properties.headers or {}).items()} == {
        "bridge-reason": b"undecodable", "raw": b"\xff", "none": None, "twice": b'["1","2"]',
    }  # fmt: skip
    assert (properties.message_id, properties.content_type) == ("m", "text/plain")
    assert (properties.content_encoding, properties.timestamp) == ("gzip", 1_700_000_000)
    assert properties.delivery_mode == 2


def test_many_letters_are_written_in_the_order_given(rabbitmq: RabbitMQ) -> None:
    """A thousand at once: all confirmed, in order."""
    queue = rabbitmq.new_queue("letters")
    with opened(rabbitmq) as publisher:
        letters = [publisher.publish(queue, b"%d" % number) for number in range(1000)]
        assert [_error(letter) for letter in letters] == [None] * 1000
    with rabbitmq.connect() as connection:
        channel = connection.channel()
        bodies = [channel.basic_get(queue, auto_ack=True)[2] for _ in range(1000)]
    assert bodies == [b"%d" % number for number in range(1000)]


def test_a_queue_that_is_not_there_takes_no_letter(rabbitmq: RabbitMQ) -> None:
    """The error names the queue; once it is declared, letters are written."""
    queue = f"absent-{free_port()}"
    with opened(rabbitmq) as publisher:
        error = _error(publisher.publish(queue, b"x"))
        assert isinstance(error, DeadLetterError)
        assert queue in str(error)
        assert "declare" in str(error)
        with rabbitmq.connect() as connection:
            connection.channel().queue_declare(queue, durable=True)
        assert _error(publisher.publish(queue, b"x")) is None
    assert rabbitmq.depth(queue) == 1


def test_a_return_is_a_failure(rabbitmq: RabbitMQ) -> None:
    """The broker confirms what reached no queue as well; only the return tells."""
    queue = rabbitmq.new_queue("letters")
    with opened(rabbitmq) as publisher:
        assert _error(publisher.publish(queue, b"x")) is None
        with rabbitmq.connect() as connection:
            connection.channel().queue_delete(queue)
        error = _error(publisher.publish(queue, b"y"))
        assert isinstance(error, DeadLetterError)
        assert "NO_ROUTE" in str(error)
        again = _error(publisher.publish(queue, b"y"))
        assert "NOT_FOUND" in str(again)


def test_a_full_queue_takes_no_letter_until_there_is_room(rabbitmq: RabbitMQ) -> None:
    """It answers with a nack, which is said with the remedy; once one is taken out, the next is written."""
    queue = rabbitmq.new_queue("letters", x_max_length=2, x_overflow="reject-publish")
    with opened(rabbitmq) as publisher:
        written = [publisher.publish(queue, b"%d" % number) for number in range(3)]
        assert [_error(one) for one in written[:2]] == [None, None]
        error = _error(written[2])
        assert isinstance(error, DeadLetterError)
        assert "is full" in str(error)
        assert "max-length" in str(error)
        with rabbitmq.connect() as connection:
            connection.channel().basic_get(queue, auto_ack=True)
        assert _error(publisher.publish(queue, b"2")) is None


def test_a_queue_that_is_not_durable_takes_no_letter(rabbitmq: RabbitMQ) -> None:
    """A confirmed letter in it would be gone with the next restart."""
    queue = f"transient-{free_port()}"
    with rabbitmq.connect() as connection:
        connection.channel().queue_declare(queue, durable=False)
        with opened(rabbitmq) as publisher:
            error = _error(publisher.publish(queue, b"x"))
        connection.channel().queue_delete(queue)
    assert isinstance(error, DeadLetterError)
    assert "not durable" in str(error)


def test_a_letter_above_the_brokers_limit_is_too_large_and_others_are_not(
    own_rabbitmq: Callable[..., RabbitMQ],
) -> None:
    """No repetition helps it; the next letter is written as before."""
    node = own_rabbitmq(settings="max_message_size = 1000\n")
    queue = node.new_queue("letters")
    with opened(node) as publisher:
        large = publisher.publish(queue, b"x" * 1001)
        small = publisher.publish(queue, b"x" * 10)
        assert isinstance(_error(large), DeadLetterTooLarge)
        lost = _error(small)
        assert lost is None or not isinstance(lost, DeadLetterTooLarge)
        assert _error(publisher.publish(queue, b"x" * 1000)) is None


@pytest.mark.parametrize("headers", [(("n" * 300, b"v"),), (("n", b"v" * 200_000),)], ids=["name", "size"])
def test_headers_that_amqp_cannot_carry_fail_alone(
    rabbitmq: RabbitMQ, headers: tuple[tuple[str, bytes]]
) -> None:
    """The connection survives, and the next letter is written."""
    queue = rabbitmq.new_queue("letters")
    with opened(rabbitmq) as publisher:
        assert type(_error(publisher.publish(queue, b"x", headers))) is DeadLetterTooLarge
        assert _error(publisher.publish(queue, b"x")) is None


@pytest.mark.parametrize("timestamp_ms", [-1, -(2**63), 2**64 * 1000])
def test_a_time_that_amqp_has_not_is_left_out(rabbitmq: RabbitMQ, timestamp_ms: int) -> None:
    """A header of the letter says it; the publisher must outlive it."""
    queue = rabbitmq.new_queue("letters")
    with opened(rabbitmq) as publisher:
        assert _error(publisher.publish(queue, b"x", (), timestamp_ms=timestamp_ms)) is None
        assert _error(publisher.publish(queue, b"y", ())) is None


def test_letters_wait_for_a_broker_that_comes_back(own_rabbitmq: Callable[[], RabbitMQ]) -> None:
    """What was handed over while it was away is written after it, within the time allowed."""
    node = own_rabbitmq()
    queue = node.new_queue("letters")
    with opened(node, timeout_seconds=60.0) as publisher:
        assert _error(publisher.publish(queue, b"before")) is None
        node.stop()
        waiting = publisher.publish(queue, b"while away")
        node.start()
        if _error(waiting) is not None:  # it left before the loss was seen: written again, as the caller does
            assert _error(publisher.publish(queue, b"while away")) is None
    assert node.depth(queue) == 2


def test_what_is_not_confirmed_in_time_has_failed(own_rabbitmq: Callable[[], RabbitMQ]) -> None:
    """A broker that hangs gives an error, not silence; so does one that is not there."""
    node = own_rabbitmq()
    queue = node.new_queue("letters")
    with opened(node, timeout_seconds=1.0) as publisher:
        assert _error(publisher.publish(queue, b"x")) is None
        node.freeze()
        assert "not confirmed in time" in str(_error(publisher.publish(queue, b"y")))
        node.kill()
        error = _error(publisher.publish(queue, b"z"))
        assert isinstance(error, DeadLetterError)


def test_closing_waits_for_what_is_under_way_and_then_takes_nothing(rabbitmq: RabbitMQ) -> None:
    """Letters handed over before the close are written; one after it fails at once."""
    queue = rabbitmq.new_queue("letters")
    with opened(rabbitmq) as publisher:
        letters = [publisher.publish(queue, b"x") for _ in range(50)]
        publisher.close(10.0)
        assert [letter.exception(timeout=0) for letter in letters] == [None] * 50
        assert isinstance(_error(publisher.publish(queue, b"late")), DeadLetterError)
    assert rabbitmq.depth(queue) == 50
