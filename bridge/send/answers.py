"""What a transport of httpx says → ``Answer``. Pure."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from bridge.send.verdict import OK, Answer

_STATUS_OK = 200
_NOTHING_SAID = (b"{}", b"")

# httpx's own errors, most special first; anything else under TransportError is "network".
_FAILURES: tuple[tuple[type[httpx.TransportError], str], ...] = (
    (httpx.ConnectTimeout, "connect_timeout"),
    (httpx.PoolTimeout, "pool_timeout"),
    (httpx.TimeoutException, "timeout"),
    (httpx.ConnectError, "connect"),
)


def take(
    done: Callable[[Answer], None],
    status: int,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
    error: httpx.TransportError | None,
) -> None:
    """What our transport says, for who waits for an ``Answer``."""
    if error is not None:
        done(Answer(0, failure=failure_of(error)))
    elif status == _STATUS_OK and body in _NOTHING_SAID:
        done(OK)
    else:
        done(Answer(status, headers_of(headers), body))


def headers_of(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Names in lower case; of several values of one name the last counts."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in raw}


def failure_of(error: httpx.TransportError) -> str:
    """The word for a network failure."""
    return next((name for kind, name in _FAILURES if isinstance(error, kind)), "network")
