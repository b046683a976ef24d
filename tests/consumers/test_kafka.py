"""The Kafka consumer and publisher on a real broker: what is Kafka's own, beyond the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition

from bridge.config import Secret
from bridge.consumers.base import Link
from bridge.consumers.kafka import KafkaConsumer, KafkaSettings
from bridge.consumers.kafka_client import (
    ConsumerClient,
    KafkaAdmin,
    KafkaPublisher,
    Message,
    MockCluster,
    Watcher,
)
from bridge.consumers.kafka_faults import Fault, Kind, PartitionFault
from bridge.consumers.kafka_settings import consumer_properties
from bridge.errors import ConfigError, DeadLetterError, DeadLetterTooLarge
from bridge.model import Position, Stream
from tests.contract.inbox import RecordingInbox, close, done_with, eventually
from tests.parts.kafka import Kafka
from tests.parts.process import free_port

Start = Callable[..., tuple[KafkaConsumer, RecordingInbox]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start consumers of a group named after the test's topic; all are closed at the end."""
    started: list[KafkaConsumer] = []

    def begin(brokers: str, *topics: str, **more: Any) -> tuple[KafkaConsumer, RecordingInbox]:
        inbox = RecordingInbox()
        make = more.pop("of", KafkaConsumer)
        keywords = {key: more.pop(key) for key in ("secret_reader", "excluded_topics") if key in more}
        settings = KafkaSettings.model_validate(
            {"name": "k", "brokers": brokers, "group": f"g-{topics[0].strip('^')}", "topics": topics, **more}
        )
        consumer: KafkaConsumer = make(settings, inbox, **keywords)
        started.append(consumer)
        consumer.start()
        return consumer, inbox

    yield begin
    for consumer in started:
        close(consumer, 2.0)


@pytest.fixture
def publisher(kafka: Kafka) -> Iterator[KafkaPublisher]:
    """A publisher of the session's Kafka."""
    publisher = KafkaPublisher({"bootstrap.servers": kafka.brokers})
    yield publisher
    publisher.close(5.0)


def _publish(publisher: KafkaPublisher, topic: str, *bodies: bytes, timestamp_ms: int | None = None) -> None:
    for written in [publisher.publish(topic, None, body, (), timestamp_ms) for body in bodies]:
        written.result(timeout=20)


def _committed(kafka: Kafka, topic: str, number: int = 0) -> tuple[int, str | None]:
    asked = ConsumerGroupTopicPartitions(f"g-{topic}", [TopicPartition(topic, number)])
    admin = kafka.admin()
    answers = admin.list_consumer_group_offsets([asked])
    place = next(iter(answers.values())).result(10).topic_partitions[0]
    return place.offset, place.metadata


@pytest.mark.kafka
def test_a_new_group_that_starts_at_the_latest_commits_that_before_the_first_record(
    kafka: Kafka, start: Start, publisher: KafkaPublisher
) -> None:
    """What was there is skipped once, for all partitions, and nothing that comes later."""
    topic = kafka.new_topic("latest", partitions=2)
    _publish(publisher, topic, *[b"old"] * 20)
    consumer, inbox = start(kafka.brokers, topic, start="latest")
    assert inbox.wait_until(lambda: len(inbox.epochs) == 2)
    assert sum(_committed(kafka, topic, number)[0] for number in (0, 1)) == 20
    close(consumer)
    _publish(publisher, topic, b"new")
    _, again = start(kafka.brokers, topic, start="latest")
    assert [record.value for record in again.wait_for_records(1)] == [b"new"]


@pytest.mark.kafka
def test_a_new_group_may_start_at_a_time(kafka: Kafka, start: Start, publisher: KafkaPublisher) -> None:
    """The first record at or after it is the first that comes."""
    topic = kafka.new_topic("time")
    for minute in range(5):
        _publish(publisher, topic, b"%d" % minute, timestamp_ms=1_700_000_000_000 + 60_000 * minute)
    at = datetime.fromtimestamp(1_700_000_000 + 150, UTC)
    _, inbox = start(kafka.brokers, topic, start=at.isoformat())
    assert [record.value for record in inbox.wait_for_records(2)] == [b"3", b"4"]


@pytest.mark.kafka
def test_metadata_travels_with_the_commit(kafka: Kafka, start: Start, publisher: KafkaPublisher) -> None:
    """The text of a position is kept by the broker as it is."""
    topic = kafka.new_topic("metadata")
    _publish(publisher, topic, b"1", b"2")
    consumer, inbox = start(kafka.brokers, topic)
    stream = inbox.wait_for_records(2)[0].stream
    consumer.settle([Position(stream, 1, inbox.epochs[stream], "v1:map")])
    assert eventually(lambda: _committed(kafka, topic) == (1, "v1:map"))


