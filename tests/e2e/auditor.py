"""Holds what was produced against what the API accepted: nothing lost, order kept, duplicates explained."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

RULES = """
from: {{{kind}: [{name}]}}
rules:
  - name: audit
    emit:
      - event_type: track
        event_name: Audit Recorded
        user_id: "event.user"
        event_params:
          Seq: {{int: "event.seq"}}
          Offset: {{int: "{place}"}}
          Partition: {{int: "{number}"}}
"""


def kafka_rules(topic: str) -> str:
    """A rule that carries a record's place and sequence into its event."""
    return RULES.format(kind="topics", name=topic, place="meta.offset", number="meta.partition")


def queue_rules(queue: str) -> str:
    """The same where there is no offset."""
    return RULES.format(kind="queues", name=queue, place="event.seq", number="0")


@dataclass(frozen=True)
class Made:
    """One record as it was produced."""

    user: str
    seq: int

    @property
    def body(self) -> bytes:
        """The record's value."""
        return json.dumps({"user": self.user, "seq": self.seq}).encode()


def make(count: int, users: int, seed: int) -> list[Made]:
    """``count`` records over ``users`` users, each with a sequence of its own; the seed is printed."""
    print(f"seed {seed}: {count} records of {users} users")  # noqa: T201 - a failed run must be repeatable
    dice = random.Random(seed)  # noqa: S311 - test data
    seqs = dict.fromkeys((f"user-{n}" for n in range(users)), 0)
    made = []
    for _ in range(count):
        user = f"user-{dice.randrange(users)}"
        made.append(Made(user, seqs[user]))
        seqs[user] += 1
    return made


@dataclass(frozen=True)
class Taken:
    """One event as the API accepted it."""

    user: str
    seq: int
    offset: int
    partition: int
    event_id: str


def taken_of(accepted: Iterable[dict[str, object]]) -> list[Taken]:
    """The API's accept log, in the order of acceptance."""
    return [_taken(event) for event in accepted]


def _taken(event: dict[str, object]) -> Taken:
    params = event["event_params"]
    assert isinstance(params, list)
    values = {item["key"]: item["value"]["int_value"] for item in params}
    return Taken(
        str(event["user_id"]), values["Seq"], values["Offset"], values["Partition"], str(event["event_id"])
    )


@dataclass(frozen=True)
class Audit:
    """The verdict over a run."""

    lost: int
    duplicates: int
    order_violations: int
    ids_per_record: int

    def __str__(self) -> str:
        return f"lost={self.lost} duplicates={self.duplicates} order_violations={self.order_violations}"


class Event(Protocol):
    """One acceptance, whoever noted it."""

    @property
    def user(self) -> str:
        """Whose."""
        ...

    @property
    def seq(self) -> int:
        """Of that user."""
        ...

    @property
    def event_id(self) -> str:
        """The same at each delivery."""
        ...


def audit(made: Iterable[Made], taken: Iterable[Event]) -> Audit:
    """Order counts first acceptances only: a late duplicate may follow newer events."""
    first: dict[tuple[str, int], str] = {}
    newest: dict[str, int] = {}
    duplicates = violations = foreign = 0
    for event in taken:
        key = (event.user, event.seq)
        if key in first:
            duplicates += 1
            foreign += first[key] != event.event_id
            continue
        first[key] = event.event_id
        violations += event.seq < newest.get(event.user, -1)
        newest[event.user] = max(event.seq, newest.get(event.user, -1))
    lost = sum((one.user, one.seq) not in first for one in made)
    return Audit(lost, duplicates, violations, 1 + foreign)
