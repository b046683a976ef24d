"""The only importer of confluent_kafka: typed clients whose errors are already ours.

Nothing above this file sees a type of that library. A ``ConsumerClient`` is owned by one thread; its
callbacks run on that thread, inside ``read`` or ``close``. Every call that waits has a timeout.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cached_property
from typing import Any, NamedTuple, Protocol, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from bridge.consumers.kafka_faults import Fault, Kind, PartitionFault, fault_of
from bridge.errors import ConnectionLost, ConsumerError, DeadLetterError, DeadLetterTooLarge
from bridge.model import Headers

Property = str | int | float | bool
Properties = Mapping[str, Property]

EARLIEST = -2
LATEST = -1
"""Logical times of Kafka's ListOffsets request."""
ANY_PARTITION = -1
"""By the record's key; any where it has none."""

_LOG = logging.getLogger("bridge.librdkafka")
_LOG.addHandler(logging.NullHandler())
_LOG.propagate = False
_MOST_MILLISECONDS = 2**63 - 1
_MOCK_CLUSTER = "mockCluster"
_ASK_SECONDS = 5.0
_NO_TOPIC_IDS = ("None", "A" * 22)
"""None at all, or 128 zero bits: what brokers that know no topic ids answer."""
_ADMIN_PROPERTIES = (
    *("bootstrap.servers", "client.id", "security.protocol", "broker.", "client.", "sasl.", "ssl."),
    *("reconnect.", "socket.", "enable.ssl", "metadata.", "resolve.", "connections.", "debug", "log"),
)


class Partition(NamedTuple):
    """A partition of a topic."""

    topic: str
    number: int


class Mark(NamedTuple):
    """An offset, and the text that is kept with it."""

    offset: int
    metadata: str = ""


class Message(Protocol):
    """What is read of a message; bytes are untouched."""

    def topic(self) -> str | None:
        """Its topic."""
        ...

    def partition(self) -> int | None:
        """Its partition."""
        ...

    def offset(self) -> int | None:
        """Its offset."""
        ...

    def key(self) -> bytes | None:
        """Its key."""
        ...

    def value(self) -> bytes | None:
        """Its body; None is a tombstone."""
        ...

    def headers(self) -> Any:
        """List of (name, bytes or None), or None."""
        ...

    def timestamp(self) -> tuple[int, int]:
        """Kind of the time (0: none) and ms since 1970."""
        ...

    def leader_epoch(self) -> int | None:
        """Of the leader that took it; None from brokers that do not say."""
        ...


class Watcher(Protocol):
    """Who is told what happens to a consumer, on its thread."""

    def on_assigned(self, partitions: Sequence[Partition]) -> None:
        """These were given to us; ``add`` them when their start is known."""
        ...

    def on_revoked(self, partitions: Sequence[Partition]) -> None:
        """These go when this returns."""
        ...

    def on_lost(self, partitions: Sequence[Partition]) -> None:
        """These are gone already."""
        ...

    def on_committed(self, results: Mapping[Partition, Fault | None]) -> None:
        """The answer to an earlier ``commit``."""
        ...

    def on_fault(self, fault: Fault) -> None:
        """Something is wrong with the connection or the instance."""
        ...