@pytest.mark.kafka
def test_metadata_beyond_the_brokers_limit_does_not_stop_commits(
    kafka: Kafka, start: Start, publisher: KafkaPublisher
) -> None:
    """The bare offset is committed, the failure is counted."""
    topic = kafka.new_topic("metadata")
    _publish(publisher, topic, b"1")
    consumer, inbox = start(kafka.brokers, topic)
    stream = inbox.wait_for_records(1)[0].stream
    consumer.settle([Position(stream, 1, inbox.epochs[stream], "x" * 5000)])
    assert eventually(lambda: _committed(kafka, topic)[0] == 1)
    assert eventually(lambda: (consumer.stats.commits_failed, consumer.stats.commits_ok) == (1, 1))


def _lose_offset(kafka: Kafka, topic: str, publisher: KafkaPublisher, start: Start) -> None:
    """A group that has read 2 of 10 records, of which the broker then forgets the first 6."""
    _publish(publisher, topic, *[b"%d" % number for number in range(10)])
    consumer, inbox = start(kafka.brokers, topic)
    consumer.settle(done_with(inbox.wait_for_records(10)[:2], consumer.settles))
    close(consumer)
    admin = kafka.admin()
    for deleted in admin.delete_records([TopicPartition(topic, 0, 6)]).values():
        deleted.result(20)


@pytest.mark.kafka
def test_a_lost_offset_stops_its_partition_and_says_so(
    kafka: Kafka, start: Start, publisher: KafkaPublisher
) -> None:
    """The default: never a silent jump, and the group's offset stays where it was."""
    topic = kafka.new_topic("lost")
    _lose_offset(kafka, topic, publisher, start)
    consumer, inbox = start(kafka.brokers, topic)
    assert inbox.wait_until(lambda: any("is held" in detail for _, detail in inbox.links))
    assert consumer.stats.offsets_lost == 1
    assert consumer.stats.without_offset == {Stream("k", topic)}
    assert eventually(lambda: consumer.stats.paused == {Stream("k", topic)})
    assert not inbox.received
    close(consumer)
    assert _committed(kafka, topic)[0] == 2


@pytest.mark.kafka
def test_a_lost_offset_may_go_on_at_the_beginning(
    kafka: Kafka, start: Start, publisher: KafkaPublisher
) -> None:
    """In a new epoch, counted, and committed so that a restart does not lose it again."""
    topic = kafka.new_topic("lost")
    _lose_offset(kafka, topic, publisher, start)
    consumer, inbox = start(kafka.brokers, topic, on_offset_lost="earliest")
    received = inbox.wait_for_records(4)
    assert [record.offset for record in received] == [6, 7, 8, 9]
    assert consumer.stats.offsets_lost == 1
    assert len(inbox.assignments) == 2
    assert received[0].epoch == inbox.epochs[received[0].stream]
    assert _committed(kafka, topic)[0] == 6


class LateFaults(KafkaConsumer):
    """Is told once, behind the first records, that an offset is out of range, as librdkafka does."""

    def _open_client(self, watcher: Watcher) -> ConsumerClient:
        properties = consumer_properties(self.settings, self.secret_reader)
        return _LateFaultsClient(properties, watcher)


class _LateFaultsClient(ConsumerClient):
    _is_told = False

    def read(self, limit: int, timeout_seconds: float) -> tuple[list[Message], list[PartitionFault]]:
        good, faults = super().read(limit, timeout_seconds)
        if good and not self._is_told:
            self._is_told = True
            place = (good[-1].topic() or "", good[-1].partition() or 0)
            faults.append(PartitionFault(*place, Fault(Kind.OFFSET_LOST, "out of range")))
        return good, faults


@pytest.mark.kafka
@pytest.mark.parametrize("choice", ["stop", "earliest"])
def test_a_fault_of_a_position_that_was_left_is_not_believed(
    kafka: Kafka, start: Start, publisher: KafkaPublisher, choice: str
) -> None:
    """What comes next is there: nothing is held, nothing comes twice, and reading goes on."""
    topic = kafka.new_topic("late")
    _publish(publisher, topic, b"1", b"2")
    consumer, inbox = start(kafka.brokers, topic, of=LateFaults, on_offset_lost=choice)
    inbox.wait_for_records(2)
    _publish(publisher, topic, b"3")
    assert [record.value for record in inbox.wait_for_records(3)] == [b"1", b"2", b"3"]
    assert (consumer.stats.offsets_lost, len(inbox.assignments)) == (0, 1)


