"""Opens sockets: names to addresses, addresses raced, TLS shaken hands, none of it blocking the loop.

Sources: RFC 8305 (happy eyeballs: addresses interleaved by family, one more every 250 ms).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from asyncio import FIRST_COMPLETED
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

import httpx

Socket = socket.socket | ssl.SSLSocket
Address = tuple[int, Any]
Resolve = Callable[[str, int], Awaitable[list[Address]]]

_NEXT_ADDRESS_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Origin:
    """Where to: scheme, host name without brackets, port."""

    secure: bool
    host: str
    port: int


class Dialer:
    """Opens connections to one origin. Owned by the loop.

    Args:
        origin: where to.
        context: the TLS settings; used when the origin is secure. Made to tell a cut from an end: Python 3.10
            to 3.11.2 would take both for an end.
        resolve: host and port to socket addresses, best first; an ``OSError`` says that there is none.
    """

    def __init__(self, origin: Origin, context: ssl.SSLContext | None, resolve: Resolve) -> None:
        self._origin = origin
        self._context = context
        if context is not None:
            context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        self._resolve = resolve
        self._looking_up: asyncio.Task[list[Address]] | None = None
        self.session: ssl.SSLSession | None = None

    async def dial(self, timeout_seconds: float | None) -> Socket:
        """A connected socket, its TLS handshake done.

        Args:
            timeout_seconds: of everything together.

        Raises:
            ConnectTimeout, ConnectError: of httpx.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._dial()
        except TimeoutError:
            raise httpx.ConnectTimeout(f"no connection within {timeout_seconds} s") from None
        except (OSError, ValueError, OverflowError) as error:  # of a name or port that there cannot be, too
            raise httpx.ConnectError(str(error) or error.__class__.__name__) from error

    async def _dial(self) -> Socket:
        plain = await self._race(await self._addresses())
        if not self._origin.secure:
            return plain
        try:
            return await self._shake_hands(plain)
        except BaseException:
            plain.close()
            raise

    async def _addresses(self) -> list[Address]:
        """Looked up anew for every connection, as names change; those dialled at once ask together."""
        if self._looking_up is None:
            self._looking_up = asyncio.get_running_loop().create_task(self._look_up())
            self._looking_up.add_done_callback(self._looked_up)
        return await asyncio.shield(self._looking_up)

    def _looked_up(self, task: asyncio.Task[list[Address]]) -> None:
        self._looking_up = None
        if not task.cancelled():
            task.exception()  # whoever waits has it; without anybody it is nobody's news

    async def _look_up(self) -> list[Address]:
        return interleaved(await self._resolve(self._origin.host, self._origin.port))

    async def _race(self, addresses: Sequence[Address]) -> socket.socket:
        """The first address that answers; each next one starts late, or when all before it failed."""
        running: set[asyncio.Task[socket.socket]] = set()
        done: set[asyncio.Task[socket.socket]] = set()
        failure: BaseException | None = None
        waiting = list(addresses)
        try:
            while waiting or running:
                if waiting:
                    running.add(asyncio.get_running_loop().create_task(_connect(*waiting.pop(0))))
                pause = _NEXT_ADDRESS_SECONDS if waiting else None
                done, running = await asyncio.wait(running, timeout=pause, return_when=FIRST_COMPLETED)
                while done:
                    task = done.pop()
                    if task.exception() is None:
                        return task.result()
                    failure = failure or task.exception()
            raise failure or OSError("the name has no address")
        finally:
            for task in running | done:
                task.add_done_callback(_close_late)
                task.cancel()

    async def _shake_hands(self, plain: socket.socket) -> ssl.SSLSocket:
        assert self._context is not None  # noqa: S101 -- a secure origin comes with one
        session = self.session
        secured = self._context.wrap_socket(
            plain,
            server_hostname=self._origin.host,
            do_handshake_on_connect=False,
            suppress_ragged_eofs=False,
            session=session,
        )
        try:
            await _handshake(secured)
        except BaseException:
            secured.close()
            if self.session is session:
                self.session = None  # it may be what the server stumbled over
            raise
        return secured


async def getaddrinfo(host: str, port: int) -> list[Address]:
    """The system's resolver, on a thread of the loop's."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


def interleaved(addresses: Sequence[Address]) -> list[Address]:
    """By turns of family, the first one's first, otherwise as they came."""
    families = dict.fromkeys(family for family, _ in addresses)
    groups = [[one for one in addresses if one[0] == family] for family in families]
    return [one for one in chain.from_iterable(zip_longest(*groups)) if one is not None]


async def _connect(family: int, address: Any) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(opened, address)
    except BaseException:
        opened.close()
        raise
    return opened


def _close_late(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


async def _handshake(secured: ssl.SSLSocket) -> None:
    while True:
        try:
            secured.do_handshake()
        except ssl.SSLWantReadError:
            await _ready(secured, "reader")
        except ssl.SSLWantWriteError:
            await _ready(secured, "writer")
        else:
            return


async def _ready(opened: Socket, side: str) -> None:
    """Wait until the socket can be read from or written to."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    add: Callable[..., Any] = loop.add_reader if side == "reader" else loop.add_writer
    remove: Callable[[int], Any] = loop.remove_reader if side == "reader" else loop.remove_writer
    number = opened.fileno()
    add(number, _resolve, ready)
    try:
        await ready
    finally:
        remove(number)


def _resolve(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
