"""One socket at work: writes a request, feeds what comes to ``Reply``, and says when the response is there.

Owned by the loop. The reader stays registered while the socket is open, so a server that hangs up on an idle
connection is noticed without asking; only a long body that nobody reads takes it off. A writer is registered
only while the kernel takes no more.
"""

from __future__ import annotations

import asyncio
import select
import ssl
from collections.abc import Callable
from typing import Protocol, TypeAlias

import httpx

from bridge.send.http1.body import Body
from bridge.send.http1.dialer import Socket
from bridge.send.http1.reply import BadReply, Reply

_READ_BYTES = 64 * 1024
_HELD_BODY_BYTES = 64 * 1024
_COLLECTED_BYTES = 16 * 1024
_NEVER = float("inf")
# Read into by every connection in turn: what is in it is parsed before the next one reads.
_BUFFER = memoryview(bytearray(_READ_BYTES))

Headers: TypeAlias = list[tuple[bytes, bytes]]
Taker: TypeAlias = Callable[[int, Headers, bytes, httpx.TransportError | None], None]
"""Who takes a response: status, headers, the start of the body; or 0 and what failed. Called on the loop."""

_CUT = "UNEXPECTED_EOF_WHILE_READING"
"""What Python up to 3.11.2 says of OpenSSL 3 in the place of ``SSLEOFError``."""
_RETRY_READ = (BlockingIOError, InterruptedError, ssl.SSLWantReadError)
_RETRY_WRITE = (BlockingIOError, InterruptedError, ssl.SSLWantWriteError)


class Keeper(Protocol):
    """Who owns connections; called on the loop."""

    def idle(self, connection: Connection) -> None:
        """It may carry another request."""
        ...

    def gone(self, connection: Connection) -> None:
        """Its socket is closed."""
        ...

    def hung_up(self) -> None:
        """A request on a used connection found that the server had closed it without a word."""
        ...


