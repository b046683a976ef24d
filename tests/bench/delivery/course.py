"""What one run is: where records come from, how many, how they are answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.bench.delivery.sink import PLAIN, Manner


@dataclass(frozen=True)
class Course:
    """One run, as a scenario asks for it.

    Attributes:
        events: records in the topic or queue.
        expected: events that will be accepted; 0 means all of them.
    """

    events: int
    in_flight: int
    manner: Manner = PLAIN
    source: Literal["kafka", "classic", "quorum"] = "kafka"
    expected: int = 0

    @property
    def wanted(self) -> int:
        """Events that end the run once accepted."""
        return self.expected or self.events


@dataclass(frozen=True)
class Entry:
    """What a contestant is told at the start.

    Attributes:
        broker: bootstrap servers, or an AMQP address.
        stream: topic or queue.
        home: an empty folder of its own.
        ca: the authority of the sink's certificate; None over plain HTTP.
    """

    broker: str
    stream: str
    group: str
    url: str
    token: str
    in_flight: int
    home: Path
    ca: Path | None = None
    source: Literal["kafka", "rabbitmq"] = "kafka"
    options: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Launch:
    """How it is started."""

    command: list[str]
    env: dict[str, str]
