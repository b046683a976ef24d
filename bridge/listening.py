"""Binds a listening socket; where it cannot, says so in words."""

from __future__ import annotations

import socket

from bridge.errors import ConsumerError


def listen(host: str, port: int, *, backlog: int, what: str, remedy: str) -> socket.socket:
    """A non-blocking socket that listens; the caller closes it.

    Args:
        host: address or name; empty means every address.
        port: 0 takes a free one.
        backlog: connections that may wait.
        what: who listens, for the error.
        remedy: what to do when the port is taken.

    Raises:
        ConsumerError: the address cannot be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _cannot(host, port, error, what, remedy) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        raise _cannot(host, port, error, what, remedy) from error
    listener.setblocking(False)
    return listener


def _cannot(host: str, port: int, error: OSError, what: str, remedy: str) -> ConsumerError:
    reason = (error.strerror or type(error).__name__).lower()
    return ConsumerError(f"{what} cannot listen on {host}:{port}: {reason}", remedy)
