"""Orders into a Kafka topic, confirmed by the broker."""

from __future__ import annotations

from confluent_kafka import Producer

from tests.bench.delivery.orders import orders
from tests.parts.kafka import Kafka

PARTITIONS = 6
_POLL_EACH = 500
_QUEUE_FULL_WAIT_SECONDS = 0.1
_FLUSH_SECONDS = 120


class NotLoaded(Exception):
    """The broker did not take all of it."""


def load_topic(kafka: Kafka, count: int, *, partitions: int = PARTITIONS) -> str:
    """A new topic with so many orders, key = user; its name."""
    topic = kafka.new_topic(f"orders-{count}", partitions=partitions)
    failed: list[object] = []
    producer = Producer(
        {
            "bootstrap.servers": kafka.brokers,
            "acks": "all",
            "enable.idempotence": True,
            "compression.type": "lz4",
            "linger.ms": 50,
            "batch.size": 500_000,
            "partitioner": "murmur2",
            "queue.buffering.max.messages": 200_000,
            "error_cb": failed.append,
        }
    )
    for number, order in enumerate(orders(count)):
        _produce(producer, topic, order.body, order.user)
        if number % _POLL_EACH == 0:
            producer.poll(0)
    if producer.flush(_FLUSH_SECONDS) or failed:
        raise NotLoaded(f"{topic}: {failed or 'not all in time'}")
    return topic


def _produce(producer: Producer, topic: str, body: bytes, user: str) -> None:
    while True:
        try:
            producer.produce(topic, body, user)
        except BufferError:
            producer.poll(_QUEUE_FULL_WAIT_SECONDS)
        else:
            return
