"""Who is let in: so many connections, each for one request and so long. Owned by the admin thread.

uvicorn bounds what one request may hold, but not how slowly it may come, and answers 503 to everybody, a
probe among them, while too many connections lie idle. Here the oldest connection makes room for a new one,
because an answer takes milliseconds: what is old is idle, slow, or reads nothing.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import ClassVar, NamedTuple

from uvicorn.protocols.http.h11_impl import H11Protocol

_NOTHING_LEFT = struct.pack("ii", 1, 0)


class Bounds(NamedTuple):
    """What strangers may hold.

    Attributes:
        connections: at a time.
        waiting: connections that the system may keep for us besides.
        seconds: from connecting to the last byte of the answer; longer than an operator's order may take.
        unsent_bytes: of answers that nobody reads, together; the newest may be longer.
        head_bytes: of a request's headers, and of its first line.
        body_bytes: of a request.
    """

    connections: int = 64
    waiting: int = 64
    seconds: float = 15.0
    unsent_bytes: int = 16 * 2**20
    head_bytes: int = 16 * 1024
    body_bytes: int = 64 * 1024


class Door:
    """The connections of one server, the oldest first."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self._inside: dict[asyncio.Transport, None] = {}

    def enter(self, transport: asyncio.Transport) -> None:
        """One more; others may have to go."""
        self._inside[transport] = None
        self.make_room()

    def leave(self, transport: asyncio.Transport) -> None:
        """It has ended."""
        self._inside.pop(transport, None)

    def make_room(self) -> None:
        """End the oldest while there are too many, or while too much waits to be read. The newest stays."""
        while len(self._inside) > 1 and self._is_crowded():
            oldest = next(iter(self._inside))
            del self._inside[oldest]
            reset(oldest)

    def _is_crowded(self) -> bool:
        unsent_bytes = sum(transport.get_write_buffer_size() for transport in self._inside)
        return len(self._inside) > self.bounds.connections or unsent_bytes > self.bounds.unsent_bytes


def reset(transport: asyncio.Transport) -> None:
    """End it at once; what the system still had to send is thrown away too, or it would wait for a reader."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NOTHING_LEFT)
    transport.abort()


class Visit(H11Protocol):
    """One connection: one request, one answer, one deadline for both."""

    door: ClassVar[Door]
    _deadline: asyncio.TimerHandle

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Come in."""
        super().connection_made(transport)
        self._deadline = self.loop.call_later(self.door.bounds.seconds, reset, transport)
        self.door.enter(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Go."""
        self._deadline.cancel()
        self.door.leave(self.transport)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """More is written than is read."""
        super().pause_writing()
        self.door.make_room()


def visits(door: Door) -> type[Visit]:
    """The protocol of a server with this door; uvicorn makes one for each connection."""
    return type("Visit", (Visit,), {"door": door})
