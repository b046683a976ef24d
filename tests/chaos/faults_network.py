"""Faults of the network: of the way to the API, and of the way to the broker, whichever it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.chaos.arena import Arena, Setting
from tests.chaos.faults import Fault
from tests.parts.toxiproxy import Proxy

_PROXIED = Setting(proxied=True)
_RESETS = 40


def cut_api(arena: Arena) -> None:
    """No way to the API."""
    _cut(arena, to_api(arena), "breaker")


def slow_api(arena: Arena) -> None:
    """Fewer in flight, and nothing stops."""
    _slow(arena, to_api(arena))


def reset_api(arena: Arena) -> None:
    """Connections are reset a little after they are made, whatever they do."""
    enough = _broken(arena) + _RESETS
    with _poisoned(arena, to_api(arena), "reset_peer", timeout=150):
        arena.until(lambda: _broken(arena) >= enough, f"{_RESETS} more requests are broken")


def black_hole(arena: Arena) -> None:
    """Nothing comes through to the API, and nobody says so."""
    with _poisoned(arena, to_api(arena), "timeout", timeout=0):
        arena.stalls("breaker")


def cut_broker(arena: Arena) -> None:
    """No way to the broker, for longer than a session or a heartbeat."""
    _cut(arena, to_broker(arena), "broker_down")


def slow_broker(arena: Arena) -> None:
    """Records come later, and nothing stops."""
    _slow(arena, to_broker(arena))


def reset_broker(arena: Arena) -> None:
    """Connections are reset a little after they are made."""
    with _poisoned(arena, to_broker(arena), "reset_peer", timeout=300):
        arena.stalls("broker_down")


def to_api(arena: Arena) -> Proxy:
    """The way to the API."""
    assert arena.api_proxy is not None
    return arena.api_proxy


def to_broker(arena: Arena) -> Proxy:
    """The way to the broker."""
    assert arena.broker_proxy is not None
    return arena.broker_proxy


def _cut(arena: Arena, way: Proxy, reason: str) -> None:
    way.cut()
    arena.stalls(reason)
    arena.stands_still()
    way.mend()
    arena.healed()


def _broken(arena: Arena) -> float:
    return arena.first.look().total("bridge_requests_total", code="network")


def _slow(arena: Arena, way: Proxy) -> None:
    """A third of a second more each way."""
    with _poisoned(arena, way, "latency", latency=300, jitter=100):
        arena.flows()


@contextmanager
def _poisoned(arena: Arena, way: Proxy, kind: str, **attributes: int) -> Iterator[None]:
    """A toxic while it lasts; events flow again behind it."""
    way.poison(kind, "downstream", **attributes)
    yield
    way.cure(kind)
    arena.healed()


API_NETWORK_FAULTS = (
    Fault("network to the API cut", cut_api, _PROXIED, ["breaker"]),
    Fault("network to the API slow", slow_api, _PROXIED),
    Fault("network to the API reset", reset_api, _PROXIED),
    Fault("network to the API a black hole", black_hole, _PROXIED, ["breaker"], in_short=False),
)


def broker_network_faults(*, in_short: bool) -> tuple[Fault[Arena], ...]:
    """For one of the brokers; the cut is always in the short form."""
    return (
        Fault("network to the broker cut", cut_broker, _PROXIED, ["broker_down"]),
        Fault("network to the broker slow", slow_broker, _PROXIED, in_short=in_short),
        Fault("network to the broker reset", reset_broker, _PROXIED, ["broker_down"], in_short=in_short),
    )
