"""A topic of letters: places are ``partition:offset``, marks are records of the same partition.

In the same partition a letter is never kept longer than its mark, whatever the topic's retention.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import wait
from datetime import UTC, datetime

from bridge.consumers.kafka_client import KafkaPublisher, Properties
from bridge.consumers.kafka_topic import KafkaTopic
from bridge.errors import DeadLetterError
from bridge.redrive.archive import Entry
from bridge.redrive.found import FoundLetter
from bridge.redrive.marks import mark_entry

_MARK_SECONDS = 60.0
_CLOSE_SECONDS = 5.0


class KafkaArchive:
    """See ``archive.Archive``.

    Args:
        properties: of the connection.
        publishing: of the client that writes marks.
        topic: where the letters lie.

    Raises:
        ConsumerError: no such topic, or no broker answers.
    """

    note = ""

    def __init__(self, properties: Properties, publishing: Properties, topic: str) -> None:
        self._topic = topic
        self._publishing = publishing
        self._reader = KafkaTopic(properties, topic)
        self._publisher: KafkaPublisher | None = None

    def read(self) -> Iterator[Entry]:
        """Partition by partition, mixed as they come."""
        for record in self._reader.read():
            yield Entry(f"{record.stream.number}:{record.offset}", record)

    def mark(self, letters: Sequence[FoundLetter]) -> None:
        """Write a record for each, confirmed by all in-sync replicas."""
        if self._publisher is None:
            self._publisher = KafkaPublisher(self._publishing)
        now = datetime.now(UTC)
        written = []
        for letter in letters:
            mark, partition = mark_entry(letter, now), int(letter.place.partition(":")[0])
            written.append(
                self._publisher.publish(self._topic, mark.key, None, mark.headers, partition=partition)
            )
        done, open_ = wait(written, _MARK_SECONDS)
        for one in done:
            one.result()
        if open_:
            raise DeadLetterError("the broker did not confirm a mark in time")

    def close(self) -> None:
        """Leave both clients."""
        self._reader.close()
        if self._publisher is not None:
            self._publisher.close(_CLOSE_SECONDS)