class ConsumerClient:
    """A group member. Assigns nothing by itself: what ``add`` was not told of is not read."""

    def __init__(self, properties: Properties, watcher: Watcher) -> None:
        self._watcher = watcher
        self._properties = properties
        self._cluster = ""
        self._starts: dict[Partition, int] = {}
        callbacks = {"error_cb": self._on_error, "on_commit": self._on_commit}
        with _translated():
            self._client = Consumer({**properties, **callbacks}, logger=_LOG)

    def subscribe(self, topics: Sequence[str]) -> None:
        """Join the group for these topics, anew if we are in it; names that begin with ``^`` are patterns."""
        with _translated():
            self._client.unsubscribe()
            self._client.subscribe(
                list(topics),
                on_assign=self._on_assign,
                on_revoke=self._on_revoke,
                on_lost=self._on_lost,
            )

    def read(self, limit: int, timeout_seconds: float) -> tuple[list[Message], list[PartitionFault]]:
        """Wait for the first message, then take what is queued: one GIL release a batch."""
        with _translated():
            first = self._client.poll(timeout_seconds)
            if first is None:
                return [], []
            batch = [first, *self._client.consume(limit - 1, 0)] if limit > 1 else [first]
        faults = [_partition_fault(one) for one in batch if one.error() is not None]
        good = [one for one in batch if one.error() is None] if faults else batch
        return cast("list[Message]", good), faults

    def add(self, offsets: Mapping[Partition, int]) -> None:
        """Read these from there on."""
        places = [TopicPartition(*partition, offset) for partition, offset in offsets.items()]
        with _translated():
            self._client.incremental_assign(places)
        self._starts.update(offsets)

    def remove(self, partitions: Collection[Partition]) -> None:
        """Read these no more."""
        with _translated():
            self._client.incremental_unassign(_places(partitions))

    def next_offset(self, partition: Partition) -> int:
        """The one behind the last that ``read`` returned of it, or where it was added; no I/O."""
        with _translated():
            (place,) = self._client.position([TopicPartition(*partition)])
        return place.offset if place.offset >= 0 else self._starts[partition]

    def pause(self, partitions: Collection[Partition]) -> None:
        """Fetch no more; what was prefetched is thrown away and fetched again on ``resume``."""
        with _translated():
            self._client.pause(_places(partitions))

    def resume(self, partitions: Collection[Partition]) -> None:
        """Undo ``pause``."""
        with _translated():
            self._client.resume(_places(partitions))

    def committed(
        self, partitions: Collection[Partition], timeout_seconds: float
    ) -> dict[Partition, Mark | None]:
        """The group's offsets; None where it has none."""
        with _translated():
            found = self._client.committed(_places(partitions), timeout=timeout_seconds)
        for place in found:
            _raise_if(place.error)
        return {
            Partition(p.topic, p.partition): Mark(p.offset, p.metadata or "") if p.offset >= 0 else None
            for p in found
        }

    def offsets_at(
        self, partitions: Collection[Partition], time_ms: int, timeout_seconds: float
    ) -> dict[Partition, int]:
        """The first offset at or after a time, in ms since 1970, or at ``EARLIEST`` or ``LATEST``.

        A time after the last record gives the end.
        """
        asked = [TopicPartition(*partition, time_ms) for partition in partitions]
        with _translated():
            found = self._client.offsets_for_times(asked, timeout=timeout_seconds)
        for place in found:
            _raise_if(place.error)
        offsets = {Partition(p.topic, p.partition): p.offset for p in found}
        behind_the_end = [partition for partition, offset in offsets.items() if offset < 0]
        if behind_the_end and time_ms != LATEST:
            offsets |= self.offsets_at(behind_the_end, LATEST, timeout_seconds)
        return offsets

    def commit(self, marks: Mapping[Partition, Mark]) -> None:
        """Send a commit; ``on_committed`` tells the answer later, inside a ``read``."""
        places = [TopicPartition(*partition, *mark) for partition, mark in marks.items()]
        with _translated():
            self._client.commit(offsets=places, asynchronous=True)

    def high_watermark(self, partition: Partition) -> int | None:
        """The end of the partition as of its last fetch; no I/O."""
        with _translated():
            known = self._client.get_watermark_offsets(TopicPartition(*partition), cached=True)
        return known[1] if known[1] >= 0 else None

    def is_member(self) -> bool:
        """Its group's coordinator knows us; no I/O. Under KIP-848 that is not told: always true."""
        with _translated():
            return bool(self._client.memberid())

    def partitions(self, timeout_seconds: float) -> list[Partition]:
        """All partitions of all topics that we may see."""
        with _translated():
            topics = self._client.list_topics(timeout=timeout_seconds).topics
        return [Partition(name, number) for name, topic in topics.items() for number in topic.partitions]

    def logs(self, topics: Collection[str], timeout_seconds: float) -> dict[str, str]:
        """Topic → a name that no other log ever has: cluster id and topic id.

        Topics without one are left out: brokers before 2.8 give no topic ids, and librdkafka's mock cluster
        does not know the question.
        """
        with _translated():
            cluster = self._client.list_topics(timeout=timeout_seconds).cluster_id
        if not cluster or cluster.startswith(_MOCK_CLUSTER):
            return {}
        self._cluster = cluster
        return self._named(self._admin.topic_ids(topics, timeout_seconds))

    def ask_logs(self, topics: Collection[str]) -> Callable[[], dict[str, str] | None]:
        """As ``logs``, without waiting; call what is returned until it is not None."""
        answer = self._admin.ask_topic_ids(topics)

        def named() -> dict[str, str] | None:
            ids = answer()
            return None if ids is None else self._named(ids)

        return named

    def _named(self, ids: Mapping[str, str]) -> dict[str, str]:
        return {topic: f"{self._cluster}/{topic_id}" for topic, topic_id in ids.items()}

    @cached_property
    def _admin(self) -> KafkaAdmin:
        return KafkaAdmin(connection_only(self._properties))

    def close(self) -> None:
        """Leave the group; may take long while no broker answers."""
        with _translated():
            self._client.close()

    # An exception out of a callback would surface in any later call: the watcher must not raise.

    def _on_assign(self, _: Consumer, places: list[TopicPartition]) -> None:
        self.add({})
        self._watcher.on_assigned(_partitions(places))

    def _on_revoke(self, _: Consumer, places: list[TopicPartition]) -> None:
        self._watcher.on_revoked(_partitions(places))
        self.remove(_partitions(places))

    def _on_lost(self, _: Consumer, places: list[TopicPartition]) -> None:
        self._watcher.on_lost(_partitions(places))
        self.remove(_partitions(places))

    def _on_commit(self, error: KafkaError | None, places: list[TopicPartition]) -> None:
        self._watcher.on_committed(
            {Partition(p.topic, p.partition): _fault_or_none(p.error or error) for p in places}
        )

    def _on_error(self, error: KafkaError) -> None:
        self._watcher.on_fault(_fault(error))