class Connection:
    """Carries one request at a time.

    Args:
        opened: a connected, non-blocking socket.
        keeper: told when the connection is idle or gone.
        opened_seconds: the loop's time.
    """

    __slots__ = (
        "_body",
        "_is_last",
        "_keeper",
        "_loop",
        "_number",
        "_pausing",
        "_poll",
        "_read_seconds",
        "_reply",
        "_secure",
        "_socket",
        "_taker",
        "_unsent",
        "_used",
        "_waiter",
        "_write_error",
        "_write_seconds",
        "_writing",
        "deadline_seconds",
        "idle_since_seconds",
        "opened_seconds",
        "round",
        "session_taken",
    )

    def __init__(self, opened: Socket, keeper: Keeper, opened_seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = opened
        self._number = opened.fileno()
        self._secure = isinstance(opened, ssl.SSLSocket)
        self._poll = select.poll()
        self._poll.register(self._number, select.POLLIN)
        self._keeper = keeper
        self._reply = Reply()
        self._waiter: asyncio.Future[httpx.Response] | None = None
        self._body: Body | None = None
        self._taker: Taker | None = None
        self._unsent: memoryview | None = None
        self._write_error: OSError | None = None
        self._writing = False
        self._pausing = False
        self._is_last = False
        self._used = False
        self.session_taken = not self._secure
        self._read_seconds = self._write_seconds = _NEVER
        self.opened_seconds = opened_seconds
        self.idle_since_seconds = opened_seconds
        self.round = -1
        self.deadline_seconds = _NEVER
        self._loop.add_reader(self._number, self._on_readable)

    @property
    def is_closed(self) -> bool:
        """Its socket is no more."""
        return self._number < 0

    def new_session(self) -> ssl.SSLSession | None:
        """What the next connection may resume TLS with, once; servers give it by their first response."""
        if self.session_taken or not isinstance(self._socket, ssl.SSLSocket):
            return None
        self.session_taken = True
        return self._socket.session

    def is_stale(self) -> bool:
        """The server has hung up, or spoke unasked, and the loop does not know yet."""
        if self._number < 0:
            return True
        # A third of a microsecond, where reading in vain would cost an exception, and TLS another.
        if self._poll.poll(0):
            self._on_readable()
        return self._number < 0

    def exchange(
        self, data: bytes, read_seconds: float, write_seconds: float, *, is_head: bool, is_last: bool
    ) -> asyncio.Future[httpx.Response]:
        """Send a request on an idle connection.

        Args:
            data: the whole request.
            read_seconds: how long the head of the response, and each part of a long body, may take.
            write_seconds: how long the kernel may take nothing.
            is_head: its response has no body, whatever its head says.
            is_last: the request says ``Connection: close``.

        Returns:
            What the response, or an error of httpx, will be in. Cancel with ``abandon``.
        """
        self._reply.reset(bodiless=is_head)
        self._is_last = is_last
        self._read_seconds, self._write_seconds = read_seconds, write_seconds
        self._unsent, self._write_error = memoryview(data), None
        self._waiter = waiter = self._loop.create_future()
        self._write()
        return waiter

    def send(self, data: bytes, read_seconds: float, write_seconds: float, taker: Taker) -> None:
        """Send a request on an idle connection; cheaper than ``exchange``, for answers that are short.

        Args:
            data: the whole request, neither a HEAD nor the connection's last.
            read_seconds: how long the response may take.
            write_seconds: how long the kernel may take nothing.
            taker: called once; of a long body it gets the start, and the connection ends.
        """
        self._reply.reset()
        self._is_last = False
        self._read_seconds, self._write_seconds = read_seconds, write_seconds
        self._write_error = None
        self._taker = taker
        try:
            sent = self._socket.send(data)
        except OSError:
            sent = 0  # whatever it was comes again below, where it is told apart
        if sent == len(data):
            self.deadline_seconds = self._loop.time() + read_seconds
            return
        self._unsent = memoryview(data)[sent:]
        self._write()

    def abandon(self, waiter: asyncio.Future[httpx.Response]) -> None:
        """Nobody waits for this exchange any more; a connection in the middle of one is of no further use."""
        if self._waiter is waiter or (self._body is not None and self._body.asked_by is waiter):
            self.close()
        if waiter.done() and not waiter.cancelled():
            waiter.exception()  # an error that came too late is nobody's news

    def close(self) -> None:
        """Close the socket; who still waits gets an error."""
        if not self.is_closed:
            self._fail(httpx.ReadError("the connection was closed"))

    def expire(self) -> None:
        """The deadline passed."""
        if self._unsent is not None:
            self._fail(httpx.WriteTimeout("the server took nothing more in time"))
        else:
            self._fail(httpx.ReadTimeout("no response in time"))

    # -- writing

    def _write(self) -> None:
        try:
            while self._unsent is not None:
                sent = self._socket.send(self._unsent)
                self._unsent = self._unsent[sent:] if sent < len(self._unsent) else None
        except _RETRY_WRITE:
            self._arm(self._write_seconds)
            self._wait_to_write()
            return
        except ssl.SSLWantReadError:
            # TLS wants to hear first: the reader is there, and writes on.
            self._arm(self._write_seconds)
            return
        except OSError as error:
            # The answer may be there already: a server that refuses early resets what it did not read.
            self._write_error, self._unsent = error, None
        self._stop_writing()
        self._arm(self._read_seconds)

    def _wait_to_write(self) -> None:
        if not self._writing:
            self._writing = True
            self._loop.add_writer(self._number, self._on_writable)

    def _on_writable(self) -> None:
        self._stop_writing()
        if self._unsent is not None:
            self._write()
        if self._secure:
            # A read of TLS may have had to write, and TLS may hold what the kernel no longer has.
            self._on_readable()

    def _stop_writing(self) -> None:
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._number)

    # -- reading

    def _on_readable(self) -> None:
        if self._secure and self._unsent is not None and not self._writing:
            self._write()
        while self._number >= 0 and not self._pausing:
            try:
                size = self._socket.recv_into(_BUFFER)
            except _RETRY_READ:
                return
            except ssl.SSLWantWriteError:
                self._wait_to_write()
                return
            except ssl.SSLEOFError:
                self._ended(clean=False)
                return
            except OSError as error:
                if getattr(error, "reason", None) == _CUT:
                    self._ended(clean=False)
                else:
                    self._lost(error)
                return
            self._take(size)
            # What is not whole yet is read to its present end: TLS may hold some, of which no kernel tells,
            # and uvloop tells of a reset once only, whatever came before it.
            if self._reply.complete:
                return

    def _take(self, size: int) -> None:
        reply = self._reply
        if self._waiter is None and self._taker is None and self._body is None:
            self.close()
        elif size == 0:
            self._ended(clean=True)
        else:
            try:
                reply.feed(_BUFFER[:size])
            except BadReply as error:
                self._fail(httpx.RemoteProtocolError(str(error)))
                return
            if reply.headed:
                self._progress()

    def _ended(self, *, clean: bool) -> None:
        """The server will say nothing more; without TLS's farewell it may be a cut (RFC 9112 §9.8)."""
        if clean and self._reply.headed and self._reply.end():
            self._progress()
        elif self._write_error is not None:
            self._fail(httpx.WriteError(str(self._write_error)))
        elif self._reply.started:
            self._fail(httpx.RemoteProtocolError("the server hung up in the middle of its response"))
        else:
            self._tell_of_hangup()
            self._fail(httpx.RemoteProtocolError("the server hung up without a response"))

    def _tell_of_hangup(self) -> None:
        if self._used and not self._reply.started:
            self._keeper.hung_up()

    def _lost(self, error: OSError) -> None:
        self._tell_of_hangup()
        if self._write_error is not None and not self._reply.started:
            self._fail(httpx.WriteError(str(self._write_error)))
        else:
            self._fail(httpx.ReadError(str(error) or error.__class__.__name__))

    def _progress(self) -> None:
        """There is a head: hand over the response, or more of its body."""
        reply = self._reply
        if self._taker is not None:
            self._collect(reply)
            return
        if reply.complete:
            content, reply.chunks = reply.chunks, []
            body, self._body = self._body, None
            waiter, self._waiter = self._waiter, None
            if body is not None:
                body.finish(content)
            elif waiter is not None and not waiter.done():
                waiter.set_result(self._response(httpx.ByteStream(b"".join(content))))
            self._done()
            return
        if self._body is None:
            self._begin_body()
        elif reply.chunks:
            self._body.extend(reply.chunks)
            reply.chunks = []
        if self._body is not None and self._body.held_bytes > _HELD_BODY_BYTES and not self._pausing:
            self._pausing = True
            self._loop.remove_reader(self._number)

    def _collect(self, reply: Reply) -> None:
        """For a taker, who gets all at once. The connection is free before it is told."""
        chunks = reply.chunks
        if not reply.complete and sum(map(len, chunks)) <= _COLLECTED_BYTES:
            return
        taker, self._taker = self._taker, None
        status, headers = reply.status, reply.headers
        content = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        if reply.complete:
            self._done()
        else:
            self.close()
        if taker is not None:
            taker(status, headers, content[:_COLLECTED_BYTES], None)

    def _begin_body(self) -> None:
        waiter, self._waiter = self._waiter, None
        self._body = Body(self, waiter)
        self._body.extend(self._reply.chunks)
        self._reply.chunks = []
        self._arm(_NEVER)
        if waiter is not None and not waiter.done():
            waiter.set_result(self._response(self._body))
        else:
            self.close()

    def _response(self, stream: httpx.AsyncByteStream) -> httpx.Response:
        return httpx.Response(
            self._reply.status,
            headers=self._reply.headers,
            stream=stream,
            extensions={"http_version": self._reply.version},
        )

    def _done(self) -> None:
        """The response is whole."""
        self._used = True
        self.deadline_seconds = _NEVER
        spoilt = self._is_last or self._unsent is not None or self._write_error is not None
        if self._reply.reusable and not spoilt:
            self._keeper.idle(self)
        else:
            self.close()

    # -- a long body

    def read_on(self) -> None:
        """Whoever reads the body wants more."""
        self._arm(self._read_seconds)
        if self._pausing:
            self._pausing = False
            self._loop.add_reader(self._number, self._on_readable)
            if self._secure:
                # TLS may hold what the kernel no longer has.
                self._loop.call_soon(self._on_readable)

    def rest(self) -> None:
        """Whoever reads the body is busy with what there is."""
        self._arm(_NEVER)

    # -- the end

    def _arm(self, seconds: float) -> None:
        self.deadline_seconds = self._loop.time() + seconds

    def _fail(self, error: httpx.TransportError) -> None:
        """Close, and tell whoever waits."""
        if self.is_closed:
            return
        self._stop_writing()
        self._loop.remove_reader(self._number)
        self._number = -1
        self._socket.close()
        self.deadline_seconds = _NEVER
        waiter, self._waiter = self._waiter, None
        body, self._body = self._body, None
        taker, self._taker = self._taker, None
        self._unsent = None
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)
        if body is not None:
            body.fail(error)
        self._keeper.gone(self)
        if taker is not None:
            taker(0, [], b"", error)
