"""What the commands to an operator's running bridge have in common: they ask its admin server."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import httpx
import typer

from bridge.errors import ConsumerError, UsageError

_TIMEOUT_SECONDS = 15.0

AdminUrl = Annotated[str, typer.Option(help="Of the bridge's admin server.", envvar="FILUM_BRIDGE_ADMIN_URL")]
Token = Annotated[
    str,
    typer.Option(help="That of `admin.token`; better by the variable.", envvar="FILUM_BRIDGE_ADMIN_TOKEN"),
]
DEFAULT_URL = "http://127.0.0.1:9464"


def ask(method: str, url: str, path: str, headers: dict[str, str]) -> httpx.Response:
    """One request to an admin server.

    Raises:
        ConsumerError: nobody answers there.
    """
    try:
        return httpx.request(method, url.rstrip("/") + path, headers=headers, timeout=_TIMEOUT_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ConsumerError(
            f"no bridge answers at {url}: {str(error) or type(error).__name__}",
            "is it running? its log line `bridge started` names `admin_port`; say --url",
        ) from None


def no_bridge(url: str) -> ConsumerError:
    """Something else answers."""
    return ConsumerError(f"what answers at {url} is no bridge", "say its admin server with --url")


def order(act: str, what: str, url: str, token: str) -> None:
    """``pause`` or ``resume`` a source, or ``skip`` a record.

    Raises:
        UsageError: no such source or record, no or a wrong token, or the bridge takes no orders.
        ConsumerError: nobody answers, or it could not be done.
    """
    if not token or not token.isascii() or not token.isprintable():
        raise UsageError(
            "a token is needed, ASCII text: set FILUM_BRIDGE_ADMIN_TOKEN to that of `admin.token`"
        )
    # Dots too: `..` would be taken for a way up.
    path = f"/control/{act}/{quote(what, safe='').replace('.', '%2E')}"
    answer = ask("POST", url, path, {"authorization": f"Bearer {token}"})
    if answer.is_success:
        return
    try:
        problem = str(answer.json()["error"])
    except (ValueError, LookupError, TypeError):
        raise no_bridge(url) from None
    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise ConsumerError(problem)
    raise UsageError(problem)
