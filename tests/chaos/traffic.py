"""Records that keep coming while things break: what the broker confirmed is what was made.

One thread publishes. A record whose fate is unknown (no confirmation) counts as neither made nor not made: it
is not published again, for that could bring it twice; it may be accepted, and is no loss when it is not.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import NamedTuple
from zlib import crc32

import pika
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from pika.exceptions import AMQPError

from tests.e2e.auditor import Made
from tests.parts.rabbitmq import RabbitMQ

_TICK_SECONDS = 0.02


class Place(NamedTuple):
    """Where a record lies; ``log`` counts how often its topic or queue was made."""

    log: int
    partition: int
    offset: int


class Traffic:
    """Publishes until it is stopped.

    Args:
        rate: records a second.
        users: over so many.
        seed: of who is next.

    Attributes:
        made: confirmed records → where they lie.
        log: set by who recreates the topic or queue.
        rate: records a second; may be changed.
    """

    def __init__(self, rate: int, users: int, seed: int) -> None:
        self.made: dict[Made, Place] = {}
        self.log = 0
        self.rate = rate
        self._dice = random.Random(seed)  # noqa: S311 - which user is next
        self._seqs = dict.fromkeys((f"user-{number}" for number in range(users)), 0)
        self._stop = threading.Event()
        self._is_paused = threading.Event()
        self._rest = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, when what is under way is confirmed or has failed."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(150)
        assert not self._thread.is_alive(), "the traffic did not end"

    def pause(self) -> None:
        """Publish nothing until ``go_on``; returns when nothing is under way."""
        self._is_paused.set()
        assert self._rest.wait(60)

    def go_on(self) -> None:
        """After ``pause``."""
        self._rest.clear()
        self._is_paused.clear()

    def next(self, user: str = "") -> Made:
        """The next record, of this user or of one by chance."""
        user = user or f"user-{self._dice.randrange(len(self._seqs))}"
        seq = self._seqs.setdefault(user, 0)
        self._seqs[user] = seq + 1
        return Made(user, seq)

    def _run(self) -> None:
        owed = 0.0
        try:
            while not self._stop.wait(_TICK_SECONDS):
                if self._is_paused.is_set():
                    self._flush()
                    self._rest.set()
                    continue
                owed += self.rate * _TICK_SECONDS
                while owed >= 1 and not self._stop.is_set():
                    owed -= 1
                    self._publish(self.next())
                self._serve()
        finally:
            self._flush()

    def _publish(self, made: Made) -> None:
        raise NotImplementedError

    def _serve(self) -> None:
        """Confirmations come in."""

    def _flush(self) -> None:
        """Nothing is under way when this returns."""


class KafkaTraffic(Traffic):
    """To the first ``partitions`` of a topic: a user's stay in one, whatever is added."""

    def __init__(self, brokers: str, topic: str, partitions: int, rate: int, users: int, seed: int) -> None:
        super().__init__(rate, users, seed)
        self._topic = topic
        self._partitions = partitions
        self._brokers = brokers
        self.renew()

    def renew(self) -> None:
        """A producer that knows nothing of the topic before; only while paused."""
        self._producer = Producer(
            {
                "bootstrap.servers": self._brokers,
                "enable.idempotence": True,
                "linger.ms": 5,
                "message.timeout.ms": 120_000,
                "log_level": 0,
            }
        )

    def partition_of(self, user: str) -> int:
        """A user's."""
        return crc32(user.encode()) % self._partitions

    def send(self, made: Made, value: bytes | None = None, partition: int | None = None) -> None:
        """One more, from any thread; with another value or partition than its own it is made all the same."""
        self._produce(made, value, self.partition_of(made.user) if partition is None else partition)

    def _publish(self, made: Made) -> None:
        self._produce(made, None, self.partition_of(made.user))

    def _produce(self, made: Made, value: bytes | None, partition: int) -> None:
        log = self.log

        def confirmed(error: KafkaError | None, message: Message) -> None:
            if error is None:
                self.made[made] = Place(log, message.partition() or 0, message.offset() or 0)

        try:
            self._producer.produce(
                self._topic,
                made.body if value is None else value,
                made.user.encode(),
                partition=partition,
                on_delivery=confirmed,
            )
        except (BufferError, KafkaException):
            return

    def _serve(self) -> None:
        self._producer.poll(0)

    def _flush(self) -> None:
        self._producer.flush(60)


class RabbitTraffic(Traffic):
    """To queues: a user's stay in one. Each record is confirmed before the next leaves."""

    def __init__(self, node: RabbitMQ, queues: list[str], rate: int, users: int, seed: int) -> None:
        super().__init__(rate, users, seed)
        self._node = node
        self.queues = queues
        self._connection: pika.BlockingConnection | None = None
        self._channel: pika.adapters.blocking_connection.BlockingChannel | None = None

    def queue_of(self, user: str) -> str:
        """A user's."""
        return self.queues[crc32(user.encode()) % len(self.queues)]

    def send(self, made: Made, value: bytes) -> None:
        """One more with another value than its own, from any thread; returns when it is confirmed."""
        self._node.publish(self.queue_of(made.user), value, properties=_properties(made))
        self.made[made] = Place(self.log, 0, made.seq)

    def _publish(self, made: Made) -> None:
        self._try(lambda: self._confirmed(made))

    def _confirmed(self, made: Made) -> None:
        log = self.log
        if self._channel is None:
            self._connection = self._node.connect()
            self._channel = self._connection.channel()
            self._channel.confirm_delivery()
        queue = self.queue_of(made.user)
        self._channel.basic_publish("", queue, made.body, _properties(made), mandatory=True)
        self.made[made] = Place(log, 0, made.seq)

    def _serve(self) -> None:
        if self._connection is not None:
            self._try(partial(self._connection.process_data_events, 0))

    def _try(self, act: Callable[[], None]) -> None:
        try:
            act()
        except (AMQPError, OSError):
            self._flush()

    def _flush(self) -> None:
        """Each record was confirmed before the next: what is left is to hang up."""
        connection, self._connection, self._channel = self._connection, None, None
        with suppress(AMQPError, OSError):
            if connection is not None:
                connection.close()


def _properties(made: Made) -> pika.BasicProperties:
    return pika.BasicProperties(delivery_mode=2, message_id=f"{made.user}/{made.seq}")
