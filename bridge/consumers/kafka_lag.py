"""How far behind each partition is, and which ones wait because the brokers refuse to give their records.

A refused fetch is reported once, and the connection stays up: nobody else would say why nothing comes.
Owned by the consumer thread.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from bridge.consumers.base import ConsumerStats
from bridge.consumers.kafka_client import LATEST, Partition
from bridge.errors import ConsumerError
from bridge.model import Stream

_ASK_SECONDS = 0.5


class Asker(Protocol):
    """Who knows the ends of partitions."""

    def high_watermark(self, partition: Partition) -> int | None:
        """As the last fetch had it; None before the first."""
        ...

    def offsets_at(
        self, partitions: Collection[Partition], time_ms: int, timeout_seconds: float
    ) -> Mapping[Partition, int]:
        """By asking the brokers."""
        ...


class Lag:
    """Ends less committed offsets.

    Args:
        asker: the client.
        stats: where the figures go.
    """

    def __init__(self, asker: Asker, stats: ConsumerStats) -> None:
        self._asker = asker
        self._stats = stats
        self._committed: dict[Stream, int] = {}
        self._ends: dict[Stream, int] = {}
        self._refused: set[str] = set()

    def __repr__(self) -> str:
        return f"<Lag of {len(self._ends)} refused={sorted(self._refused)}>"

    def committed(self, offsets: Mapping[Stream, int]) -> None:
        """These are the positions now."""
        self._committed.update(offsets)

    def forget(self, streams: Collection[Stream]) -> None:
        """They are not ours any more."""
        for stream in streams:
            self._committed.pop(stream, None)
            self._ends.pop(stream, None)

    def refuse(self, topic: str) -> None:
        """The brokers do not let its records be read."""
        self._refused.add(topic)

    def heard(self, topics: Collection[str]) -> None:
        """Records of these came, so whatever was refused is allowed again."""
        if self._refused:
            self._refused.difference_update(topics)

    def measure(self, ours: Mapping[Partition, Stream], still: Collection[Stream]) -> None:
        """From the last fetch; where nothing is fetched (``still``, or refused), the end is asked for."""
        ends = {stream: self._asker.high_watermark(partition) for partition, stream in ours.items()}
        self._ends.update({stream: end for stream, end in ends.items() if end is not None})
        silent = [
            partition
            for partition, stream in ours.items()
            if stream in still or ends[stream] is None or partition.topic in self._refused
        ]
        self._ends.update({ours[partition]: end for partition, end in self._ask(silent).items()})
        lag = {stream: max(0, end - self._committed.get(stream, end)) for stream, end in self._ends.items()}
        self._stats.lag = lag
        self._stats.refused = frozenset(
            stream
            for partition, stream in ours.items()
            if partition.topic in self._refused and lag.get(stream)
        )

    def _ask(self, partitions: Collection[Partition]) -> Mapping[Partition, int]:
        try:
            return self._asker.offsets_at(partitions, LATEST, _ASK_SECONDS) if partitions else {}
        except ConsumerError:
            # Only figures are late; the connection is watched elsewhere.
            return {}
