"""The API that audits: notes every acceptance, knows which answers left it, and misbehaves on demand.

It runs on a thread of its own with one asyncio loop. ``manner`` may be replaced from any thread; each request
reads it once.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.parts.process import free_port

_GARBAGE = b"\x16\x03\x01\x02\x00\xff\xfe not HTTP at all \x00\r\n\r\n"
_DRIP_SECONDS = 0.5


@dataclass(frozen=True)
class Manner:
    """How requests are answered.

    Attributes:
        status: of every answer; other than 200: nothing is accepted.
        headers: added to it.
        body: of an answer other than 200.
        users: user → status, for single users.
        fail_every: one request in so many is answered 503; 0: none.
        then: what becomes of the connection: ``answer``, ``cut`` (closed after the body, nothing accepted),
            ``swallow`` (accepted, then closed without an answer), ``garbage`` (accepted, answered with bytes
            that are not HTTP), ``drip`` (accepted, the answer comes a byte at a time and never whole),
            ``hang`` (accepted, never answered), ``page`` (not accepted, answered with a web page and 200).
        latency_seconds: before each answer.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = '{"message":"asked for"}'
    users: Mapping[str, int] = field(default_factory=dict)
    fail_every: int = 0
    then: str = "answer"
    latency_seconds: float = 0.0


class Acceptance(NamedTuple):
    """One event that was accepted.

    ``by`` is the life of the bridge that sent it (a path of the URL); ``answered`` whether the whole answer
    was handed to the kernel.
    """

    at_seconds: float
    by: str
    user: str
    seq: int
    partition: int
    offset: int
    event_id: str
    answered: bool


class AuditingApi:
    """A Filum Event API. Its address, of loopback or ``host``, stays over ``shut`` and ``open``.

    Attributes:
        accepted: in the order of acceptance; appended by the loop's thread, read by anyone.
        requests: how many came.
        keys: what they had for ``Authorization``.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, *, host: str = "127.0.0.1") -> None:
        self._host = host
        self.port = free_port()
        self.manner = Manner()
        self.accepted: list[Acceptance] = []
        self.requests = 0
        self.keys: set[str] = set()
        self.tls = tls
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="auditing-api", daemon=True)
        self._thread.start()
        self.open()

    def url(self, by: str, *, port: int = 0) -> str:
        """Where a life of the bridge posts its events; ``port`` is that of a proxy in between."""
        return f"{'https' if self.tls else 'http'}://{self._host}:{port or self.port}/{by}/events"

    def open(self) -> None:
        """Listen."""
        self._do(self._open())

    def shut(self) -> None:
        """Close every connection and listen no more: the port refuses."""
        self._do(self._shut())

    def present(self, tls: ssl.SSLContext) -> None:
        """Show another certificate from now on, to everybody."""
        self.shut()
        self.tls = tls
        self.open()

    def stop(self) -> None:
        """End it."""
        self.shut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def distinct(self) -> int:
        """How many events were accepted, each counted once."""
        return len({(one.user, one.seq) for one in list(self.accepted)})

    def _do(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _open(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(
                self._serve, self._host, self.port, ssl=self.tls, backlog=1024
            )

    async def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in tuple(self._writers):
            writer.transport.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._exchange(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()
            self._writers.discard(writer)
            self._tasks.discard(task)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and what is made of it; whether the connection lives on."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        path = head[0].split(" ")[1]
        self.keys.update(
            line.partition(":")[2].strip() for line in head if line.lower().startswith("authorization:")
        )
        lengths = [line.partition(":")[2] for line in head if line.lower().startswith("content-length:")]
        body = await reader.readexactly(int(lengths[0]) if lengths else 0)
        self.requests += 1
        manner = self.manner
        if manner.latency_seconds:
            await asyncio.sleep(manner.latency_seconds)
        events = json.loads(body)
        events = events if isinstance(events, list) else [events]
        status = self._status(manner, events)
        if manner.then == "cut":
            return False
        if manner.then == "page":
            writer.write(_answer(200, "<html>sign in</html>", {"Content-Type": "text/html"}))
            await writer.drain()
            return True
        if status != 200:
            writer.write(_answer(status, manner.body, dict(manner.headers)))
            await writer.drain()
            return True
        answered = manner.then == "answer" and not writer.transport.is_closing()
        self._accept(path.split("/")[1], events, answered=answered)
        return await self._finish(manner.then, writer)

    def _status(self, manner: Manner, events: list[dict[str, Any]]) -> int:
        if manner.fail_every and self.requests % manner.fail_every == 0:
            return 503
        refused = [manner.users[event["user_id"]] for event in events if event["user_id"] in manner.users]
        return refused[0] if refused else manner.status

    def _accept(self, by: str, events: list[dict[str, Any]], *, answered: bool) -> None:
        now = time.monotonic()
        for event in events:
            values = {item["key"]: item["value"]["int_value"] for item in event["event_params"]}
            place = (values["Seq"], values["Partition"], values["Offset"])
            self.accepted.append(
                Acceptance(now, by, event["user_id"], *place, event.get("event_id", ""), answered)
            )

    async def _finish(self, then: str, writer: asyncio.StreamWriter) -> bool:
        if then == "garbage":
            writer.write(_GARBAGE)
            await writer.drain()
        if then == "drip":
            for byte in _answer(200, "{}", {})[:-1]:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(_DRIP_SECONDS)
        if then == "hang":
            await asyncio.sleep(3600)
        if then != "answer":
            return False
        writer.write(_answer(200, "{}", {}))
        await writer.drain()
        return True


def _answer(status: int, body: str, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} -", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in ({"Content-Type": "application/json"} | headers).items()]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()
