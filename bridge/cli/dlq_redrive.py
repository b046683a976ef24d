"""The work of ``filum-bridge dlq redrive``: look through, then plan or send, until done or told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from typing import Any, NamedTuple

from bridge.cli.dlq_lines import counts
from bridge.cli.dlq_progress import Showing
from bridge.config import Config
from bridge.errors import BridgeError
from bridge.logs import get_logger, redacted
from bridge.redrive.archive import Archive
from bridge.redrive.feeding import off_the_loop
from bridge.redrive.filters import Filter, Where
from bridge.redrive.order import in_order
from bridge.redrive.plan import Planner
from bridge.redrive.redriver import Redriver
from bridge.redrive.session import decoding_of, redriver_of
from bridge.redrive.survey import Survey, letters_of, look_through
from bridge.rules import RuleSet
from bridge.traces import words_of

_log = get_logger("bridge")


class Wanted(NamedTuple):
    """What the command line asks for."""

    asked: Filter
    dry_run: bool
    rate: float | None
    include_identify: bool
    most_redrives: int


async def redrive_all(
    today: tuple[Config, RuleSet], archive: Archive, wanted: Wanted, where: Where | None
) -> bool:
    """Redrive what is asked for, or say what would become of it; True when all was, or would be, accepted."""
    config, rules = today
    async with decoding_of(config, os.environ) as decoding:
        survey = await look_through(archive, wanted.asked, where, decoding)
        sys.stderr.write(counts(survey, with_redriven=False) + "\n")
        planner = Planner(
            rules, decoding, include_identify=wanted.include_identify, most_redrives=wanted.most_redrives
        )
        if wanted.dry_run:
            return await _tell(archive, survey, planner)
        with Showing(len(survey.meant)) as showing:
            async with redriver_of(
                config, os.environ, archive, planner, showing, rules_hash=rules.hash, rate=wanted.rate
            ) as redriver:
                await _send(redriver, archive, survey, config.shutdown.deadline)
        sys.stdout.write(showing.summary() + "\n")
        return showing.ends["accepted"] == len(survey.meant)


async def _tell(archive: Archive, survey: Survey, planner: Planner) -> bool:
    """A line for each letter, in the order in which they would leave."""
    ends: Counter[str] = Counter()
    letters = in_order(letters_of(archive, survey), survey.meant.values())
    async for letter in off_the_loop(letters, lambda one: one.record.size_bytes):
        plan = await planner.plan(letter)
        end = "stay" if plan.kept is not None else "would fail again" if plan.faults else "would be sent"
        ends[end] += 1
        said = f"{letter.place}  {letter.reason}  {letter.rule or '-'}  {plan}"
        sys.stdout.write(redacted(said) + "\n")
    counted = [f"{ends[name]} {name}" for name in ("would be sent", "would fail again", "stay")]
    sys.stdout.write(", ".join(counted) + "\n")
    return ends["would be sent"] == len(survey.meant)


async def _send(redriver: Redriver, archive: Archive, survey: Survey, deadline_seconds: float) -> None:
    """Until all is done; told to stop, what is on its way has the deadline. A second signal ends at once."""
    loop = asyncio.get_running_loop()
    letters = in_order(letters_of(archive, survey), survey.meant.values())
    work = loop.create_task(redriver.run(letters))
    bugs: list[object] = []

    def stop(number: signal.Signals) -> None:
        if loop.remove_signal_handler(number):
            signal.signal(number, lambda *_: os._exit(128 + number))
        redriver.stop()
        loop.call_later(deadline_seconds, work.cancel)

    def crashed(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        trace = error if isinstance(error, Exception) else None
        _log.error("internal error", what=words_of(str(context.get("message"))), exc_info=trace)
        bugs.append(error)
        work.cancel()

    loop.set_exception_handler(crashed)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    try:
        await work
    except asyncio.CancelledError:
        if bugs:
            raise BridgeError(f"internal error: {type(bugs[0]).__name__}: see the log") from None