@pytest.mark.kafka
def test_a_topic_that_is_not_there_is_named_and_found_when_it_comes(kafka: Kafka, start: Start) -> None:
    """The process stays alive; nobody must restart it."""
    topic = kafka.new_topic("present")
    absent = f"absent-{topic}"
    _, inbox = start(kafka.brokers, absent, client={"topic.metadata.refresh.interval.ms": 500})
    assert inbox.wait_until(lambda: any(absent in detail for _, detail in inbox.links))
    assert not inbox.failures
    KafkaAdmin({"bootstrap.servers": kafka.brokers}).create_topics({absent: 1})
    assert inbox.wait_until(lambda: bool(inbox.epochs))


@pytest.mark.kafka
def test_topics_are_found_by_pattern_but_for_excluded_ones(
    kafka: Kafka, start: Start, publisher: KafkaPublisher
) -> None:
    """A dead-letter topic that a pattern matches is not read."""
    topic = kafka.new_topic("pattern")
    letters = f"{topic}.dead"
    KafkaAdmin({"bootstrap.servers": kafka.brokers}).create_topics({letters: 1})
    _publish(publisher, letters, b"letter")
    _publish(publisher, topic, b"record")
    consumer, inbox = start(kafka.brokers, f"^{topic}.*", excluded_topics=[letters])
    assert [record.value for record in inbox.wait_for_records(1)] == [b"record"]
    assert inbox.stays_at_most(1, 0.5)
    assert consumer.stats.assigned == {Stream("k", topic)}


@pytest.mark.kafka
def test_lag_counts_what_is_not_committed_also_while_paused(
    kafka: Kafka, start: Start, publisher: KafkaPublisher
) -> None:
    """Of a paused partition nothing is fetched, its lag grows all the same."""
    topic = kafka.new_topic("lag")
    _publish(publisher, topic, b"1", b"2", b"3")
    consumer, inbox = start(kafka.brokers, topic)
    received = inbox.wait_for_records(3)
    stream = received[0].stream
    consumer.settle(done_with(received[:1], consumer.settles))
    assert eventually(lambda: consumer.stats.lag.get(stream) == 2)
    consumer.pause([stream])
    _publish(publisher, topic, *[b"x"] * 5)
    assert eventually(lambda: consumer.stats.lag.get(stream) == 7)


@pytest.mark.kafka
def test_a_member_without_partitions_is_on_standby(kafka: Kafka, start: Start) -> None:
    """It is connected, and another one has the work."""
    topic = kafka.new_topic("standby")
    _, first = start(kafka.brokers, topic)
    assert first.wait_until(lambda: bool(first.epochs))
    _, second = start(kafka.brokers, topic)
    assert second.wait_until(lambda: any(state is Link.STANDBY for state, _ in second.links)) or (
        first.wait_until(lambda: any(state is Link.STANDBY for state, _ in first.links))
    )


def test_an_unreachable_broker_is_one_line_and_no_end(start: Start) -> None:
    """The consumer lives on and says so once; closing it does not hang."""
    address = f"127.0.0.1:{free_port()}"
    consumer, inbox = start(address, "t")
    assert inbox.wait_until(lambda: any("no connection" in detail for _, detail in inbox.links))
    assert not inbox.wait_until(lambda: len(inbox.links) > 2, 2.5), inbox.links
    assert address in inbox.links[-1][1]
    assert not inbox.failures
    close(consumer, 1.0)


