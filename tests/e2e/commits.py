"""What a group has committed on a real Kafka, and which records that calls finished."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from confluent_kafka import ConsumerGroupTopicPartitions, TopicCollection, TopicPartition

from bridge.settle.offset_map import OffsetMap, read
from tests.parts.kafka import Kafka


class Placed(Protocol):
    """An event that says where its record was."""

    @property
    def partition(self) -> int:
        """Of the topic."""
        ...

    @property
    def offset(self) -> int:
        """In the partition."""
        ...


def committed_places(kafka: Kafka, topic: str, group: str) -> list[TopicPartition]:
    """One for each partition of the topic, with what was written beside the offset."""
    admin = kafka.admin()
    numbers = range(len(admin.list_topics(topic, timeout=30).topics[topic].partitions))
    wanted = [TopicPartition(topic, number) for number in numbers]
    asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group, wanted)])
    return list(asked[group].result(30).topic_partitions or [])


def finished(kafka: Kafka, topic: str, group: str) -> Callable[[Placed], bool]:
    """Whether the group's last commit calls an event's record finished, by offset or by map."""
    admin = kafka.admin()
    described = admin.describe_topics(TopicCollection([topic]))[topic].result(30)
    cluster = admin.list_topics(timeout=30).cluster_id
    offsets: dict[int, int] = {}
    maps: dict[int, OffsetMap] = {}
    for place in committed_places(kafka, topic, group):
        log = f"{cluster}/{described.topic_id}/{place.partition}"
        offsets[place.partition] = place.offset
        found = read(place.metadata or "", log, place.offset)
        if isinstance(found, OffsetMap):
            maps[place.partition] = found

    def is_finished(event: Placed) -> bool:
        ranges = maps[event.partition].finished if event.partition in maps else ()
        is_below = event.offset < offsets.get(event.partition, 0)
        return is_below or any(a <= event.offset < b for a, b in ranges)

    return is_finished
