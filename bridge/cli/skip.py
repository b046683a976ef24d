"""``filum-bridge skip``: a word to a running bridge."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from bridge.cli.operate import DEFAULT_URL, AdminUrl, Token, order


def skip(
    place: Annotated[
        str, typer.Argument(metavar="TOPIC:PARTITION:OFFSET|QUEUE", help="Of a queue: its oldest record.")
    ],
    url: AdminUrl = DEFAULT_URL,
    token: Token = "",
) -> None:
    """Let one record go that holds up others: it becomes a dead letter, and what waits goes on.

    The letter has the reason `skipped_by_operator` and can be redriven. It is written and confirmed before
    the record is settled. A request that is on its way is not called back. Ask the replica that holds the
    record (its log line `stream held` names the place). Needs `admin: {control: true, token: …}`.

    Examples:

      FILUM_BRIDGE_ADMIN_TOKEN=… filum-bridge skip shop.orders:3:1447

      filum-bridge skip desk.tickets --url http://bridge-0.bridge.crm.svc:9464
    """
    order("skip", place, url, token)
    sys.stdout.write(f"{place} is skipped: its dead letter is written, then it is settled\n")
