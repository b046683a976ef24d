"""Orders into a Kafka topic, confirmed by the broker."""

from __future__ import annotations

import sys
import threading
import time
from itertools import islice
from types import TracebackType
from typing import Self

from confluent_kafka import Producer

from tests.bench.delivery.orders import orders
from tests.parts.kafka import Kafka

PARTITIONS = 6
_POLL_EACH = 500
_QUEUE_FULL_WAIT_SECONDS = 0.1
_FLUSH_SECONDS = 120
_PULSE_SECONDS = 0.05


class NotLoaded(Exception):
    """The broker did not take all of it."""


def load_topic(kafka: Kafka, count: int, *, partitions: int = PARTITIONS) -> str:
    """A new topic with so many orders, key = user; its name."""
    topic = kafka.new_topic(f"orders-{count}", partitions=partitions)
    failed: list[object] = []
    producer = _producer(kafka, failed)
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


def _producer(kafka: Kafka, failed: list[object]) -> Producer:
    return Producer(
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
            "log_level": 0,
        }
    )


class Trickle:
    """Orders into a new topic, a few at a time, for as long as its ``with`` statement lasts.

    Attributes:
        topic: its name.
    """

    def __init__(self, kafka: Kafka, *, per_second: int) -> None:
        """Nothing is written yet."""
        self.topic = kafka.new_topic("trickle", partitions=PARTITIONS)
        self._each = int(per_second * _PULSE_SECONDS)
        self._failed: list[object] = []
        self._producer = _producer(kafka, self._failed)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _write(self) -> None:
        """Pulses are due at fixed times: what one of them takes is not added to the pause."""
        endless, due = orders(sys.maxsize), time.monotonic() + _PULSE_SECONDS
        while not self._over.wait(max(0.0, due - time.monotonic())):
            due += _PULSE_SECONDS
            for order in islice(endless, self._each):
                _produce(self._producer, self.topic, order.body, order.user)
            self._producer.flush(_FLUSH_SECONDS)
