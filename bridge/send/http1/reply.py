"""Bytes → responses, with llhttp. Pure: it is fed, and says how far it is.

Sources: RFC 9112 §6.3 (where a body ends), llhttp (the parser of Node.js).
"""

from __future__ import annotations

import httptools

_MAX_SILENT_BYTES = 64 * 1024
_KNOWN_BYTES = 1024
_FIRST_STATUS, _FIRST_FINAL_STATUS, _SWITCHING = 100, 200, 101
_LENGTH, _CHUNKED = 1, 2
_BLANKS = b" \t"
_VERSIONS = {"1.1": b"HTTP/1.1", "1.0": b"HTTP/1.0"}
_USUAL_START, _USUAL_VERSION = b"HTTP/1.1 ", b"HTTP/1.1"
_LENGTH_NAME, _CODING_NAME = b"content-length", b"transfer-encoding"
_TELLING_SIZES = (len(_LENGTH_NAME), len(_CODING_NAME))


class BadReply(Exception):
    """What came is no HTTP/1.1 response; the message holds nothing of it."""


class Reply:
    """One response at a time of one connection; ``reset`` before each request.

    ``headed`` once the head is there, ``complete`` once the body is; ``chunks`` are the parts of the body
    that nobody took yet. ``reusable`` tells whether the connection may carry another request after this one.
    """

    __slots__ = (
        "_bodiless",
        "_delimited",
        "_known",
        "_known_reply",
        "_parser",
        "_silent_bytes",
        "_starts_usual",
        "chunks",
        "complete",
        "headed",
        "headers",
        "reusable",
        "started",
        "status",
        "version",
    )

    def __init__(self) -> None:
        self._bodiless = True
        # The bytes of the last response that came whole and in one piece, and what the parser made of them.
        self._known = b""
        self._known_reply: tuple[int, bytes, list[tuple[bytes, bytes]], list[bytes]] = (0, b"", [], [])
        self.reset()

    def reset(self, *, bodiless: bool = False) -> None:
        """Expect a new response; ``bodiless``: to a HEAD."""
        if self._bodiless:
            # llhttp cannot be told of a HEAD: after one it still waits for the body that the head announced.
            self._parser = httptools.HttpResponseParser(self)
            # RFC 9112 §6.3: a Transfer-Encoding overrides a Content-Length, and the connection ends with it.
            self._parser.set_dangerous_leniencies(lenient_chunked_length=True)
        self.status = 0
        self.version = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.chunks: list[bytes] = []
        self.started = False
        self.headed = False
        self.complete = False
        self.reusable = False
        self._bodiless = bodiless
        self._delimited = 0
        self._silent_bytes = 0
        self._starts_usual = False

    def feed(self, data: memoryview) -> None:
        """Take what came.

        Raises:
            BadReply: it is no response, or has too much that is neither body nor the end.
        """
        begins = not self.started
        if begins:
            self.started = True
            # Compared as bytes: a view would be compared item by item.
            is_like = bool(self._known) and len(data) == len(self._known)
            if is_like and not self._bodiless and bytes(data) == self._known:
                self._repeat()
                return
            # llhttp tells the version as text that it puts together each time.
            self._starts_usual = data[: len(_USUAL_START)] == _USUAL_START
        self._silent_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if not self.complete:
                raise _bad(error) from None
            # What comes behind a whole response spoils the connection, not the response.
            self.reusable = False
        if self._silent_bytes > _MAX_SILENT_BYTES and not self.complete:
            raise BadReply(f"a response head or trailer of more than {_MAX_SILENT_BYTES} bytes")

        if begins and self.complete and self.reusable and not self._bodiless and len(data) <= _KNOWN_BYTES:
            self._known = bytes(data)
            self._known_reply = (self.status, self.version, self.headers, list(self.chunks))

    def _repeat(self) -> None:
        """The same bytes as before, between two whole responses: the parser would say the same."""
        self.status, self.version, self.headers, chunks = self._known_reply
        self.chunks = list(chunks)
        self.headed = self.complete = self.reusable = True

    def end(self) -> bool:
        """The server closed: True when that is how this response ends."""
        if self.headed and not self.complete and not self._delimited:
            self.complete = True
        return self.complete

    def on_message_begin(self) -> None:
        """A response begins; behind a whole one that nobody asked for."""
        if self.complete:
            raise BadReply("more came than one response")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head; those of a trailer are dropped."""
        if self.headed:
            return
        value = value.rstrip(_BLANKS)  # llhttp leaves those behind a value
        self.headers.append((name, value))
        if len(name) not in _TELLING_SIZES:
            return
        lowered = name.lower()
        if lowered == _LENGTH_NAME:
            self._delimited |= _LENGTH
        elif lowered == _CODING_NAME:
            if value.lower() != b"chunked" or self._delimited & _CHUNKED:
                raise BadReply("a transfer coding other than chunked")
            self._delimited |= _CHUNKED

    def on_headers_complete(self) -> None:
        """The head is whole."""
        status = self._parser.get_status_code()
        version = _USUAL_VERSION if self._starts_usual else _VERSIONS.get(self._parser.get_http_version())
        if version is None or status < _FIRST_STATUS:
            raise BadReply("not HTTP/1.1: a version or status there is none of")
        if status < _FIRST_FINAL_STATUS:
            if status == _SWITCHING:
                raise BadReply("the server switched protocols")
            return
        self.status, self.version = status, version
        self.headed = True
        if self._bodiless:
            self.complete = True
            self.reusable = self._parser.should_keep_alive()

    def on_body(self, chunk: bytes) -> None:
        """A part of the body."""
        if self._bodiless:
            self.reusable = False
        else:
            self.chunks.append(chunk)
        self._silent_bytes = 0

    def on_message_complete(self) -> None:
        """The body is whole; an informational response was only a herald."""
        if not self.headed:
            self.headers.clear()
            self._delimited = 0
            self._starts_usual = False
            return
        if self._bodiless:
            return
        self.complete = True
        framed_once = self._delimited != _LENGTH | _CHUNKED
        self.reusable = framed_once and self._parser.should_keep_alive()


def _bad(error: httptools.HttpParserError) -> BadReply:
    if isinstance(error, httptools.HttpParserUpgrade):
        return BadReply("the server switched protocols")
    cause = error.__context__
    return cause if isinstance(cause, BadReply) else BadReply(f"not HTTP/1.1: {error}")
