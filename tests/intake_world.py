"""An intake alone: a consumer that remembers, and nobody above it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import SimpleNamespace

from bridge.config import Limits
from bridge.consumers.base import Consumer, Settles
from bridge.intake import Intake
from bridge.model import Outcome, Position, Record, Stream
from bridge.settle.tickets import Load, Ticket

P0 = Stream("shop", "orders", 0)


class Client(Consumer):
    """Writes down what it is told."""

    settles = Settles.WATERMARK

    def __init__(self) -> None:
        super().__init__(SimpleNamespace(name="shop"), SimpleNamespace())
        self.said: list[str] = []
        self.positions: list[Position] = []
        self.widened: list[int] = []

    def start(self) -> None:
        """Nothing to start."""

    def settle(self, positions: Sequence[Position]) -> None:
        self.positions += positions

    def widen(self) -> None:
        self.widened.append(len(self.positions))

    def give_back(self, streams: Collection[Stream]) -> None:
        self.said.append(f"give back after {len(self.positions)}")

    def pause(self, streams: Collection[Stream]) -> None:
        self.said.append("pause")

    def resume(self, streams: Collection[Stream]) -> None:
        self.said.append("resume")

    def close(self, budget_seconds: float) -> Future[None]:
        return Future()


@dataclass
class Above:
    """Takes tickets in and keeps them; stuck when told."""

    tickets: list[Ticket] = field(default_factory=list)
    stuck: bool = False
    blocking: dict[str, int] = field(default_factory=dict)
    retried: dict[Stream, Load] = field(default_factory=dict)
    asked: int = 0
    crowds: list[bool] = field(default_factory=list)

    def take_in(self, intake: Intake, tickets: Sequence[Ticket]) -> None:
        for ticket in tickets:
            ticket.parts = 1
            self.tickets.append(ticket)

    def given_back(self) -> None:
        """Nothing to forget."""

    def blocked(self) -> dict[str, int]:
        return self.blocking

    def retrying(self, source: str) -> dict[Stream, Load]:
        self.asked += 1
        return self.retried

    def crowded(self, intake: Intake, is_crowded: bool) -> None:
        self.crowds.append(is_crowded)

    def is_stuck(self) -> bool:
        return self.stuck

    def linked(self, intake: Intake, detail: str) -> None:
        """Not watched here."""

    def rebalanced(self, intake: Intake, kind: str, streams: Collection[Stream]) -> None:
        """Not watched here."""

    def ignored(self, intake: Intake, what: Sequence[str]) -> None:
        """Not watched here."""

    def ended(self, intake: Intake, error: Exception | None) -> None:
        """Not watched here."""


def world(limit: int = 10) -> tuple[Intake, Client, Above]:
    client, above = Client(), Above()
    limits = Limits.model_validate({"records_in_flight": limit})
    intake = Intake(client, limits, 0.0, above, above)
    intake.on_assigned({P0: 1})
    return intake, client, above


def records(*offsets: int, epoch: int = 1) -> list[Record]:
    return [Record(P0, offset, epoch, b"x") for offset in offsets]


def finish(intake: Intake, ticket: Ticket) -> None:
    if intake.ledger.part_done(ticket, Outcome.DELIVERED, 0):
        intake.closed()
