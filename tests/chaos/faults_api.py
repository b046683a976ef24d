"""Faults of the API. The same over both brokers."""

from __future__ import annotations

from tests.chaos.api import Manner
from tests.chaos.arena import Arena, Setting
from tests.chaos.faults import Fault
from tests.chaos.faults_network import API_NETWORK_FAULTS
from tests.send.http1.certificates import server_context

_ENDURED_RECORDS = 40
_FLAPS = 12


def shut(arena: Arena) -> None:
    """The port refuses; every connection is cut in the middle of what it did."""
    arena.api.shut()
    arena.stalls("breaker")
    arena.api.open()
    arena.healed()


def flap(arena: Arena) -> None:
    """Down and up again, before anybody can be sure of either."""
    for _ in range(_FLAPS):
        arena.api.shut()
        before = len(arena.api.accepted)
        arena.api.open()
        arena.until(lambda: False, "one more accepted", enough=before + 1)
    arena.healed()


def answers(arena: Arena, manner: Manner, reason: str) -> None:
    """It misbehaves until that has a name."""
    arena.api.manner = manner
    arena.stalls(reason)
    arena.api.manner = Manner()
    arena.healed()


def storm(arena: Arena) -> None:
    """Half of the requests fail, then all, then none."""
    arena.api.manner = Manner(fail_every=2)
    arena.flows(_ENDURED_RECORDS)
    answers(arena, Manner(status=500), "breaker")


def refuse_everybody(arena: Arena) -> None:
    """401 to everybody, and back."""
    answers(arena, Manner(status=401), "auth")
    assert not arena.letters(), "an outage wrote dead letters"


def too_many(arena: Arena) -> None:
    """429 with Retry-After: nobody asks before."""
    answers(arena, Manner(status=429, headers={"Retry-After": "2"}), "retry_after")
    assert not arena.letters()


def web_page(arena: Arena) -> None:
    """A sign-in page in the place of the API."""
    answers(arena, Manner(then="page"), "html")


def drip(arena: Arena) -> None:
    """Answers come a byte at a time and never whole."""
    answers(arena, Manner(then="drip"), "breaker")


def garbage(arena: Arena) -> None:
    """What is accepted is answered with bytes that are not HTTP."""
    answers(arena, Manner(then="garbage"), "breaker")


def swallow(arena: Arena) -> None:
    """What is accepted is not answered: the connection is closed behind the body."""
    answers(arena, Manner(then="swallow"), "breaker")


def cut(arena: Arena) -> None:
    """Closed behind the body, and not accepted."""
    answers(arena, Manner(then="cut"), "breaker")


def hang(arena: Arena) -> None:
    """Accepted, and never answered."""
    answers(arena, Manner(then="hang"), "breaker")


def expire(arena: Arena) -> None:
    """The API's certificate expires, and is renewed."""
    assert arena.authority is not None
    arena.api.present(server_context(arena.authority.issue("old", expired=True)))
    arena.stalls("breaker")
    arena.api.present(server_context(arena.authority.issue("new")))
    arena.healed()


API_FAULTS = (
    Fault("API down", shut, reasons=["breaker"]),
    Fault("API flaps", flap, in_short=False),
    Fault("API 5xx storm", storm, reasons=["breaker"]),
    Fault("API 429 with Retry-After", too_many, reasons=["retry_after"]),
    Fault("API 401 and back", refuse_everybody, reasons=["auth"]),
    Fault("API behind a web page", web_page, reasons=["html"], in_short=False),
    Fault("API slow-loris", drip, reasons=["breaker"]),
    Fault("API answers garbage", garbage, reasons=["breaker"]),
    Fault("API closes behind the body, accepted", swallow, reasons=["breaker"]),
    Fault("API closes behind the body, not accepted", cut, reasons=["breaker"], in_short=False),
    Fault("API accepts and hangs", hang, reasons=["breaker"]),
    *API_NETWORK_FAULTS,
    Fault("API's certificate expires", expire, Setting(tls=True), ["breaker"]),
)
