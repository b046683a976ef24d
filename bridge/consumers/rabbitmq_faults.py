"""What can go wrong with a RabbitMQ, as values: pure, without the client library.

Reply codes are those of AMQP 0-9-1; the texts that are told apart are RabbitMQ's (3.10 to 4.x).
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """Which way on a fault leaves open."""

    GONE = 1
    """The connection or the channel ended; try again."""
    UNREACHABLE = 2
    """Nobody answers at the address."""
    LOGIN = 3
    """The broker refuses user, password or virtual host."""
    MISSING = 4
    """No such queue."""
    HELD = 5
    """Another consumer has the queue, or the queue admits no exclusive one."""
    DENIED = 6
    """The user may not do this to the queue."""
    PRECONDITION = 7
    """The broker refuses an argument, a delivery tag or a message."""
    PROTOCOL = 8
    """What the other end says cannot be understood."""
    TLS = 9
    """One end does not trust the certificate of the other."""


class Fault(NamedTuple):
    """What happened: ``text`` is one line without secrets, ``remedy`` what an operator can do."""

    kind: Kind
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.text} ({self.remedy})" if self.remedy else self.text


_CHANNEL_KINDS = {404: Kind.MISSING, 405: Kind.HELD, 406: Kind.PRECONDITION}
_CONNECTION_KINDS = {403: Kind.LOGIN, 530: Kind.LOGIN}
_REMEDIES = {
    Kind.MISSING: "declare the queue, or correct its name; the bridge declares none",
    Kind.DENIED: "grant the user read permission on the queue",
    Kind.LOGIN: "check username, password and virtual host of `url`",
    Kind.UNREACHABLE: "check host and port of `url`, and the network",
    Kind.PROTOCOL: "check the port of `url`, and whether it speaks TLS (amqps://) or not (amqp://)",
}
_SINGLE_ACTIVE = re.compile(r"inequivalent arg 'x-single-active-consumer'.* current is (.*)", re.DOTALL)
_TOO_LARGE = re.compile(r"message size \d+ is larger than configured max size (\d+)")


def channel_fault(code: int, text: str) -> Fault:
    """Why the broker closed a channel."""
    if code == 403:  # noqa: PLR2004 - ACCESS_REFUSED means two things, told apart by its text alone
        kind = Kind.HELD if "in exclusive use" in text else Kind.DENIED
    else:
        kind = _CHANNEL_KINDS.get(code, Kind.GONE)
    return fault(kind, f"{code} {text}")


def connection_fault(code: int, text: str) -> Fault:
    """Why the broker closed a connection."""
    kind = _CONNECTION_KINDS.get(code, Kind.GONE)
    return fault(kind, f"{code} {text}")


def fault(kind: Kind, text: str) -> Fault:
    """One with the remedy of its kind."""
    return Fault(kind, text, _REMEDIES.get(kind, ""))


def is_single_active(text: str) -> bool | None:
    """Whether a queue is a single-active-consumer queue, read from the broker's refusal of a probe.

    Returns:
        None when the text does not say (no permission, or another argument was refused first).
    """
    found = _SINGLE_ACTIVE.search(text)
    return None if found is None else "'true'" in found[1]


def is_transient(text: str) -> bool:
    """Whether the refusal of a probe says that the queue does not survive a restart of the broker."""
    return "inequivalent arg 'durable'" in text


def max_message_bytes(text: str) -> int | None:
    """The broker's size limit, when a message was refused for it."""
    found = _TOO_LARGE.search(text)
    return int(found[1]) if found else None
