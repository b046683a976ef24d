"""A topic read whole, on a real Kafka: from where it begins to where it ended, and no further."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import Producer, TopicPartition

from bridge.consumers.kafka_topic import KafkaTopic
from bridge.errors import ConsumerError
from tests.parts.kafka import Kafka


def produce(kafka: Kafka, topic: str, *values: str, partition: int = 0) -> None:
    producer = Producer({"bootstrap.servers": kafka.brokers})
    for value in values:
        producer.produce(topic, value, partition=partition)
    assert producer.flush(30) == 0


@pytest.fixture
def topic(kafka: Kafka) -> str:
    return kafka.new_topic("whole", partitions=3)


def values(reader: KafkaTopic) -> list[str]:
    return sorted((record.value or b"").decode() for record in reader.read())


@pytest.fixture
def opened(kafka: Kafka, topic: str) -> Iterator[KafkaTopic]:
    produce(kafka, topic, "a", "b", partition=0)
    produce(kafka, topic, "c", partition=2)
    reader = KafkaTopic({"bootstrap.servers": kafka.brokers, "linger.ms": 5}, topic)
    yield reader
    reader.close()


@pytest.mark.kafka
def test_it_ends_where_it_ended_when_it_was_opened(kafka: Kafka, topic: str, opened: KafkaTopic) -> None:
    """However often it is read; a partition that was empty then is empty."""
    produce(kafka, topic, "later", partition=0)
    produce(kafka, topic, "later", partition=1)
    assert values(opened) == ["a", "b", "c"]
    assert values(opened) == ["a", "b", "c"]


@pytest.mark.kafka
def test_a_look_that_is_broken_off_does_not_shift_the_next(opened: KafkaTopic) -> None:
    """It begins at the beginning again."""
    next(opened.read())
    assert values(opened) == ["a", "b", "c"]


@pytest.mark.kafka
def test_what_retention_took_is_not_waited_for(kafka: Kafka, topic: str, opened: KafkaTopic) -> None:
    """Between two looks too."""
    admin = kafka.admin()
    for deleted in admin.delete_records([TopicPartition(topic, 0, 1)]).values():
        deleted.result(30)
    assert values(opened) == ["b", "c"]


@pytest.mark.kafka
def test_offsets_that_hold_no_record_end_it_too(kafka: Kafka, topic: str) -> None:
    """The marker of a transaction is the last offset, and never read; what was aborted is not there."""
    producer = Producer({"bootstrap.servers": kafka.brokers, "transactional.id": topic})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(topic, "kept", partition=1)
    producer.commit_transaction(30)
    producer.begin_transaction()
    producer.produce(topic, "aborted", partition=1)
    assert producer.flush(30) == 0
    producer.abort_transaction(30)
    reader = KafkaTopic({"bootstrap.servers": kafka.brokers}, topic)

    assert values(reader) == ["kept"]
    reader.close()


@pytest.mark.kafka
def test_a_topic_that_is_not_there_is_said(kafka: Kafka) -> None:
    """It is not made."""
    with pytest.raises(ConsumerError, match="no topic 'nowhere'"):
        KafkaTopic({"bootstrap.servers": kafka.brokers}, "nowhere")
