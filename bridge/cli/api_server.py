"""The local API's sockets: llhttp on a bare asyncio protocol, one loop on a thread of its own.

``LocalApi`` may be used from any thread; everything behind it is owned by the loop's thread.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from http import HTTPStatus
from typing import Any, Self, TypeVar, cast

import httptools
import msgspec
import uvloop

from bridge.cli.api_faults import Control
from bridge.cli.api_routes import Answer, Api, Request, refusal
from bridge.listening import listen

DEFAULT_KEEP = 100_000

_MAX_BODY_BYTES = 20 * 1024 * 1024
_MAX_HEADER_BYTES = 64 * 1024
_MAX_PIPELINED = 16
_Result = TypeVar("_Result")


class LocalApi:
    """A Filum Event API on loopback, serving from construction until ``stop``.

    Args:
        host: the address to listen on.
        port: 0 takes a free one; see ``port``.
        write_keys: the only keys taken; any non-empty key when empty.
        keep: how many accepted events can be read back.
        control: how it misbehaves; see ``Control``.
        seed: of the randomness in failures and latencies.

    Raises:
        ConsumerError: the port is taken, or the address is not ours.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        write_keys: Sequence[str] = (),
        keep: int = DEFAULT_KEEP,
        control: Control | None = None,
        seed: int = 0,
    ) -> None:
        control = control or Control()
        if write_keys:
            control = msgspec.structs.replace(control, keys=tuple(write_keys))
        chance = random.Random(seed)  # noqa: S311 - repeatable failures, no secret
        self._api = Api(control, keep=keep, chance=chance, monotonic=time.monotonic)
        self._socket = listen(host, port, backlog=1024, what="the local API", remedy="choose another --port")
        self.host = host
        self.port: int = self._socket.getsockname()[1]
        self._loop: asyncio.AbstractEventLoop
        self._stopping: asyncio.Event
        self._ready = threading.Event()
        self._connections: set[_Connection] = set()
        self._thread = threading.Thread(target=self._run, name="local-api", daemon=True)
        self._thread.start()
        self._ready.wait()

    @property
    def url(self) -> str:
        """The root; events go to ``url + "/events"``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def stop(self) -> None:
        """Close all connections and end the thread; repeat-safe."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()

    def stats(self) -> dict[str, Any]:
        """What ``GET /stats`` answers."""
        return self._on_loop(self._api.log.stats)

    def events(self) -> list[dict[str, Any]]:
        """All kept events, oldest first."""

        def page() -> bytes:
            return self._api.log.page(limit=1 << 30, offset=0, user=None, event_name=None)

        events: list[dict[str, Any]] = msgspec.json.decode(self._on_loop(page))["events"]
        return events

    def control(self, **told: Any) -> None:
        """What ``PUT /control`` does; see ``Control`` for the names.

        Raises:
            UsageError: an unknown name or a wrong value.
        """
        self._on_loop(lambda: self._api.faults.change(told, time.monotonic()))

    def clear(self) -> None:
        """What ``DELETE /events`` does."""
        self._on_loop(self._api.log.clear)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _on_loop(self, call: Callable[[], _Result]) -> _Result:
        """Run on the owner's thread; after ``stop`` there is no owner left, and any thread will do."""
        if not self._thread.is_alive():
            return call()
        result: Future[_Result] = Future()

        def run() -> None:
            try:
                result.set_result(call())
            except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
                result.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        return result.result(timeout=30)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        server = await self._loop.create_server(
            lambda: _Connection(self._api, self._connections), sock=self._socket
        )
        self._ready.set()
        await self._stopping.wait()
        server.close()
        for connection in tuple(self._connections):
            connection.abort()
        await server.wait_closed()


class _Connection(asyncio.Protocol):
    """One connection: requests are answered one at a time, in the order they came."""

    def __init__(self, api: Api, connections: set[_Connection]) -> None:
        self._api = api
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._is_busy = False
        self._is_refused = False
        self._transport: asyncio.Transport
        self._begin()

    # Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._waiting.clear()

    def abort(self) -> None:
        """Close at once, without an answer."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._is_refused = True  # the request was answered as if it had not asked; nothing more is read
        except httptools.HttpParserError:
            self._refuse(400, "not HTTP/1.1")
        if len(self._waiting) >= _MAX_PIPELINED:
            self._transport.pause_reading()

    # llhttp's callbacks

    def on_message_begin(self) -> None:
        self._begin()

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._count_header(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")
        self._count_header(len(name) + len(value))

    def on_headers_complete(self) -> None:
        if self._headers.get("expect", "").lower() == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)
        self._body_bytes += len(body)
        if self._body_bytes > _MAX_BODY_BYTES:
            self._body.clear()
            self._refuse(413, "the body is too large")

    def on_message_complete(self) -> None:
        if self._is_refused:
            return
        path, _, query = self._url.decode("latin-1").partition("?")
        method = self._parser.get_method().decode("latin-1")
        request = Request(method, path, query, self._headers, b"".join(self._body))
        keep_alive = self._parser.should_keep_alive() and not self._parser.should_upgrade()
        self._waiting.append((request, keep_alive))
        self._next()

    def _begin(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._header_bytes = 0
        self._body: list[bytes] = []
        self._body_bytes = 0

    def _count_header(self, size_bytes: int) -> None:
        self._header_bytes += size_bytes
        if self._header_bytes > _MAX_HEADER_BYTES:
            self._refuse(431, "the headers are too large")

    # Answers

    def _next(self) -> None:
        while self._waiting and not self._is_busy:
            request, keep_alive = self._waiting.popleft()
            delay_seconds = self._api.delay_seconds(request)
            if delay_seconds > 0:
                self._is_busy = True
                loop = asyncio.get_running_loop()
                loop.call_later(delay_seconds, self._after_delay, request, keep_alive)
            else:
                self._answer(request, keep_alive)
        if len(self._waiting) < _MAX_PIPELINED and not self._transport.is_closing():
            self._transport.resume_reading()

    def _after_delay(self, request: Request, keep_alive: bool) -> None:
        """A client that gave up meanwhile does not undo its request, as with any real server."""
        self._is_busy = False
        self._answer(request, keep_alive)
        self._next()

    def _answer(self, request: Request, keep_alive: bool) -> None:
        answer = self._api.answer(request)
        if self._transport.is_closing():
            return
        if answer.drop:
            self._transport.abort()
            return
        self._transport.write(_encoded(answer, keep_alive))
        if not keep_alive:
            self._transport.close()

    def _refuse(self, status: int, message: str) -> None:
        """What cannot be read on: answer and close."""
        if not self._is_refused and not self._transport.is_closing():
            self._transport.write(_encoded(refusal(status, message), keep_alive=False))
            self._transport.close()
        self._is_refused = True


def _encoded(answer: Answer, keep_alive: bool) -> bytes:
    head = f"HTTP/1.1 {answer.status} {_phrase(answer.status)}\r\nContent-Type: application/json\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in answer.headers)
    head += "" if keep_alive else "Connection: close\r\n"
    length = "" if answer.status == HTTPStatus.NO_CONTENT else f"Content-Length: {len(answer.body)}\r\n"
    return f"{head}{length}\r\n".encode("latin-1") + answer.body


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
