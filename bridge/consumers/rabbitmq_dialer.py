"""Keeps one connection to a RabbitMQ: dials, and dials again after each loss, later and later.

Owned by the thread of its loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol
from urllib.parse import urlsplit

from bridge.consumers.rabbitmq_client import Connection, Loop
from bridge.consumers.rabbitmq_faults import Fault, Kind
from bridge.consumers.rabbitmq_settings import Address, no_address
from bridge.errors import BridgeError

_FIRST_SECONDS = 0.5
_CAP_SECONDS = 30.0
_PORTS = {"amqp": 5672, "amqps": 5671}


def backoff_seconds(failures: int, jitter: float) -> float:
    """How long to wait after so many failures in a row (from 1); ``jitter`` is in [0, 1).

    At most 0.5 s after the first, doubled from there to at most 30 s; at least half of that.
    """
    ceiling = min(_CAP_SECONDS, _FIRST_SECONDS * 2.0 ** min(failures - 1, 10))
    return ceiling * (1 + jitter) / 2


class Line(Protocol):
    """Who uses the connection; called on the loop's thread."""

    def connected(self, connection: Connection) -> None:
        """Channels can be opened."""
        ...

    def disconnected(self, fault: Fault) -> None:
        """No connection came up, or it ended; the next attempt is already planned."""
        ...


class Dialer:
    """One connection at a time.

    Args:
        loop: whose thread owns this.
        read_address: where and as whom; read anew for each attempt, so that a changed secret is found.
        line: who uses the connection.
        jitter: draws from [0, 1).
    """

    def __init__(
        self, loop: Loop, read_address: Callable[[], Address], line: Line, jitter: Callable[[], float]
    ) -> None:
        self._loop = loop
        self._read_address = read_address
        self._line = line
        self._jitter = jitter
        self._failures = 0
        self._leaving: Callable[[], None] | None = None
        self._connection: Connection | None = None
        self._place = ""

    def dial(self) -> None:
        """Try to connect; the line hears how it went."""
        if self._leaving is not None:
            return
        self._place = ""
        try:
            address = self._read_address()
            self._place = f"{place_of(address.url)}: "
            self._connection = Connection(self._loop, address, self._opened, self._closed)
        except BridgeError as error:
            self._closed(Fault(Kind.LOGIN, str(error)))

    def is_well(self) -> None:
        """The connection did what it is for: the next loss begins with a short wait again."""
        self._failures = 0

    def leave(self, on_left: Callable[[], None]) -> None:
        """Close the connection and dial no more."""
        self._leaving = on_left
        if self._connection is None:
            on_left()
        else:
            self._connection.close()

    def hang_up(self, on_left: Callable[[], None]) -> None:
        """The same without waiting for the broker; also while ``leave`` waits for it."""
        self._leaving = on_left
        if self._connection is None:
            on_left()
        else:
            self._connection.hang_up()

    def _opened(self) -> None:
        if self._connection is not None and self._leaving is None:
            self._line.connected(self._connection)

    def _closed(self, fault: Fault) -> None:
        self._connection = None
        if self._leaving is not None:
            self._leaving()
            return
        self._failures += 1
        self._loop.later(backoff_seconds(self._failures, self._jitter()), self.dial)
        self._line.disconnected(fault._replace(text=f"{self._place}{fault.text}"))


def place_of(url: str) -> str:
    """Host and port of an AMQP URL, without its user info.

    Raises:
        ConfigError: it is none.
    """
    try:
        parts = urlsplit(url)
        if parts.hostname:
            return f"{parts.hostname}:{parts.port or _PORTS[parts.scheme]}"
    except (ValueError, KeyError):
        pass
    raise no_address()
