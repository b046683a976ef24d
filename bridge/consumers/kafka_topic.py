"""A topic read from its beginning to its end as that was, outside of any group. Blocking."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress

from bridge.consumers.kafka_client import (
    EARLIEST,
    LATEST,
    ConsumerClient,
    Partition,
    Properties,
    connection_only,
)
from bridge.consumers.kafka_faults import Fault, Kind, PartitionFault
from bridge.consumers.kafka_records import record_of
from bridge.errors import ConnectionLost, ConsumerError
from bridge.model import Record, Stream

_GROUP = "filum-bridge-dlq"
_ASK_SECONDS = 15.0
_SILENCE_SECONDS = 30.0
_BATCH = 500
_READING: Properties = {
    "group.id": _GROUP,  # the client wants one; it is never joined, and nothing is committed
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "earliest",  # retention went on meanwhile
    "fetch.wait.max.ms": 100,
    "queued.max.messages.kbytes": 8_192,
}


class KafkaTopic:
    """All records of a topic as it was when this was made. Owned by one thread at a time.

    Args:
        properties: of the connection; what is none of a consumer's is left out.
        topic: which.

    Raises:
        ConsumerError: no such topic, or no broker answers.
    """

    def __init__(self, properties: Properties, topic: str) -> None:
        self._faults = _Faults()
        self._client = ConsumerClient({**connection_only(properties), **_READING}, self._faults)
        try:
            partitions = self._partitions(topic)
            self._starts = self._client.offsets_at(partitions, EARLIEST, _ASK_SECONDS)
            self._ends = self._client.offsets_at(partitions, LATEST, _ASK_SECONDS)
        except ConsumerError:
            self._client.close()
            raise

    def _partitions(self, topic: str) -> list[Partition]:
        if found := [one for one in self._client.partitions(_ASK_SECONDS) if one.topic == topic]:
            return found
        raise ConsumerError(f"no topic {topic!r}", "create it, or correct `dead_letters.topic`")

    def read(self) -> Iterator[Record]:
        """Every record, in the order of each partition; may be asked again.

        Raises:
            ConsumerError: they cannot be read on.
        """
        left = {one: self._ends[one] for one, start in self._starts.items() if start < self._ends[one]}
        added = {one: self._starts[one] for one in left}
        self._client.add(added)
        try:
            yield from self._read(left)
        finally:
            with suppress(ConsumerError):  # the client may have been left meanwhile
                self._client.remove(added)

    def _read(self, left: dict[Partition, int]) -> Iterator[Record]:
        heard_seconds = time.monotonic()
        while left:
            messages, faults = self._client.read(_BATCH, 0.5)
            if messages or faults:
                heard_seconds = time.monotonic()
            elif time.monotonic() - heard_seconds > _SILENCE_SECONDS:
                raise ConnectionLost(f"no broker answered in {_SILENCE_SECONDS:g} s", self._faults.last)
            for message in messages:
                partition = Partition(message.topic() or "", message.partition() or 0)
                end, offset = left.get(partition, 0), message.offset() or 0
                if offset < end:
                    yield record_of(message, Stream("", *partition), 0)
                if offset + 1 >= end:
                    left.pop(partition, None)
            self._end(left, faults)

    def _end(self, left: dict[Partition, int], faults: Sequence[PartitionFault]) -> None:
        """At a partition's end nothing is left of it, whatever its last offsets were."""
        for one in faults:
            if one.fault.kind is not Kind.END:
                raise one.fault.as_error()
            left.pop(Partition(one.topic, one.number), None)

    def close(self) -> None:
        """Leave."""
        self._client.close()


class _Faults:
    """See ``kafka_client.Watcher``: what is wrong with the connection, for when nothing comes any more."""

    last = "check `brokers` and the network"

    def on_assigned(self, partitions: Sequence[Partition]) -> None:
        """No group, no assignment."""

    def on_revoked(self, partitions: Sequence[Partition]) -> None:
        """The same."""

    def on_lost(self, partitions: Collection[Partition]) -> None:
        """The same."""

    def on_committed(self, results: Mapping[Partition, Fault | None]) -> None:
        """Nothing is committed."""

    def on_fault(self, fault: Fault) -> None:
        """Keep its words."""
        self.last = f"{fault.text}: {fault.remedy}" if fault.remedy else fault.text
