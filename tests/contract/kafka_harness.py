"""The contract suite on a real Kafka, with the classic group protocol."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Literal, cast

import pytest
from confluent_kafka import Consumer as PlainConsumer
from confluent_kafka import Producer

from bridge.consumers.base import Consumer, Inbox, Settles
from bridge.consumers.kafka import KafkaConsumer, KafkaSettings
from tests.contract.harness import Abilities, Message
from tests.parts.kafka import Kafka

_FREEZE_SECONDS = 3.0
_QUICK_SESSIONS = "group.consumer.session.timeout.ms=1000\ngroup.consumer.heartbeat.interval.ms=200\n"
_QUICK_SESSION = {"session.timeout.ms": 1000, "heartbeat.interval.ms": 300}
_QUICK_POLL = {"max.poll.interval.ms": 2000}


class StallingInbox:
    """An inbox at whose door the consumer thread can be held, so that it does not poll."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self.is_open = threading.Event()
        self.is_open.set()

    def wait_for_room(self, timeout_seconds: float) -> bool:
        """Hang while stalled; else as the inbox says."""
        self.is_open.wait()
        return self._inbox.wait_for_room(timeout_seconds)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inbox, name)


class KafkaHarness:
    """Two partitions of one topic, one group."""

    abilities = Abilities(Settles.WATERMARK, keeps_metadata=True)

    def __init__(self, broker: Kafka, protocol: Literal["classic", "consumer"]) -> None:
        self._broker, self._protocol = broker, protocol
        self._topic = broker.new_topic("contract", partitions=2)
        self._producer = Producer({"bootstrap.servers": broker.brokers, "acks": "all", "log_level": 0})
        self._waiting = threading.Event()
        self._inbox: StallingInbox

    def produce(self, messages: Sequence[Message], number: int = 0) -> None:
        """Write and flush."""
        failed: list[object] = []

        def delivered(error: object, _: object) -> None:
            failed.extend([error] if error else [])

        for one in messages:
            headers: Any = list(one.headers)
            self._producer.produce(
                self._topic, one.value, one.key, number, on_delivery=delivered, headers=headers
            )
        if self._producer.flush(30) or failed:
            raise TimeoutError(f"not confirmed: {failed}")

    def consumer(self, inbox: Inbox) -> Consumer:
        """A member of the only group."""
        settings = KafkaSettings(
            name="k",
            brokers=self._broker.brokers,
            group=f"group-of-{self._topic}",
            topics=(self._topic,),
            group_protocol=self._protocol,
            client=_QUICK_SESSION if self._protocol == "classic" else _QUICK_POLL,
        )
        self._inbox = StallingInbox(inbox)
        return KafkaConsumer(settings, cast("Inbox", self._inbox))

    def revoke(self) -> None:
        """A second member joins; it leaves as soon as it has something."""
        properties: dict[str, Any] = {
            "bootstrap.servers": self._broker.brokers,
            "group.id": f"group-of-{self._topic}",
            "group.protocol": self._protocol,
            "enable.auto.commit": False,
            "log_level": 0,
        }
        if self._protocol == "classic":
            properties |= {"partition.assignment.strategy": "cooperative-sticky"}
        intruder = PlainConsumer(properties)
        intruder.subscribe([self._topic])
        for _ in range(300):
            intruder.poll(0.1)
            if intruder.assignment():
                break
        intruder.close()

    def lose(self) -> None:
        """Classic: the broker hangs for longer than a session lasts, which the client notices by itself.

        KIP-848 has no session at the client; there the consumer thread hangs, and does not poll in time.
        """
        if self._protocol == "classic":
            self._broker.freeze()
            self._waiting.wait(_FREEZE_SECONDS)
            self._broker.thaw()
        else:
            self._inbox.is_open.clear()
            self._waiting.wait(_FREEZE_SECONDS)
            self._inbox.is_open.set()

    def drop_connection(self) -> None:
        """The broker is restarted."""
        self._broker.restart()

    def close(self) -> None:
        """Topics go with the broker."""


def open_kafka(
    request: pytest.FixtureRequest, protocol: Literal["classic", "consumer"], *, own_broker: bool
) -> KafkaHarness:
    """A fresh topic on the session's broker, or on one of the test's own."""
    if own_broker:
        return KafkaHarness(request.getfixturevalue("own_kafka")(properties=_QUICK_SESSIONS), protocol)
    return KafkaHarness(request.getfixturevalue("kafka"), protocol)


def open_harness(request: pytest.FixtureRequest, *, own_broker: bool) -> KafkaHarness:
    """The classic protocol."""
    return open_kafka(request, "classic", own_broker=own_broker)
