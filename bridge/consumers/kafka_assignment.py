"""Which partitions are ours, in which epoch, and which of them stand still. Pure; one thread owns it.

A partition goes through: given to us (``pending``, its start not yet known) → ours (has an epoch) → gone.
What the loop pauses stays paused over a reassignment; ``held`` means its offset is lost.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import count

from bridge.consumers.kafka_client import Partition
from bridge.model import Stream


class Assignment:
    """The partitions of one group member."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._epochs = count(1)
        self._at_rest: set[Partition] = set()
        self.routes: Mapping[tuple[str, int], tuple[Stream, int]] = {}
        """(topic, partition) → its stream and epoch, for those that are ours."""
        self.pending: set[Partition] = set()
        self.wanted_paused: set[Stream] = set()
        self.held: set[Stream] = set()

    def __repr__(self) -> str:
        return f"<Assignment ours={len(self.routes)} pending={len(self.pending)} held={len(self.held)}>"

    def stream(self, partition: Partition) -> Stream:
        """The stream of a partition, ours or not."""
        return Stream(self._source, *partition)

    def streams(self) -> frozenset[Stream]:
        """All that are ours."""
        return frozenset(stream for stream, _ in self.routes.values())

    def ours(self, partitions: Iterable[Partition]) -> list[Partition]:
        """Those of the given ones that are ours."""
        return [partition for partition in partitions if partition in self.routes]

    def epoch(self, stream: Stream) -> int | None:
        """The epoch of a stream; None when it is not ours."""
        route = self.routes.get((stream.name, stream.number))
        return None if route is None else route[1]

    def begin(self, partitions: Iterable[Partition]) -> dict[Stream, int]:
        """These are ours now; returns their new epochs."""
        epoch = next(self._epochs)
        begun: dict[tuple[str, int], tuple[Stream, int]] = {}
        begun.update({partition: (self.stream(partition), epoch) for partition in partitions})
        self.routes = {**self.routes, **begun}
        self.pending -= begun.keys()
        return dict(begun.values())

    def end(self, partitions: Collection[Partition]) -> None:
        """These are not ours any more, nor will they be."""
        gone = set(partitions)
        self.routes = {place: route for place, route in self.routes.items() if place not in gone}
        self.pending -= gone
        self._at_rest -= gone
        self.held -= {self.stream(partition) for partition in gone}

    def moved(self, partition: Partition) -> None:
        """The client was told anew where to read it, which ends its pause."""
        self._at_rest.discard(partition)

    def at_rest(self) -> frozenset[Stream]:
        """Those of ours that the client was told to pause."""
        return frozenset(self.stream(partition) for partition in self._at_rest)

    def change_pauses(self, *, everything: bool) -> tuple[list[Partition], list[Partition]]:
        """What the client must be told now so that exactly the right partitions are paused.

        Args:
            everything: all of ours must stand still, whatever the loop wants.

        Returns:
            The partitions to pause, and those to resume.
        """
        still = self.wanted_paused | self.held
        wanted = {
            Partition(*place) for place, (stream, _) in self.routes.items() if everything or stream in still
        }
        pause, resume = wanted - self._at_rest, self._at_rest - wanted
        self._at_rest = wanted
        return sorted(pause), sorted(resume)
