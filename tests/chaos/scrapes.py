"""Looks at every bridge a few times a second, as Prometheus would: the accounts must balance at each look."""

from __future__ import annotations

import re
import threading
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

_EVERY_SECONDS = 0.2
_COMMIT_SECONDS = 1.0
"""A commit is answered so long after the oldest acceptance that it does not hold yet: an interval of 0.1 s, a
turn of the consumer of 0.1 s, and the broker, all on a machine that does ten other things."""
_FEW_LOOKS = 5
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_NO_ANSWER = ("timeout", "network")


class Sample(NamedTuple):
    """One series at one look."""

    labels: Mapping[str, str]
    value: float


Look = Mapping[str, list[Sample]]
"""All series of one look at one bridge, by name."""


def parse(text: str) -> Look:
    """Prometheus text → samples; a histogram's parts under their own names."""
    found: defaultdict[str, list[Sample]] = defaultdict(list)
    for line in text.splitlines():
        if line and line[0] != "#":
            series, _, value = line.rpartition(" ")
            name, _, labels = series.partition("{")
            found[name].append(Sample(dict(_LABEL.findall(labels)), float(value)))
    return found


def total(look: Look, name: str, **labels: str) -> float:
    """The sum over the series that have these labels."""
    return sum(one.value for one in look.get(name, []) if labels.items() <= one.labels.items())


def records_open(look: Look) -> float:
    """Records consumed that are in no account; 0, or a bug."""
    ended = sum(total(look, f"bridge_records_{kind}_total") for kind in ("settled", "given_back", "skipped"))
    return total(look, "bridge_records_consumed_total") - ended - total(look, "bridge_records_in_flight")


def events_open(look: Look) -> float:
    """Events created that are in no account; 0, or a bug."""
    waiting = total(look, "bridge_events_waiting")
    return total(look, "bridge_events_created_total") - total(look, "bridge_events_total") - waiting


def stalls(look: Look) -> set[str]:
    """The reasons something waits for."""
    return {one.labels["reason"] for one in look.get("bridge_stalled", []) if one.value}


def lost_partitions(look: Look) -> float:
    """How often partitions, or channels, went without notice."""
    return total(look, "bridge_rebalances_total", kind="lost")


def unanswered(look: Look) -> float:
    """Requests that were sent and ended without an answer."""
    return sum(total(look, "bridge_requests_total", code=code) for code in _NO_ANSWER)


class Loss(NamedTuple):
    """Partitions went without a last commit: what was accepted in this time may not have been committed."""

    since_seconds: float
    until_seconds: float


@dataclass
class Seen:
    """What the looks at one life of a bridge showed.

    Attributes:
        seen_at: the look in which something was last seen to have happened.
        losses: in the order seen; each begins one commit's time before the last commit that was taken.
        last: the newest look, at ``last_at`` seconds of the monotonic clock.
        unaccounted: the largest difference in one of the accounts.
        reasons: of all looks.
        looks: how many.
    """

    last: Look = field(default_factory=dict)
    last_at: float = 0.0
    unaccounted: float = 0.0
    reasons: set[str] = field(default_factory=set)
    looks: int = 0
    losses: list[Loss] = field(default_factory=list)
    seen_at: dict[str, int] = field(default_factory=dict)

    def total(self, name: str, **labels: str) -> float:
        """Of the newest look."""
        return total(self.last, name, **labels)

    def note(self, look: Look) -> None:
        """One more look."""
        now = time.monotonic()
        if lost_partitions(look) > lost_partitions(self.last) or self._gave_up_uncommitted(look):
            committed_at = self.last_at - total(self.last, "bridge_commit_age_seconds")
            self.losses.append(Loss(committed_at - _COMMIT_SECONDS, now))
        self.last, self.last_at = look, now
        self.looks += 1
        self.reasons |= stalls(look)
        for difference in (records_open(look), events_open(look), total(look, "bridge_records_unaccounted")):
            self.unaccounted = max(self.unaccounted, abs(difference))

    def _gave_up_uncommitted(self, look: Look) -> bool:
        """Partitions were revoked and a commit failed, at most a few looks apart."""
        for kind, name, labels in (
            ("revoked", "bridge_rebalances_total", {"kind": "revoked"}),
            ("failed", "bridge_commits_total", {"outcome": "failed"}),
        ):
            if total(look, name, **labels) > total(self.last, name, **labels):
                self.seen_at[kind] = self.looks
        at = [self.seen_at.get(kind, -_FEW_LOOKS) for kind in ("revoked", "failed")]
        return max(at) == self.looks and max(at) - min(at) < _FEW_LOOKS


class Scraper:
    """Looks at what ``addresses`` names: life → its ``/metrics``. A thread of its own."""

    def __init__(self, addresses: Callable[[], Mapping[str, str]]) -> None:
        self._addresses = addresses
        self.seen: defaultdict[str, Seen] = defaultdict(Seen)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scraper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(30)

    def look(self, life: str) -> Look | None:
        """Look at one now; None when it does not answer."""
        address = self._addresses().get(life)
        if address is None:
            return None
        try:
            with urllib.request.urlopen(address, timeout=2) as answer:
                look = parse(answer.read().decode())
        except OSError:
            return None
        self.seen[life].note(look)
        return look

    def _run(self) -> None:
        while not self._stop.wait(_EVERY_SECONDS):
            for life in self._addresses():
                self.look(life)
