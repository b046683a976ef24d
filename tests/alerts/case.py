"""One alert in two worlds: one in which it must fire, and one beside it in which it must not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

RELEASE = {"namespace": "crm", "job": "bridge"}


class World(NamedTuple):
    """What Prometheus sees, and when it is asked.

    ``series`` maps a selector to its values in promtool's notation, one for each step of ``every``.
    """

    at: str
    series: dict[str, str]
    every: str = "1m"


@dataclass(frozen=True)
class Case:
    """One alert.

    Attributes:
        alert: its name.
        fires: a world in which it fires.
        silent: one in which it does not; ``because`` says what differs.
        labels: of the alert that fires, beside the release's and the severity.
        says: its description, as a person reads it.
        release: the release's labels on the alert; some have others.
    """

    alert: str
    fires: World
    silent: World
    because: str
    says: str
    labels: dict[str, str] = field(default_factory=dict)
    release: dict[str, str] = field(default_factory=lambda: dict(RELEASE))


def series(name: str, **labels: str) -> str:
    """A series as promtool writes it."""
    return name + "{" + ", ".join(f'{label}="{value}"' for label, value in labels.items()) + "}"


def of(name: str, **labels: str) -> str:
    """A series of the release, of replica ``a`` unless said otherwise."""
    return series(name, **{**RELEASE, "instance": "a", **labels})


def stalled(reason: str, source: str = "", destination: str = "") -> str:
    """That something waits for a reason, or does not."""
    return of("bridge_stalled", source=source, destination=destination, reason=reason)
