"""``filum-bridge status``: how a running bridge is, and why it stands still."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import httpx
import typer

from bridge.cli.operate import DEFAULT_URL, AdminUrl, ask, no_bridge
from bridge.printable import printable, printable_lines

_NOTHING_WAITS = "Nothing waits."


def status(
    url: AdminUrl = DEFAULT_URL,
    why: Annotated[bool, typer.Option("--why", help="Only why anything waits, and what to do.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="What a script would read.")] = False,
) -> None:
    """Ask a running bridge how it is: sources, destinations, what waits, dead letters.

    With --why the exit code is 1 while anything waits.

    Examples:

      filum-bridge status

      filum-bridge status --why --url http://bridge.crm.svc:9464

      kubectl exec deploy/bridge -- filum-bridge status --why
    """
    if not why and not as_json:
        sys.stdout.write(printable_lines(_asked(url, "/", accept="text/plain").text))
        return
    found = _status_of(_asked(url, "/status.json", accept="application/json"), url)
    try:
        sys.stdout.write(json.dumps(found, indent=2) + "\n" if as_json else _told(found))
    except (LookupError, TypeError):
        raise no_bridge(url) from None
    if why and found["stalled"]:
        raise typer.Exit(1)


def _asked(url: str, path: str, accept: str) -> httpx.Response:
    response = ask("GET", url, path, {"accept": accept})
    if not response.is_success:
        raise no_bridge(url)
    return response


def _status_of(response: httpx.Response, url: str) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        raise no_bridge(url) from None
    if not isinstance(found, dict) or "stalled" not in found:
        raise no_bridge(url)
    return found


def _told(found: dict[str, Any]) -> str:
    """A line for each reason and one for its remedy; destinations come first."""
    lines: list[str] = []
    for one in found["stalled"]:
        lines += [f"{one['who']} waits: {one['says']} ({one['reason']})", f"  → {one['do']}"]
    lines += [f"not ready: {reason}" for reason in found["reasons"]]
    return "\n".join(map(printable, lines or [_NOTHING_WAITS])) + "\n"
