"""One topic, one dead-letter topic, one bridge between topic and API; looked at from outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, cast

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Message, Producer, TopicPartition

from tests.e2e.api import Api
from tests.e2e.auditor import Made
from tests.e2e.bridge import Bridge
from tests.parts.kafka import Kafka
from tests.parts.process import wait_until


class Letter(NamedTuple):
    """A dead letter as it lies in its topic."""

    value: bytes | None
    key: bytes | None
    headers: dict[str, bytes]


@dataclass
class World:
    """One topic with one partition, one dead-letter topic, one bridge between topic and API."""

    kafka: Kafka
    api: Api
    topic: str
    letters: str
    bridge: Bridge
    group_name: str = ""

    @property
    def group(self) -> str:
        """The bridge's consumer group; named after the topic unless said otherwise."""
        return self.group_name or f"group-{self.topic}"

    def produce(self, *values: bytes | None, key: bytes = b"k") -> None:
        """In order, on the topic's only partition."""
        producer = Producer({"bootstrap.servers": self.kafka.brokers, "message.max.bytes": 20_000_000})
        for value in values:
            producer.produce(self.topic, value, key)
        assert producer.flush(30) == 0

    def committed(self) -> int:
        """The group's committed offset; 0 when it has none."""
        wanted = [TopicPartition(self.topic, 0)]
        admin = self.kafka.admin()
        asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(self.group, wanted)])
        (partition,) = asked[self.group].result(30).topic_partitions or []
        return max(0, int(partition.offset))

    def read_letters(self, count: int) -> list[Letter]:
        """Wait for that many dead letters."""
        reader = Consumer(
            {"bootstrap.servers": self.kafka.brokers, "group.id": "letters", "enable.auto.commit": False}
        )
        reader.assign([TopicPartition(self.letters, 0, 0)])
        found: list[Letter] = []

        def are_there() -> bool:
            found.extend(_letter(message) for message in reader.consume(100, 0.2))
            return len(found) >= count

        wait_until(are_there, timeout_seconds=30, what=f"{count} dead letters")
        reader.close()
        return found


def body(user: str, seq: int) -> bytes:
    """One record's value."""
    return Made(user, seq).body


def _letter(message: Message) -> Letter:
    headers = dict(cast("list[tuple[str, bytes]]", message.headers() or []))
    value, key = message.value(), message.key()
    assert not isinstance(value, str)
    assert not isinstance(key, str)
    return Letter(value, key, headers)
