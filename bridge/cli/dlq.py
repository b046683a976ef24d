"""``filum-bridge dlq``: dead letters listed, looked at, and sent through the rules of today."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
import uvloop

from bridge import consumers
from bridge.cli import dlq_lines as lines
from bridge.cli.dlq_asked import ConfigFile, Reasons, Rules, Since, Sources, Until, WhereText, filter_of
from bridge.cli.dlq_redrive import Wanted, redrive_all
from bridge.cli.run import load
from bridge.config import Config
from bridge.config_file import load_config
from bridge.dead_letters import open_archive
from bridge.errors import BridgeError, UsageError
from bridge.logs import configure, redacted
from bridge.redrive.archive import Archive
from bridge.redrive.filters import Filter, Where
from bridge.redrive.marks import mark_of
from bridge.redrive.session import decoding_of
from bridge.redrive.survey import Survey, letters_of, look_through
from bridge.secrets import read_secret
from bridge.strays import gather_strays

_DEFAULT = Path("config/bridge.yaml")
T = TypeVar("T")

dlq = typer.Typer(
    name="dlq",
    help="""Dead letters: list them, look at one, send them through the rules of today.

    Works on whatever `dead_letters` of the configuration names: a Kafka topic, a RabbitMQ queue or a file.
    Each command reads up to the end as it was at the start.

    Examples:

      filum-bridge dlq ls --reason rule_fault --since 2h

      filum-bridge dlq show 0:42 --payload

      filum-bridge dlq redrive --rule order-completed --dry-run
    """,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@dlq.command()
def ls(
    config: ConfigFile = _DEFAULT,
    reasons: Reasons = None,
    rules: Rules = None,
    sources: Sources = None,
    since: Since = "",
    until: Until = "",
    where: WhereText = "",
    with_redriven: Annotated[bool, typer.Option("--all", help="Those that are redriven too.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="A JSON object a line; counts go to stderr.")
    ] = False,
) -> None:
    """List dead letters, one a line: place, reason, rule, status, source, origin, age. No payloads.

    Exit code 0: listed, also when there are none; 2: wrong usage or configuration; 3: the store cannot be
    read.

    Examples:

      filum-bridge dlq ls

      filum-bridge dlq ls --reason refused --source shop --since 1d

      filum-bridge dlq ls --where "event.order.total > 100 && letter.status == '422'"

      filum-bridge dlq ls --all --json | jq -r .place
    """
    asked = filter_of(reasons, rules, sources, since, until)
    with _opened(config) as (settings, archive):
        condition = Where(where, settings.limits) if where else None
        survey = _run(_survey(settings, archive, asked, condition, with_redriven=with_redriven))
        now_ms = int(time.time() * 1000)
        for letter in letters_of(archive, survey):
            redriven = mark_of(letter) in survey.redriven
            if as_json:
                sys.stdout.write(lines.as_json(lines.as_data(letter, now_ms, redriven=redriven)))
            else:
                sys.stdout.write(lines.line(letter, now_ms, redriven=redriven) + "\n")
    counted = lines.counts(survey, with_redriven=with_redriven) + "\n"
    (sys.stderr if as_json else sys.stdout).write(counted)


@dlq.command()
def show(
    place: Annotated[str, typer.Argument(help="As `ls` prints it, such as 0:42.")],
    config: ConfigFile = _DEFAULT,
    payload: Annotated[bool, typer.Option("--payload", help="Its body too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As a JSON object.")] = False,
) -> None:
    """Show one dead letter in full: what is said of it, the headers of its record, with --payload its body.

    Exit code 1: no letter there.

    Examples:

      filum-bridge dlq show 0:42

      filum-bridge dlq show 17 --payload --json
    """
    with _opened(config) as (settings, archive):
        survey = _run(_survey(settings, archive, Filter(place=place), None, with_redriven=True))
        now_ms = int(time.time() * 1000)
        for letter in letters_of(archive, survey):
            redriven = mark_of(letter) in survey.redriven
            if as_json:
                data = lines.whole_as_data(letter, now_ms, redriven=redriven, payload=payload)
                sys.stdout.write(lines.as_json(data))
            else:
                sys.stdout.write(lines.whole(letter, redriven=redriven, payload=payload))
            return
    raise BridgeError(f"no dead letter at {place!r}: `filum-bridge dlq ls --all` lists their places")


@dlq.command()
def redrive(
    config: ConfigFile = _DEFAULT,
    reasons: Reasons = None,
    rules: Rules = None,
    sources: Sources = None,
    since: Since = "",
    until: Until = "",
    where: WhereText = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what each would become; send nothing.")
    ] = False,
    rate: Annotated[float | None, typer.Option("--rate", help="At most so many events a second.")] = None,
    include_identify: Annotated[
        bool, typer.Option("--include-identify", help="Send identify events too; they may be out of date.")
    ] = False,
    most_redrives: Annotated[
        int, typer.Option("--max-redrives", min=1, help="A letter redriven so often in vain stays.")
    ] = 3,
) -> None:
    """Send dead letters through the rules of today, straight to the API, each user's in their order.

    Events keep the event_id of the first time. A letter is marked as redriven once its events are
    accepted. What fails again becomes a new letter. Safe to end and to run again: what was not marked is
    sent again. Letters of identify events stay unless --include-identify is given.

    Exit code 0: all were accepted, 1: some failed again or stay (each is told), 2: wrong usage or
    configuration, 3: the store cannot be read or written.

    Examples:

      filum-bridge dlq redrive --dry-run

      filum-bridge dlq redrive --rule order-completed --since 2d --rate 50

      filum-bridge dlq redrive --where "event.customer.id == 7" --include-identify
    """
    asked = filter_of(reasons, rules, sources, since, until)
    if rate is not None and rate <= 0:
        raise UsageError("--rate: more than 0 events a second")
    today = load(config, os.environ)
    wanted = Wanted(asked, dry_run, rate, include_identify, most_redrives)
    with _opened(config) as (settings, archive):
        condition = Where(where, settings.limits) if where else None
        if not _run(redrive_all(today, archive, wanted, condition)):
            raise typer.Exit(1)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Config, Archive]]:
    """A configuration, and its store of dead letters."""
    settings = load_config(
        path, environ=os.environ, source_settings=lambda kind: consumers.load(kind).Settings
    )
    configure("error", settings.log.format)
    gather_strays()
    archive = open_archive(settings, partial(read_secret, base=settings.base, environ=os.environ))
    try:
        yield settings, archive
        if archive.note:
            sys.stderr.write(f"note: {redacted(archive.note)}\n")
    finally:
        archive.close()


async def _survey(
    settings: Config, archive: Archive, asked: Filter, where: Where | None, *, with_redriven: bool
) -> Survey:
    async with decoding_of(settings, os.environ) as decoding:
        return await look_through(archive, asked, where, decoding, with_redriven=with_redriven)


def _run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
