"""``scripts/chaos``: every fault, its long form, and the table."""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.bench.delivery import versions
from tests.chaos.books import Row
from tests.chaos.catalogue import OVER_KAFKA, OVER_RABBITMQ
from tests.chaos.faults import Fault
from tests.chaos.page import rewrite, table
from tests.chaos.soak import soak
from tests.chaos.stage import Stage

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
_BROKERS = ("kafka", "rabbitmq")
_EXAMPLES = """examples:
  scripts/chaos                                   all of it: some 40 minutes, then docs/reliability.md
  scripts/chaos --brokers kafka --faults 'API*'   some of it
  scripts/chaos --soak 60                         an hour at half of what it carries, a fault a minute
  scripts/chaos --short --no-write --seed 7       as CI does, with another seed
"""


def main() -> int:
    """Run, print, write."""
    asked = _arguments()
    console = Console(stderr=True)
    if asked.soak:
        return _soak(asked, console)
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="chaos-") as home:
        stage = Stage(Path(home), seed=asked.seed, is_long=not asked.short)
        try:
            rows = {broker: list(_rows(stage, broker, asked, console)) for broker in asked.brokers.split(",")}
        finally:
            stage.close()
    parts = [f"### Over {_TITLES[broker]}\n\n{table(found)}" for broker, found in rows.items() if found]
    content = "\n\n".join([_about(asked.seed), *parts])
    sys.stdout.write(content + "\n")
    if not asked.no_write:
        rewrite(PAGE, content, "faults")
    wanted = sum(len(_chosen(broker, asked.faults)) for broker in rows)
    kept = sum(row.is_clean for found in rows.values() for row in found)
    return 0 if kept == wanted else 1


_TITLES = {"kafka": "Kafka", "rabbitmq": "RabbitMQ"}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/chaos",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--brokers", default=",".join(_BROKERS), help="kafka,rabbitmq")
    parser.add_argument("--faults", default="*", help="a pattern of names")
    parser.add_argument("--seed", type=int, default=20_261_126, help="of all chance")
    parser.add_argument("--soak", type=float, default=0, metavar="MINUTES", help="instead: one long run")
    parser.add_argument("--short", action="store_true", help="as CI runs it")
    parser.add_argument("--no-write", action="store_true", help="leave docs/reliability.md alone")
    return parser.parse_args()


def _soak(asked: argparse.Namespace, console: Console) -> int:
    with tempfile.TemporaryDirectory(prefix="soak-") as home:
        stage = Stage(Path(home), seed=asked.seed, is_long=True)
        try:
            soaked = soak(stage, asked.soak, lambda line: console.print(f"soak: {line}", soft_wrap=True))
        finally:
            stage.close()
    content = f"{_about(asked.seed)}\n\n{soaked}.\n\n{table([soaked.row])}"
    sys.stdout.write(content + "\n")
    if not asked.no_write:
        rewrite(PAGE, content, "soak")
    return 0 if soaked.row.is_clean else 1


def _rows(stage: Stage, broker: str, asked: argparse.Namespace, console: Console) -> Iterator[Row]:
    chosen = _chosen(broker, asked.faults)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(broker, total=len(chosen))
        for fault in chosen:
            progress.update(task, description=f"{broker}: {fault.name}")
            row, verdict = _struck(stage, broker, fault)
            line = f"chaos: {broker}: {fault.name}: {verdict}"
            progress.console.print(line, soft_wrap=True, highlight=False)
            progress.advance(task)
            if row is not None:
                yield row


def _chosen(broker: str, pattern: str) -> list[Fault[Any]]:
    faults: Sequence[Fault[Any]] = OVER_KAFKA if broker == "kafka" else OVER_RABBITMQ
    return [one for one in faults if fnmatch(one.name, pattern)]


def _struck(stage: Stage, broker: str, fault: Fault[Any]) -> tuple[Row | None, str]:
    """One row and its verdict; a fault that did not come to its end has none, and does not end the run."""
    try:
        row = stage.run_kafka(fault) if broker == "kafka" else stage.run_rabbitmq(fault)
    except (AssertionError, OSError) as problem:
        return None, f"BROKEN OFF: {problem}"
    return row, "kept" if row.is_clean else f"BROKEN: {row}"


def _about(seed: int) -> str:
    command = shlex.join(["scripts/chaos", *sys.argv[1:]])
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, `{command}`, seed {seed}; {versions.bridge()}; {versions.brokers()}."
    )


if __name__ == "__main__":
    sys.exit(main())
