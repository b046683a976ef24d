"""Somebody who reaches the admin server's port, and says there what is hardly HTTP."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import NamedTuple

PATIENCE_SECONDS = 10.0
_ESTABLISHED = 1
"""Of the states of a TCP connection that Linux tells."""


class Said(NamedTuple):
    """All that the server said on one connection, which it then closed."""

    text: str

    @property
    def status(self) -> int:
        """Of the first answer; 0 where there was none."""
        return int(self.text.split(" ", 2)[1]) if self.text.startswith("HTTP/1.1 ") else 0

    @property
    def answers(self) -> int:
        """How many there were."""
        return self.text.count("HTTP/1.1 ")

    @property
    def body(self) -> str:
        """Of the only answer."""
        return self.text.partition("\r\n\r\n")[2]

    def header(self, name: str) -> str:
        """Of the only answer; empty where it is absent."""
        lines = self.text.partition("\r\n\r\n")[0].split("\r\n")
        return next((line.partition(": ")[2] for line in lines if line.lower().startswith(name + ":")), "")


def connect(port: int) -> socket.socket:
    """Somebody who says nothing yet."""
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)


def heard(connection: socket.socket) -> Said:
    """All until the server closes; one that does not fails here, by its timeout."""
    parts = []
    with suppress(ConnectionResetError):
        while part := connection.recv(65_536):
            parts.append(part)
    return Said(b"".join(parts).decode())


def ask(port: int, request: str, body: bytes = b"") -> Said:
    """A request as it is, and all that is said to it. A server that closes early may not take it whole."""
    with connect(port) as connection:
        with suppress(ConnectionError):
            connection.sendall(lines(request) + body)
        return heard(connection)


def lines(request: str) -> bytes:
    """As they are sent, with the end of the head."""
    return request.replace("\n", "\r\n").encode() + b"\r\n\r\n"


def get(path: str, *headers: str, method: str = "GET", host: str = "bridge:9464") -> str:
    """A request without a body."""
    return "\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", *headers])


def is_well(port: int) -> bool:
    """Both probes are answered."""
    return all(ask(port, get(path)).status == 200 for path in ("/livez", "/readyz"))


def is_gone(connection: socket.socket) -> bool:
    """Whether the other end has closed, though what it sent has not been read."""
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != _ESTABLISHED
