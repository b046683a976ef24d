"""The contract suite on the broker in memory."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bridge.consumers.base import Consumer, Inbox, Settles
from bridge.consumers.memory import MemoryBroker, MemoryConsumer, MemorySettings
from tests.contract.harness import Abilities, Message


class MemoryHarness:
    """Two partitions of one topic."""

    abilities = Abilities(Settles.WATERMARK, drops=False, keeps_metadata=True)

    def __init__(self) -> None:
        self._broker = MemoryBroker({"t": 2})

    def produce(self, messages: Sequence[Message], number: int = 0) -> None:
        """Append."""
        for one in messages:
            self._broker.produce("t", one.value, one.key, one.headers, partition=number)

    def consumer(self, inbox: Inbox) -> Consumer:
        """A member of the only group."""
        return MemoryConsumer(MemorySettings(name="m", topics=("t",)), inbox, broker=self._broker)

    def revoke(self) -> None:
        """By order of the broker."""
        self._broker.revoke("bridge")

    def lose(self) -> None:
        """By order of the broker."""
        self._broker.lose("bridge")

    def drop_connection(self) -> None:
        """There is none."""
        raise NotImplementedError

    def close(self) -> None:
        """Nothing stays."""


def open_harness(request: pytest.FixtureRequest, *, own_broker: bool) -> MemoryHarness:
    """A fresh broker."""
    return MemoryHarness()
