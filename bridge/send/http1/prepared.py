"""A request that is sent again and again, each time with another body. Owned by the loop."""

from __future__ import annotations

from collections.abc import Callable

from bridge.send.http1.connection import Taker
from bridge.send.http1.pool import Pool, Timeouts


class Prepared:
    """A POST to one place but for its body, judged and encoded once for all that follow.

    Args:
        pool: of the place's connections.
        head: all up to the value of ``Content-Length``, which comes last.
        timeouts: of each request.
        open_and_send: opens one more connection for a whole request.
    """

    __slots__ = ("_head", "_open_and_send", "_pool", "_timeouts")

    def __init__(
        self, pool: Pool, head: bytes, timeouts: Timeouts, open_and_send: Callable[[bytes, Taker], None]
    ) -> None:
        self._pool = pool
        self._head = head
        self._timeouts = timeouts
        self._open_and_send = open_and_send

    def send(self, body: bytes, taker: Taker) -> None:
        """Send it; without a task, a future, or httpx's types, which cost more than all else.

        Args:
            body: of this one.
            taker: called once, on the loop: status, headers, the start of the body; or 0 and the error.
        """
        data = b"%b%d\r\n\r\n%b" % (self._head, len(body), body)
        connection = self._pool.take_warm()
        if connection is None:
            self._open_and_send(data, taker)
            return
        timeouts = self._timeouts
        self._pool.watch(timeouts)
        connection.send(data, timeouts.read, timeouts.write, taker)
