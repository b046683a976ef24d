"""``filum-bridge pause``: a word to a running bridge."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from bridge.cli.operate import DEFAULT_URL, AdminUrl, Token, order


def pause(
    source: Annotated[str, typer.Argument(help="Its name in the configuration.")],
    url: AdminUrl = DEFAULT_URL,
    token: Token = "",
) -> None:
    """Stop reading a source, until `resume` or a restart. What was read is still delivered and settled.

    Needs `admin: {control: true, token: …}` in the configuration. A paused source waits for the reason
    `paused_by_operator` (`status --why`).

    Examples:

      FILUM_BRIDGE_ADMIN_TOKEN=… filum-bridge pause shop

      filum-bridge pause shop --url http://bridge.crm.svc:9464
    """
    order("pause", source, url, token)
    sys.stdout.write(f"source {source} is paused\n")
