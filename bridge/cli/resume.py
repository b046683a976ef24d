"""``filum-bridge resume``: a word to a running bridge."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from bridge.cli.operate import DEFAULT_URL, AdminUrl, Token, order


def resume(
    source: Annotated[str, typer.Argument(help="Its name in the configuration.")],
    url: AdminUrl = DEFAULT_URL,
    token: Token = "",
) -> None:
    """Read a paused source again.

    Streams that stand still because a rule has no dead-letter budget left go on too, with a new budget.

    Examples:

      FILUM_BRIDGE_ADMIN_TOKEN=… filum-bridge resume shop
    """
    order("resume", source, url, token)
    sys.stdout.write(f"source {source} is resumed\n")