def test_a_password_appears_nowhere(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in what is said nor in what is logged, nor in the repr of anything that holds it."""
    security = {
        "protocol": "sasl_plaintext",
        "mechanism": "PLAIN",
        "username": "u",
        "password": {"env": "P"},
    }
    consumer, inbox = start(
        f"127.0.0.1:{free_port()}", "t", security=security, secret_reader=lambda _: "hunter2-secret"
    )
    assert inbox.wait_until(lambda: any("no connection" in detail for _, detail in inbox.links))
    seen = f"{caplog.text}{inbox.links}{inbox.failures}{vars(consumer)}{vars(consumer.worker)}"
    assert "hunter2" not in seen


def test_a_secret_that_cannot_be_read_fails_the_source(start: Start) -> None:
    """At once, not after a day of refused logins."""

    def unreadable(secret: Secret) -> str:
        raise ConfigError(f"{secret} is not set")

    security = {
        "protocol": "sasl_plaintext",
        "mechanism": "PLAIN",
        "username": "u",
        "password": {"env": "P"},
    }
    _, inbox = start("127.0.0.1:1", "t", security=security, secret_reader=unreadable)
    assert inbox.wait_until(lambda: bool(inbox.failures))
    assert "env P" in str(inbox.failures[0])


def test_a_property_that_does_not_exist_fails_the_source_by_its_name(start: Start) -> None:
    """It is librdkafka that knows all names."""
    _, inbox = start("127.0.0.1:1", "t", client={"fetch.wait.max.mss": 3})
    assert inbox.wait_until(lambda: bool(inbox.failures))
    assert "fetch.wait.max.mss" in str(inbox.failures[0])


def test_the_cluster_in_memory_speaks_kafka(start: Start) -> None:
    """Enough of it for a demo: produce, join, read, commit with metadata."""
    cluster = MockCluster()
    brokers = cluster.brokers()
    publisher = KafkaPublisher({"bootstrap.servers": brokers})
    _publish(publisher, "t", b"1", b"2")
    consumer, inbox = start(brokers, "t")
    consumer.settle(done_with(inbox.wait_for_records(2), consumer.settles))
    assert eventually(lambda: consumer.stats.commits_ok == 1)
    publisher.close(5.0)


@pytest.mark.kafka
def test_a_published_record_is_confirmed_and_untouched(
    kafka: Kafka, start: Start, publisher: KafkaPublisher
) -> None:
    """The future resolves when the broker has it: key, body, headers and time as given."""
    topic = kafka.new_topic("letters")
    headers = (("bridge-reason", b"refused"), ("odd", b"\xff"), ("odd", None))
    publisher.publish(topic, b"k", None, headers, 1_700_000_000_000).result(timeout=20)
    _, inbox = start(kafka.brokers, topic)
    record = inbox.wait_for_records(1)[0]
    assert (record.key, record.value, record.headers, record.timestamp_ms) == (
        b"k",
        None,
        headers,
        1_700_000_000_000,
    )


@pytest.mark.kafka
def test_a_record_that_no_broker_takes_fails_as_too_large(kafka: Kafka, publisher: KafkaPublisher) -> None:
    """Whether the client or the broker refuses it."""
    topic = kafka.new_topic("small", max_message_bytes="2000")
    for size in (5_000, 5_000_000):
        with pytest.raises(DeadLetterTooLarge):
            publisher.publish(topic, None, b"\x01\xfe" * (size // 2)).result(timeout=20)


def test_what_is_not_confirmed_fails_when_the_publisher_closes() -> None:
    """Nothing that waits for a letter waits for ever."""
    publisher = KafkaPublisher({"bootstrap.servers": f"127.0.0.1:{free_port()}"})
    written = publisher.publish("t", None, b"x")
    publisher.close(0.2)
    with pytest.raises(DeadLetterError):
        written.result(timeout=5)


@pytest.mark.kafka
@pytest.mark.parametrize("offset_map", [True, False])
def test_a_topic_that_was_made_again_is_read_from_its_beginning(
    kafka: Kafka, start: Start, publisher: KafkaPublisher, offset_map: bool
) -> None:
    """Left alone, librdkafka goes on at the old offset: 20 records of the new log are never read."""
    topic = kafka.new_topic("again")
    _publish(publisher, topic, *[b"old %d" % number for number in range(20)])
    consumer, inbox = start(kafka.brokers, topic, offset_map=offset_map)
    consumer.settle(done_with(inbox.wait_for_records(20), consumer.settles))
    admin = kafka.admin()
    admin.delete_topics([topic])[topic].result(20)
    assert eventually(lambda: topic not in kafka.admin().list_topics(timeout=10).topics)
    KafkaAdmin({"bootstrap.servers": kafka.brokers}).create_topics({topic: 1})
    another = KafkaPublisher({"bootstrap.servers": kafka.brokers})
    _publish(another, topic, *[b"new %d" % number for number in range(60)])
    another.close(5)
    received = inbox.wait_for_records(80)[20:]
    assert [record.offset for record in received] == list(range(60))
    assert all((record.value or b"").startswith(b"new") for record in received)
    assert consumer.stats.offsets_lost == 1
    assert any("was deleted and made again" in detail for _, detail in inbox.links)
