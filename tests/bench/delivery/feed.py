"""Where a run's records lie, and how many of them a contestant has left there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition

from tests.parts.kafka import Kafka
from tests.parts.process import PartFailed, wait_until
from tests.parts.rabbitmq import RabbitMQ


class Feed(Protocol):
    """A topic or a queue."""

    @property
    def kind(self) -> Literal["kafka", "rabbitmq"]:
        """Of which broker."""

    @property
    def broker(self) -> str:
        """Its address, as clients want it."""

    @property
    def stream(self) -> str:
        """The topic's or queue's name."""

    @property
    def place(self) -> Sequence[str]:
        """What an event's context says of its record."""

    def left(self, group: str) -> int:
        """Records not settled by that group."""


@dataclass(frozen=True)
class TopicFeed:
    """Of Kafka; every group reads it from the beginning."""

    kafka: Kafka
    stream: str
    events: int
    kind: Literal["kafka"] = "kafka"
    place: Sequence[str] = ("topic", "partition", "offset")

    @property
    def broker(self) -> str:
        """Bootstrap servers."""
        return self.kafka.brokers

    def left(self, group: str) -> int:
        """Records that the group has not committed."""
        return self.events - sum(committed(self.kafka, group, self.stream).values())

    def shares(self, group: str) -> list[int]:
        """How many partitions each member of the group has."""
        admin = self.kafka.admin()
        described = admin.describe_consumer_groups([group])[group].result(30)
        return sorted(len(member.assignment.topic_partitions) for member in described.members)


@dataclass(frozen=True)
class QueueFeed:
    """Of RabbitMQ; read once."""

    rabbitmq: RabbitMQ
    stream: str
    kind: Literal["rabbitmq"] = "rabbitmq"
    place: Sequence[str] = ("queue",)

    @property
    def broker(self) -> str:
        """The node's address, without user."""
        return self.rabbitmq.address

    def left(self, group: str) -> int:
        """Messages ready again now that nobody consumes; acknowledged ones may take a moment to go."""
        try:
            wait_until(
                lambda: self.rabbitmq.depth(self.stream) == 0, timeout_seconds=2, what="an empty queue"
            )
        except PartFailed:
            return self.rabbitmq.depth(self.stream)
        return 0


def committed(kafka: Kafka, group: str, topic: str) -> dict[int, int]:
    """What the group has committed of a topic, by partition; 0 where it has not."""
    admin = kafka.admin()
    numbers = admin.list_topics(topic, timeout=10).topics[topic].partitions
    places = [TopicPartition(topic, number) for number in numbers]
    asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)])
    found = asked[group].result(30).topic_partitions or []
    return {place.partition: max(0, place.offset) for place in found}
