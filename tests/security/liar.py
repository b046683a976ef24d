"""An Event API that keeps every byte it was sent, and answers what it is told to, HTTP or not."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self

ACCEPTED = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
_HEAD_END = b"\r\n\r\n"


class Sent(NamedTuple):
    """A request: the lines of its head, and its body."""

    head: list[bytes]
    body: bytes

    @property
    def events(self) -> list[dict[str, Any]]:
        """What it carries."""
        found = json.loads(self.body)
        return found if isinstance(found, list) else [found]


class Liar:
    """Listens on loopback from ``__enter__`` to ``__exit__``.

    Attributes:
        answers: user → all bytes of each answer, behind which the connection is closed; others are accepted.
        once: user → such an answer to the first request only.
        sent: every request, in the order of arrival; more bytes than these came on no connection.
        accepted: the events that were accepted.
        rest: what was no whole request when its connection ended.
    """

    def __init__(
        self, answers: Mapping[str, bytes] | None = None, once: Mapping[str, bytes] | None = None
    ) -> None:
        self.answers = dict(answers or {})
        self.once = dict(once or {})
        self.sent: list[Sent] = []
        self.accepted: list[dict[str, Any]] = []
        self.rest: list[bytes] = []
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Where events go."""
        return f"http://127.0.0.1:{self.port}/events"

    @property
    def users(self) -> list[str]:
        """Whose events were accepted."""
        return [str(event.get("user_id")) for event in list(self.accepted)]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def answer(self, request: Sent) -> bytes:
        """The lie that the first of its users asks for; empty where it is accepted."""
        self.sent.append(request)
        for event in request.events:
            user = str(event.get("user_id"))
            if lie := self.answers.get(user) or self.once.pop(user, b""):
                return lie
        self.accepted += request.events
        return b""

    def _handler(self) -> type[socketserver.BaseRequestHandler]:
        liar = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                try:
                    liar.converse(self.request)
                except OSError:
                    return  # the other end is gone

        return Handler

    def converse(self, connection: Any) -> None:
        """All requests of a connection."""
        had = b""
        while part := connection.recv(65_536):
            had += part
            while (found := _first(had)) is not None:
                request, had = found
                lie = self.answer(request)
                connection.sendall(lie or ACCEPTED)
                if lie:
                    return
        if had:
            self.rest.append(had)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128


def _first(had: bytes) -> tuple[Sent, bytes] | None:
    """The first request and what is behind it; a head of lines, each ended by CR LF and by nothing else."""
    head, end, behind = had.partition(_HEAD_END)
    if not end:
        return None
    lines = head.split(b"\r\n")
    (length,) = [int(line.partition(b":")[2]) for line in lines if line.startswith(b"Content-Length:")]
    if len(behind) < length:
        return None
    return Sent(lines, behind[:length]), behind[length:]


def answer(status: str, body: bytes, *headers: bytes) -> bytes:
    """As it is sent; ``status`` is all of the first line that the server chooses."""
    first = b"HTTP/1.1 " + status.encode("utf-8", "surrogatepass")
    length = b"Content-Length: %d" % len(body)
    return b"\r\n".join([first, b"Content-Type: application/json", *headers, length, b"", body])
