"""TLS that wants to write before it can read, and to hear before it can write: rare, so it is played here."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any

from bridge.send.http1.connection import Connection
from tests.send.http1.conftest import Play
from tests.send.http1.harness import OK
from tests.send.http1.test_exchange import REQUEST, Keeper, ask


class Fickle(ssl.SSLSocket):
    """No TLS at all, but its moods: each kind of call fails once with what it is given."""

    def __init__(
        self, near: socket.socket, send_wants: Exception | None, read_wants: Exception | None
    ) -> None:
        socket.socket.__init__(self, near.family, near.type, near.proto, near.detach())
        self.setblocking(False)
        self._sslobj = None
        self._send_wants = send_wants
        self._read_wants = read_wants
        self._decrypted = b""

    def send(self, data: Any, flags: int = 0) -> int:
        wants, self._send_wants = self._send_wants, None
        if wants is not None:
            raise wants
        return socket.socket.send(self, data)

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        """As TLS does, it takes from the kernel first, and then finds that it must write."""
        if not self._decrypted:
            try:
                self._decrypted = socket.socket.recv(self, 65536)
            except BlockingIOError:
                raise ssl.SSLWantReadError from None
        wants, self._read_wants = self._read_wants, None
        if wants is not None:
            raise wants
        size = len(self._decrypted)
        buffer[:size], self._decrypted = self._decrypted, b""
        return size


async def exchanged(send_wants: Exception | None, read_wants: Exception | None) -> tuple[bytes, list[str]]:
    """What the server read of a request that it answered early, and what became of the connection."""
    near, far = socket.socketpair()
    keeper = Keeper()
    connection = Connection(Fickle(near, send_wants, read_wants), keeper, 0.0)
    try:
        asked = ask(connection)
        far.sendall(OK)
        async with asyncio.timeout(5):
            assert (await asked).status_code == 200
        return far.recv(4096), keeper.told.copy()
    finally:
        connection.close()
        far.close()


def test_a_write_that_must_hear_first_goes_on_when_it_has(play: Play) -> None:
    """The request is written by the reader."""

    async def main() -> None:
        assert await exchanged(ssl.SSLWantReadError(), None) == (REQUEST, ["idle"])

    play(main)


def test_a_read_that_must_write_first_goes_on_when_it_has(play: Play) -> None:
    """The kernel holds nothing any more, so it would not tell."""

    async def main() -> None:
        assert await exchanged(None, ssl.SSLWantWriteError()) == (REQUEST, ["idle"])

    play(main)