class KafkaPublisher:
    """Writes records, each confirmed by all in-sync replicas. Its own thread serves the callbacks.

    Args:
        properties: connection and client properties; those that confirmation depends on are set here.
    """

    def __init__(self, properties: Properties) -> None:
        with _translated():
            self._producer = Producer({**_PUBLISHING, **properties, **_CONFIRMED}, logger=_LOG)
        self._open = True
        self._thread = threading.Thread(target=self._serve, name="kafka-publisher", daemon=True)
        self._thread.start()

    def publish(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        timestamp_ms: int | None = None,
        partition: int = ANY_PARTITION,
    ) -> Future[None]:
        """Write one record; any thread, returns at once.

        Returns:
            Resolves when the broker has confirmed the write; fails with ``DeadLetterError``, of type
            ``DeadLetterTooLarge`` where no repetition can help.
        """
        written: Future[None] = Future()

        def delivered(error: KafkaError | None, _: object) -> None:
            _resolve(written, None if error is None else _dead_letter_error(_fault(error)))

        try:
            self._producer.produce(
                topic,
                value,
                key,
                partition,
                on_delivery=delivered,
                timestamp=timestamp_ms if timestamp_ms and 0 < timestamp_ms <= _MOST_MILLISECONDS else 0,
                headers=list(headers),
            )
        except KafkaException as error:
            _resolve(written, _dead_letter_error(_fault(error.args[0])))
        except BufferError:
            _resolve(written, DeadLetterError("too many dead letters wait for the broker"))
        return written

    def close(self, budget_seconds: float) -> None:
        """Wait for what is under way; what is not confirmed then fails. Blocks up to the budget."""
        self._producer.flush(budget_seconds)
        self._open = False
        self._thread.join(1.0)
        self._producer.purge()
        self._producer.flush(0.1)

    def _serve(self) -> None:
        while self._open:
            self._producer.poll(0.1)


# A missing topic is known to be missing after 5 s, and found 10 s after it was made (defaults: 30 s, 5 min).
_PUBLISHING: Properties = {
    "delivery.timeout.ms": 30_000,
    "linger.ms": 5,
    "topic.metadata.propagation.max.ms": 5_000,
    "topic.metadata.refresh.interval.ms": 10_000,
}
_CONFIRMED: Properties = {"acks": "all", "enable.idempotence": True}


