"""On real RabbitMQ: a refused message lies in the dead-letter queue, confirmed, before it is acked."""

from __future__ import annotations

import gzip
from pathlib import Path

import pika
import pytest

from tests.e2e.api import Api
from tests.e2e.auditor import queue_rules
from tests.e2e.bridge import Bridge
from tests.parts.process import wait_until
from tests.parts.rabbitmq import RabbitMQ


def bridge_of(home: Path, rabbitmq: RabbitMQ, queue: str, letters: str, api: Api) -> Bridge:
    config = {
        "sources": [{"name": "desk", "type": "rabbitmq", "url": {"env": "AMQP_URL"}, "queues": [queue]}],
        "destinations": {"default": {"url": api.events_url, "write_key": {"env": "FILUM_WRITE_KEY"}}},
        "dead_letters": {"type": "rabbitmq", "queue": letters},
    }
    return Bridge(home, config, {"audit.yaml": queue_rules(queue)}, env={"AMQP_URL": rabbitmq.url})


def take(rabbitmq: RabbitMQ, queue: str) -> tuple[bytes, pika.BasicProperties]:
    """The one message of a queue."""
    with rabbitmq.connect() as connection:
        channel = connection.channel()
        _, properties, body = channel.basic_get(queue, auto_ack=True)
        assert properties is not None
        assert body is not None
        return body, properties


@pytest.mark.rabbitmq
def test_a_refused_message_is_a_confirmed_letter(rabbitmq: RabbitMQ, api: Api, tmp_path: Path) -> None:
    """Original bytes, id and headers; the reason beside them; the good message goes on."""
    queue, letters = rabbitmq.new_queue("bad"), rabbitmq.new_queue("letters")
    api.control(users={"bad": 422})
    properties = pika.BasicProperties(delivery_mode=2, message_id="m-1", headers={"origin": "desk"})
    rabbitmq.publish(queue, b' {"user": "bad", "seq": 1}', properties=properties)
    rabbitmq.publish(queue, b'{"user": "good", "seq": 1}')
    bridge = bridge_of(tmp_path, rabbitmq, queue, letters, api)
    bridge.start()
    try:
        wait_until(lambda: rabbitmq.depth(letters) == 1, timeout_seconds=30, what="a letter")
        wait_until(
            lambda: bridge.total("bridge_records_settled_total") == 2, timeout_seconds=30, what="both settled"
        )
    finally:
        bridge.stop()
    body, found = take(rabbitmq, letters)

    assert body == b' {"user": "bad", "seq": 1}'
    assert (found.message_id, found.delivery_mode) == ("m-1", 2)
    headers = {name: str(value) for name, value in (found.headers or {}).items()}
    assert headers["origin"] == "desk"
    assert headers["bridge-reason"] == "refused"
    assert headers["bridge-status"] == "422"
    assert headers["bridge-queue"] == queue
    assert [event["user_id"] for event in api.accepted()] == ["good"]
    assert rabbitmq.depth(queue) == 0


@pytest.mark.rabbitmq
def test_a_compressed_letter_can_be_sent_again_as_it_lies(
    rabbitmq: RabbitMQ, api: Api, tmp_path: Path
) -> None:
    """Its bytes and its `content_encoding` are the original's: put back into the queue, it is delivered."""
    queue, letters = rabbitmq.new_queue("packed"), rabbitmq.new_queue("letters")
    api.control(users={"bad": 422})
    properties = pika.BasicProperties(
        delivery_mode=2, content_encoding="gzip", content_type="application/json"
    )
    packed = gzip.compress(b'{"user": "bad", "seq": 1}')
    rabbitmq.publish(queue, packed, properties=properties)
    rabbitmq.publish(queue, gzip.compress(b'{"user": "good", "seq": 1}'), properties=properties)
    bridge = bridge_of(tmp_path, rabbitmq, queue, letters, api)
    bridge.start()
    try:
        wait_until(lambda: rabbitmq.depth(letters) == 1, timeout_seconds=30, what="a letter")
        body, found = take(rabbitmq, letters)
        assert (body, found.content_encoding, found.content_type) == (packed, "gzip", "application/json")
        api.control(users={})
        rabbitmq.publish(queue, body, properties=found)
        wait_until(lambda: len(api.accepted()) == 2, timeout_seconds=30, what="both events")
    finally:
        bridge.stop()

    assert sorted(event["user_id"] for event in api.accepted()) == ["bad", "good"]


@pytest.mark.rabbitmq
def test_nothing_is_acked_while_its_letter_cannot_be_written(
    rabbitmq: RabbitMQ, api: Api, tmp_path: Path
) -> None:
    """No such dead-letter queue: the message stays with the broker; declared, the letter is written."""
    queue, letters = rabbitmq.new_queue("bad"), "letters-that-are-not-there"
    rabbitmq.publish(queue, b"not json", properties=pika.BasicProperties(delivery_mode=2))
    bridge = bridge_of(tmp_path, rabbitmq, queue, letters, api)
    bridge.start()
    try:
        wait_until(
            lambda: bridge.total("bridge_dead_letter_failures_total") > 0,
            timeout_seconds=60,
            what="a failure",
        )
        assert bridge.total("bridge_records_settled_total") == 0
        with rabbitmq.connect() as connection:
            connection.channel().queue_declare(letters, durable=True)
        wait_until(lambda: rabbitmq.depth(letters) == 1, timeout_seconds=60, what="the letter")
    finally:
        bridge.stop()

    assert rabbitmq.depth(queue) == 0
