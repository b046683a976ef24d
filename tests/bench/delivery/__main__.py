"""``scripts/bench delivery``: the bridge and its peers on the same work, side by side."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from subprocess import SubprocessError

from tests.bench.delivery import page, profiling, speed, starting, trouble
from tests.bench.delivery.build import CannotBuild
from tests.bench.delivery.contestants import CONTESTANTS
from tests.bench.delivery.heat import HeatFailed
from tests.bench.delivery.plan import Row, Scenario, Wish
from tests.bench.delivery.results import Result, Results
from tests.bench.delivery.screen import Screen
from tests.bench.delivery.stand import PartMissing, Stand
from tests.parts.process import PartFailed

SCENARIOS = {
    one.name: one
    for one in (
        *(speed.S1, speed.S1_TLS12, speed.S1_TLS13, speed.S2, speed.S3, speed.RMQ),
        *(trouble.S4, trouble.S5A, trouble.S5B, trouble.MEM),
        *(starting.START, profiling.PROFILE),
    )
}
ROUNDS = 3

_EXAMPLES = """\
examples:
  scripts/bench delivery                              all of it: some hours, then docs/benchmarks.md
  scripts/bench delivery --resume                     go on where it stopped
  scripts/bench delivery --scenarios S1 --peers bridge --rounds 1 --no-write      the bridge, a minute
  scripts/bench delivery --scenarios S1,S2 --events 20000 --no-write              does it work?
"""


def main() -> int:
    """Run the race; 3 when this machine lacks a part."""
    given = _parser().parse_args()
    screen = Screen()
    results = Results.latest() if given.resume else Results.fresh()
    wish = Wish(given.events, given.peers)
    screen.tell(f"results go to {results.file}")
    try:
        with Stand(screen.tell) as stand:
            _race(given.scenarios, wish, given.rounds, stand, results, screen)
    except (PartMissing, CannotBuild) as problem:
        screen.tell(str(problem))
        return 3
    sys.stdout.write(page.report(given.scenarios, results))
    if not given.no_write:
        page.write(list(SCENARIOS.values()), results, " ".join(["scripts/bench delivery", *sys.argv[1:]]))
        screen.tell(f"written to {page.PAGE.name}")
    return 0


def _race(
    scenarios: Sequence[Scenario], wish: Wish, rounds: int, stand: Stand, results: Results, screen: Screen
) -> None:
    """Round by round, so that what the machine does besides is shared by all.

    Raises:
        CannotBuild: there is no sink; a contestant that cannot be built is left out.
        PartMissing: there is no Kafka; without RabbitMQ its lines are left out.
    """
    stand.need()
    for scenario in scenarios:
        runnable = scenario.rows(wish)
        for row in runnable:
            if row.missing:
                screen.tell(f"{scenario.name} {row.name}: left out, {row.missing}")
        for turn in range(1, rounds + 1):
            for row in runnable:
                if not row.missing and not results.has(scenario.name, row.name, turn):
                    _heat(scenario, row, turn, stand, results, screen)


def _heat(scenario: Scenario, row: Row, turn: int, stand: Stand, results: Results, screen: Screen) -> None:
    title = f"{scenario.name} {row.name}, round {turn}"
    try:
        with screen.bar(title, row.events) as on_progress:
            figures, wrong = row.run(stand, on_progress)
    except (HeatFailed, PartFailed, SubprocessError) as problem:
        figures, wrong = {}, str(problem)
    except (CannotBuild, PartMissing) as problem:
        screen.tell(f"{title}: left out, {problem}")
        return
    results.add(Result(scenario.name, row.name, turn, row.events, figures, wrong))
    told = ", ".join(
        f"{name} {value:,.1f}" for name, value in figures.items() if value is not None and name in _TOLD
    )
    screen.tell(f"{title}: {wrong or told}")


_TOLD = ("cpu_us", "events_s", "lost", "duplicates", "order_violations", "other_cpu_s")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench delivery",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = ",".join(SCENARIOS)
    parser.add_argument("--scenarios", type=_scenarios, default=list(SCENARIOS.values()), help=f"of {names}")
    parser.add_argument("--peers", type=_peers, default=[], help=f"of {','.join(CONTESTANTS)}")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of which medians are taken ({ROUNDS})")
    parser.add_argument(
        "--events", type=int, default=0, help="for each heat, instead of the scenario's own number"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the race that was begun last")
    parser.add_argument("--no-write", action="store_true", help="leave docs/benchmarks.md alone")
    return parser


def _scenarios(text: str) -> list[Scenario]:
    return [SCENARIOS[name] for name in _known(text, list(SCENARIOS))]


def _peers(text: str) -> list[str]:
    return _known(text, list(CONTESTANTS))


def _known(text: str, names: Sequence[str]) -> list[str]:
    wanted = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := [name for name in wanted if name not in names]:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is none of {', '.join(names)}")
    return wanted


if __name__ == "__main__":
    sys.exit(main())