class KafkaAdmin:
    """Makes topics, and tells their ids."""

    def __init__(self, properties: Properties) -> None:
        with _translated():
            self._client = AdminClient({**properties}, logger=_LOG)

    def create_topics(
        self, partitions: Mapping[str, int], *, replication: int = 1, timeout_seconds: float = 30.0
    ) -> None:
        """Make these topics (name → how many partitions); those that exist stay as they are."""
        topics = [NewTopic(name, number, replication) for name, number in partitions.items()]
        for made in self._client.create_topics(topics, request_timeout=timeout_seconds).values():
            try:
                made.result(timeout_seconds)
            except TimeoutError as error:
                raise ConnectionLost("no broker answered in time", "check `brokers`") from error
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise _fault(error.args[0]).as_error() from error

    def topic_ids(self, topics: Collection[str], timeout_seconds: float) -> dict[str, str]:
        """Topic → id; those that the brokers give no id, or do not let us see, are left out."""
        with _translated():
            asked = self._client.describe_topics(
                TopicCollection(list(topics)), request_timeout=timeout_seconds
            )
        found: dict[str, str] = {}
        refused: KafkaError | None = None
        for name, answer in asked.items():
            try:
                found[name] = str(answer.result(timeout_seconds).topic_id)
            except TimeoutError as error:
                raise ConnectionLost("no broker answered in time", "check `brokers`") from error
            except KafkaException as error:
                refused = error.args[0]
        if not found:
            _raise_if(refused)
        return _without_none(found)

    def ask_topic_ids(self, topics: Collection[str]) -> Callable[[], dict[str, str] | None]:
        """As ``topic_ids``, without waiting; call what is returned until it is not None."""
        with _translated():
            asked = self._client.describe_topics(TopicCollection(list(topics)), request_timeout=_ASK_SECONDS)

        def answer() -> dict[str, str] | None:
            if not all(one.done() for one in asked.values()):
                return None
            known = {name: one.result() for name, one in asked.items() if one.exception() is None}
            return _without_none({name: str(one.topic_id) for name, one in known.items()})

        return answer


class MockCluster:
    """librdkafka's broker in memory: the wire protocol, groups and commits, no Java, nothing kept.

    It does not notice members that leave, so a second join of a group waits for the session's end.
    """

    def __init__(self, brokers: int = 1) -> None:
        with _translated():
            self._owner = Producer(
                {"bootstrap.servers": "127.0.0.1:1", "test.mock.num.brokers": brokers}, logger=_LOG
            )

    def brokers(self, timeout_seconds: float = 10.0) -> str:
        """What other clients take as ``bootstrap.servers``; the cluster lives as long as this object."""
        with _translated():
            known = self._owner.list_topics(timeout=timeout_seconds).brokers.values()
        return ",".join(f"{one.host}:{one.port}" for one in known)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except KafkaException as error:
        raise _fault(error.args[0]).as_error() from error
    except (RuntimeError, ValueError, TypeError) as error:
        raise ConsumerError(f"the Kafka client refused a call: {error}") from error


def _fault(error: KafkaError) -> Fault:
    return fault_of(error.name(), error.str(), fatal=error.fatal())


def _fault_or_none(error: KafkaError | None) -> Fault | None:
    return None if error is None else _fault(error)


def _raise_if(error: KafkaError | None) -> None:
    if error is not None:
        raise _fault(error).as_error()


def _partition_fault(message: Any) -> PartitionFault:
    return PartitionFault(message.topic() or "", message.partition(), _fault(message.error()))


def _dead_letter_error(fault: Fault) -> DeadLetterError:
    kind = DeadLetterTooLarge if fault.kind is Kind.TOO_LARGE else DeadLetterError
    return kind(f"{fault.text} ({fault.remedy})" if fault.remedy else fault.text)


def _resolve(future: Future[None], error: Exception | None) -> None:
    """The waiter may have given up: then there is nobody to tell."""
    if not future.set_running_or_notify_cancel():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


def _without_none(ids: Mapping[str, str]) -> dict[str, str]:
    return {name: topic_id for name, topic_id in ids.items() if topic_id not in _NO_TOPIC_IDS}


def connection_only(properties: Properties) -> Properties:
    """What any kind of client needs: properties of another kind would each give a warning."""
    return {name: value for name, value in properties.items() if name.startswith(_ADMIN_PROPERTIES)}


def _places(partitions: Collection[Partition]) -> list[TopicPartition]:
    return [TopicPartition(*partition) for partition in partitions]


def _partitions(places: Sequence[TopicPartition]) -> list[Partition]:
    return [Partition(place.topic, place.partition) for place in places]
