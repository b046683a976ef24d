"""RabbitMQ in, letters into Kafka: what a message kept in AMQP's properties is not lost on the way."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any, cast

import pika
import pytest
from confluent_kafka import Consumer, TopicPartition

from bridge.config import Limits
from bridge.decode import Document, decode
from bridge.model import Record, Stream
from tests.e2e.api import Api
from tests.e2e.auditor import queue_rules
from tests.e2e.bridge import Bridge
from tests.parts.kafka import Kafka
from tests.parts.process import wait_until
from tests.parts.rabbitmq import RabbitMQ


def first_record(kafka: Kafka, topic: str) -> Record:
    """The first record of a topic, as a Kafka source would hand it over."""
    reader = Consumer({"bootstrap.servers": kafka.brokers, "group.id": "letters"})
    reader.assign([TopicPartition(topic, 0, 0)])
    found: list[Any] = []

    def is_there() -> bool:
        found.extend(reader.consume(1, 0.2))
        return bool(found)

    wait_until(is_there, timeout_seconds=30, what="a letter")
    reader.close()
    headers = tuple(cast("list[tuple[str, bytes | None]]", found[0].headers()))
    return Record(Stream("k", topic), 0, 1, found[0].value(), headers=headers)


@pytest.mark.kafka
@pytest.mark.rabbitmq
def test_a_compressed_message_can_be_read_from_its_letter_in_kafka(
    kafka: Kafka, rabbitmq: RabbitMQ, api: Api, tmp_path: Path
) -> None:
    """The bytes are the original's; the encoding, a property before, is a header."""
    queue, letters = rabbitmq.new_queue("packed"), kafka.new_topic("letters")
    api.control(users={"bad": 422})
    packed = gzip.compress(b'{"user": "bad", "seq": 1}')
    properties = pika.BasicProperties(delivery_mode=2, content_encoding="gzip")
    rabbitmq.publish(queue, packed, properties=properties)
    config = {
        "sources": [{"name": "desk", "type": "rabbitmq", "url": {"env": "AMQP_URL"}, "queues": [queue]}],
        "destinations": {"default": {"url": api.events_url, "write_key": {"env": "FILUM_WRITE_KEY"}}},
        "dead_letters": {"type": "kafka", "topic": letters, "brokers": kafka.brokers},
    }
    bridge = Bridge(tmp_path, config, {"audit.yaml": queue_rules(queue)}, env={"AMQP_URL": rabbitmq.url})
    bridge.start()
    try:
        record = first_record(kafka, letters)
    finally:
        bridge.stop()

    assert record.value == packed
    assert ("content-encoding", b"gzip") in record.headers
    read = decode(record, "json", Limits())
    assert isinstance(read, Document)
    assert read.value == {"user": "bad", "seq": 1}
