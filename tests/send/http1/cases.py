"""Responses on the wire, and what a client makes of each: the table behind ``test_wire.py``."""

from __future__ import annotations

from dataclasses import dataclass

BAD = "RemoteProtocolError"
BROKEN = "ReadError"
LATE = "ReadTimeout"

# Why the two transports differ where they do.
STRICT = "strict RFC 9112: what one hop reads otherwise than the next is how requests are smuggled"
LLHTTP = "llhttp refuses what the standard lets a recipient accept or refuse"
BOUND = "64 KiB without a byte of body; httpx bounds the head at 100 KiB, and trailers"


@dataclass(frozen=True)
class Case:
    """One response.

    ``want`` is status and body, or the error; ``reused`` says that the connection serves a second request.
    ``surplus``: there is more than a response; httpx takes it for the answer to its next request, and so must
    anybody to whom it comes late.
    What httpx does otherwise stands in the last fields, with the reason.
    """

    name: str
    wire: bytes
    want: tuple[int, bytes] | str
    reused: bool = False
    hangs_up: bool = False
    method: str = "GET"
    httpx_want: tuple[int, bytes] | str | None = None
    httpx_reused: bool | None = None
    surplus: bool = False
    reason: str = ""


def head(*lines: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    """A response head."""
    return "".join(f"{line}\r\n" for line in (status, *lines, "")).encode("latin-1")


CHUNKED = "Transfer-Encoding: chunked"
TWO = "Content-Length: 2"

CASES = (
    # framed
    Case("length", head(TWO) + b"ok", (200, b"ok"), reused=True),
    Case("length zero", head("Content-Length: 0"), (200, b""), reused=True),
    Case("length with blanks", head("Content-Length:   2  ") + b"ok", (200, b"ok"), reused=True),
    Case("chunked", head(CHUNKED) + b"1\r\no\r\n1\r\nk\r\n0\r\n\r\n", (200, b"ok"), reused=True),
    Case("chunked, empty", head(CHUNKED) + b"0\r\n\r\n", (200, b""), reused=True),
    Case("chunked, capitals", head("TRANSFER-ENCODING: Chunked") + b"A\r\n0123456789\r\n0\r\n\r\n",
         (200, b"0123456789"), reused=True),
    Case("chunked, leading zeros", head(CHUNKED) + b"0002\r\nok\r\n000\r\n\r\n", (200, b"ok"), reused=True),
    Case("chunk extensions", head(CHUNKED) + b'2;a=b;c="d"\r\nok\r\n0;x\r\n\r\n', (200, b"ok"), reused=True),
    Case("trailers", head(CHUNKED) + b"2\r\nok\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\n",
         (200, b"ok"), reused=True),
    Case("close-delimited", head() + b"ok", (200, b"ok"), hangs_up=True),
    Case("close-delimited, empty", head(), (200, b""), hangs_up=True),
    Case("205 with length", head("Content-Length: 0", status="HTTP/1.1 205 R"), (205, b""), reused=True),
    Case("no reason phrase", head(TWO, status="HTTP/1.1 200") + b"ok", (200, b"ok"), reused=True),
    Case("server's own status", head(TWO, status="HTTP/1.1 599 Odd") + b"ok", (599, b"ok"), reused=True),
    Case("repeated fields", head("A: 1", "A: 2", TWO) + b"ok", (200, b"ok"), reused=True),
    Case("latin-1 value", head("A: \xe9", TWO) + b"ok", (200, b"ok"), reused=True),
    Case("empty value", head("A:", TWO) + b"ok", (200, b"ok"), reused=True),
    Case("an offer of HTTP/2", head("Upgrade: h2,h2c", "Connection: Upgrade, Keep-Alive", TWO) + b"ok",
         (200, b"ok"), reused=True),
    # without a body
    Case("204", head(status="HTTP/1.1 204 No Content"), (204, b""), reused=True),
    Case("304", head(status="HTTP/1.1 304 Not Modified"), (304, b""), reused=True),
    Case("304 with a length", head("Content-Length: 5", status="HTTP/1.1 304 N"), (304, b""), reused=True),
    Case("204, chunked", head(CHUNKED, status="HTTP/1.1 204 N"), (204, b""), reused=True),
    Case("HEAD with length", head("Content-Length: 5"), (200, b""), reused=True, method="HEAD"),
    Case("HEAD, chunked", head(CHUNKED), (200, b""), reused=True, method="HEAD"),
    Case("HEAD without length", head(), (200, b""), method="HEAD", httpx_reused=True,
         reason="llhttp cannot be told of a HEAD, and takes the body for one that ends with the connection"),
    Case("HEAD with a body", head(TWO) + b"ok", (200, b""), method="HEAD", surplus=True),
    # before the response
    Case("100", head(status="HTTP/1.1 100 Continue") + head(TWO) + b"ok", (200, b"ok"), reused=True),
    Case("103, 100, 103", head("Link: a", status="HTTP/1.1 103 E") + head(status="HTTP/1.1 100 C")
         + head("Link: b", "Content-Length: 7", status="HTTP/1.1 103 E") + head(TWO) + b"ok",
         (200, b"ok"), reused=True),
    Case("100 before HEAD", head(status="HTTP/1.1 100 C") + head(TWO), (200, b""), reused=True,
         method="HEAD"),
    Case("100 and no more", head(status="HTTP/1.1 100 Continue"), BAD, hangs_up=True),
    Case("100 and silence", head(status="HTTP/1.1 100 Continue"), LATE),
    Case("101", head("Upgrade: foo", "Connection: upgrade", status="HTTP/1.1 101 S"), BAD),
    Case("blank line first", b"\r\n" + head(TWO) + b"ok", (200, b"ok"), reused=True,
         httpx_want=BAD, httpx_reused=False, reason="llhttp forgives a blank line before a response"),
    # how long the connection lives
    Case("Connection: close", head("Connection: close", TWO) + b"ok", (200, b"ok")),
    Case("Connection: Close among others", head("Connection: foo, Close", TWO) + b"ok", (200, b"ok")),
    Case("HTTP/1.0", head(TWO, status="HTTP/1.0 200 OK") + b"ok", (200, b"ok")),
    Case("HTTP/1.0 keep-alive", head("Connection: keep-alive", TWO, status="HTTP/1.0 200 OK") + b"ok",
         (200, b"ok"), reused=True, httpx_reused=False, reason="h11 never keeps an HTTP/1.0 connection"),
    Case("HTTP/1.0 close-delimited", head(status="HTTP/1.0 200 OK") + b"ok", (200, b"ok"), hangs_up=True),
    Case("two responses", head(TWO) + b"ok" + head(TWO) + b"no", (200, b"ok"), surplus=True),
    Case("garbage behind", head(TWO) + b"ok\x00\x01", (200, b"ok"), surplus=True),
    Case("body longer than said", head(TWO) + b"okay then", (200, b"ok"), surplus=True),
    Case("body behind a 204", head(status="HTTP/1.1 204 N") + b"x", (204, b""), surplus=True),
    # cut
    Case("nothing", b"", BAD, hangs_up=True),
    Case("silence", b"", LATE),
    Case("half a head", b"HTTP/1.1 200 OK\r\nConte", BAD, hangs_up=True),
    Case("half a head and silence", b"HTTP/1.1 200 OK\r\nConte", LATE),
    Case("half a length", head("Content-Length: 5") + b"ok", BAD, hangs_up=True),
    Case("half a length and silence", head("Content-Length: 5") + b"ok", LATE),
    Case("half a chunk", head(CHUNKED) + b"5\r\nok", BAD, hangs_up=True),
    Case("no last chunk", head(CHUNKED) + b"2\r\nok\r\n", BAD, hangs_up=True),
    Case("half a trailer", head(CHUNKED) + b"2\r\nok\r\n0\r\nA: b", BAD, hangs_up=True),
    # wrong
    Case("garbage", b"\x16\x03\x01 what is this\r\n\r\n", BAD),
    Case("HTTP/0.9", b"<html>hello</html>\r\n\r\n", BAD),
    Case("HTTP/2 in words", head(TWO, status="HTTP/2.0 200 OK") + b"ok", BAD, httpx_want=(200, b"ok"),
         httpx_reused=True, reason=STRICT),
    Case("SSH", b"SSH-2.0-OpenSSH_9.2\r\n", BAD, hangs_up=True),
    Case("status of two digits", head(TWO, status="HTTP/1.1 20 OK") + b"ok", BAD),
    Case("status 099", head(TWO, status="HTTP/1.1 099 OK") + b"ok", BAD),
    Case("length twice, equal", head(TWO, TWO) + b"ok", BAD, httpx_want=(200, b"ok"), httpx_reused=True,
         reason=LLHTTP),
    Case("length list, equal", head("Content-Length: 2, 2") + b"ok", BAD, httpx_want=(200, b"ok"),
         httpx_reused=True, reason=LLHTTP),
    Case("length twice, different", head(TWO, "Content-Length: 3") + b"oko", BAD),
    Case("length negative", head("Content-Length: -2") + b"ok", BAD),
    Case("length with plus", head("Content-Length: +2") + b"ok", BAD),
    Case("length in words", head("Content-Length: two") + b"ok", BAD),
    Case("length empty", head("Content-Length:") + b"ok", BAD),
    Case("length hexadecimal", head("Content-Length: 0x2") + b"ok", BAD),
    Case("length astronomic", head("Content-Length: " + "9" * 30) + b"ok", BAD),
    Case("length and chunked", head(TWO, CHUNKED) + b"4\r\nokay\r\n0\r\n\r\n", (200, b"okay"),
         httpx_reused=True, reason="RFC 9112 §6.3: the connection ends with such a response"),
    Case("chunked and length", head(CHUNKED, TWO) + b"4\r\nokay\r\n0\r\n\r\n", (200, b"okay"),
         httpx_reused=True, reason="RFC 9112 §6.3: the connection ends with such a response"),
    Case("coding gzip", head("Transfer-Encoding: gzip") + b"ok", BAD),
    Case("coding gzip, chunked", head("Transfer-Encoding: gzip, chunked") + b"2\r\nok\r\n0\r\n\r\n", BAD),
    Case("chunked twice", head(CHUNKED, CHUNKED) + b"2\r\nok\r\n0\r\n\r\n", BAD),
    Case("chunk size in words", head(CHUNKED) + b"two\r\nok\r\n0\r\n\r\n", BAD),
    Case("chunk size negative", head(CHUNKED) + b"-2\r\nok\r\n0\r\n\r\n", BAD),
    Case("chunk size astronomic", head(CHUNKED) + b"f" * 30 + b"\r\nok\r\n0\r\n\r\n", BAD),
    Case("chunk longer than said", head(CHUNKED) + b"2\r\nokay\r\n0\r\n\r\n", BAD),
    Case("folded header", head("A: b", " c", TWO) + b"ok", BAD, httpx_want=(200, b"ok"), httpx_reused=True,
         reason=STRICT),
    Case("bare LF", head(TWO).replace(b"\r\n", b"\n") + b"ok", BAD, httpx_want=(200, b"ok"),
         httpx_reused=True, reason=STRICT),
    Case("blank before colon", head("A : b", TWO) + b"ok", BAD),
    Case("NUL in a value", head("A: b\x00c", TWO) + b"ok", BAD),
    Case("bare CR in a value", head("A: b\rc", TWO) + b"ok", BAD),
    Case("no colon", head("nonsense", TWO) + b"ok", BAD),
    # too much
    Case("60 KB of head", head("A: " + "b" * 60_000, TWO) + b"ok", (200, b"ok"), reused=True),
    Case("1,000 headers", head(*[f"A{n}: b" for n in range(1000)], TWO) + b"ok", (200, b"ok"), reused=True),
    Case("300 KB of one header", head("A: " + "b" * 300_000, TWO) + b"ok", BAD),
    Case("300 KB of headers", head(*["A: b"] * 50_000, TWO) + b"ok", BAD),
    Case("300 KB of trailer", head(CHUNKED) + b"2\r\nok\r\n0\r\nA: " + b"b" * 300_000 + b"\r\n\r\n", BAD,
         reason=BOUND),
    Case("300 KB of chunk extension", head(CHUNKED) + b"2;" + b"b" * 300_000 + b"\r\nok\r\n0\r\n\r\n", BAD,
         reason=BOUND),
    Case("10,000 times 100", head(status="HTTP/1.1 100 C") * 10_000 + head(TWO) + b"ok", BAD,
         httpx_want=(200, b"ok"), httpx_reused=True, reason=BOUND),
)  # fmt: skip
