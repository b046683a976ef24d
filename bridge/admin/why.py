"""A snapshot → why anything waits, in words. Pure; no payloads."""

from __future__ import annotations

from typing import Any, NamedTuple

from bridge.admin.health import Health
from bridge.metrics import Snapshot
from bridge.stall_reasons import STALL_REASONS, Why


class Stall(NamedTuple):
    """One reason of a source or a destination.

    Attributes:
        who: such as ``source shop``.
        says: a clause that goes on from "… waits: ".
        do: the remedy.
    """

    who: str
    reason: str
    says: str
    do: str


def stalls(snapshot: Snapshot) -> list[Stall]:
    """What waits, destinations first: they are what sources wait for."""
    rows = sorted(
        (row["source"], row["destination"], row["reason"])
        for row, number in snapshot.rows("stalled")
        if number
    )
    return [_stall(*row) for row in rows]


def _stall(source: str, destination: str, reason: str) -> Stall:
    who = f"source {source}" if source else f"destination {destination}"
    why = STALL_REASONS.get(reason, Why(reason, "see the log"))
    return Stall(who, reason, why.says, why.do)


def status(snapshot: Snapshot, health: Health) -> dict[str, Any]:
    """What ``/status.json`` answers; ``filum-bridge status`` reads it."""
    return {
        "live": health.live,
        "ready": health.ready,
        "reasons": list(health.reasons),
        "records_in_flight": snapshot.total("records_in_flight"),
        "records_unaccounted": snapshot.value("records_unaccounted"),
        "lag": snapshot.total("consumer_lag"),
        "stalled": [one._asdict() for one in stalls(snapshot)],
        "unordered": unordered(snapshot),
    }


def unordered(snapshot: Snapshot) -> list[str]:
    """Sources of which some queue is read by others too: order across replicas is not promised."""
    return sorted(row["source"] for row, queues in snapshot.rows("partitions_unordered") if queues)
