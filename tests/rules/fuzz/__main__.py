"""``python -m tests.rules.fuzz --pairs 100000 --seed 7``: prove that rule text can do no harm."""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.rules.fuzz.engine import Engine
from tests.rules.fuzz.watch import Watch

_SHOWN = 20


def main() -> int:
    """Run; 0 when nothing was found."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    parser.add_argument("--pairs", type=int, default=100_000, help="pairs of rule and document (100000)")
    parser.add_argument("--seed", type=int, default=None, help="of a run to repeat (random)")
    parser.add_argument("--rule", type=int, default=None, help="run only this rule of the seed")
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else secrets.randbelow(10**9)
    print(f"fuzz: seed={seed}", file=sys.stderr, flush=True)  # noqa: T201 -- so that a killed run can be repeated
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(seed, Path(folder), Watch())
        _run(engine, given.pairs, given.rule)
        Watch.done()
    tally = engine.tally
    for found in (*tally.escapes, *tally.hangs)[:_SHOWN]:
        print(found)  # noqa: T201
    print(tally.line(seed))  # noqa: T201
    return 1 if tally.escapes or tally.hangs else 0


def _run(engine: Engine, pairs: int, rule: int | None) -> None:
    if rule is not None:
        engine.rule(rule)
        return
    columns = (TextColumn("fuzz"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    engine.regressions()
    number = 0
    with Progress(*columns, disable=not sys.stderr.isatty(), transient=True) as progress:
        task = progress.add_task("pairs", total=pairs)
        while engine.tally.pairs < pairs:
            engine.rule(number)
            number += 1
            progress.update(task, completed=engine.tally.pairs)


if __name__ == "__main__":
    sys.exit(main())
