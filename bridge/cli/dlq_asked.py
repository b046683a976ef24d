"""What a `dlq` command was asked: options in common, and the filter that they make."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import Annotated, TypeAlias
from zoneinfo import ZoneInfo

import typer

from bridge.config import parse_duration_seconds
from bridge.errors import UsageError
from bridge.model import Reason
from bridge.redrive.filters import Filter
from bridge.rules.times import NoTime, instant

ConfigFile: TypeAlias = Annotated[
    Path, typer.Option("--config", "-c", help="The configuration.", envvar="FILUM_BRIDGE_CONFIG")
]
Reasons: TypeAlias = Annotated[
    list[str] | None, typer.Option("--reason", help="Only of this reason; may be repeated.")
]
Rules: TypeAlias = Annotated[
    list[str] | None, typer.Option("--rule", help="Only of this rule; may be repeated.")
]
Sources: TypeAlias = Annotated[
    list[str] | None, typer.Option("--source", help="Only of this source; may be repeated.")
]
Since: TypeAlias = Annotated[
    str,
    typer.Option(
        "--since", metavar="TIME", help="Failed at or after: 2h, 3d (ago), or 2024-07-15T08:00:00Z."
    ),
]
Until: TypeAlias = Annotated[
    str, typer.Option("--until", metavar="TIME", help="Failed before; the same forms as --since.")
]
WhereText: TypeAlias = Annotated[
    str,
    typer.Option(
        "--where",
        metavar="CEL",
        help="Only where this is true, over `event`, `meta` and `letter` (its headers).",
    ),
]


def filter_of(
    reasons: Sequence[str] | None,
    rules: Sequence[str] | None,
    sources: Sequence[str] | None,
    since: str,
    until: str,
) -> Filter:
    """The filter that options ask for.

    Raises:
        UsageError: a reason that there is not, or no time.
    """
    known = [one.value for one in Reason]
    for reason in reasons or ():
        if reason not in known:
            raise UsageError(f"--reason: no reason {reason!r}; one of {', '.join(known)}")
    now_ms = int(time.time() * 1000)
    return Filter(
        frozenset(reasons or ()),
        frozenset(rules or ()),
        frozenset(sources or ()),
        time_ms("--since", since, now_ms),
        time_ms("--until", until, now_ms),
    )


def time_ms(option: str, text: str, now_ms: int) -> int | None:
    """``2h`` is two hours before now; ISO 8601 without an offset is UTC; empty is None.

    Raises:
        UsageError: neither.
    """
    if not text:
        return None
    try:
        return now_ms - int(parse_duration_seconds(text) * 1000)
    except ValueError:
        pass
    try:
        moment = instant(text, ZoneInfo("UTC"))
    except NoTime as error:
        raise UsageError(f"{option}: a duration such as 2h, or an ISO 8601 time: {error}") from error
    return int(moment.astimezone(UTC).timestamp() * 1000)
