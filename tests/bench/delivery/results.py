"""What the heats of a race came to, kept as JSON lines: an interrupted race goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.delivery.arithmetic import Figures, medians
from tests.bench.delivery.build import PARTS

FOLDER = PARTS / "results"


@dataclass(frozen=True)
class Result:
    """One heat.

    Attributes:
        figures: what was measured, by name.
        wrong: why it must not be believed; empty when it may.
    """

    scenario: str
    row: str
    round: int
    events: int
    figures: Figures
    wrong: str = ""


class Results:
    """Those of one race; each is on disk before the next heat.

    Args:
        file: read when it is there; written to.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = file.read_text("utf-8").splitlines() if file.exists() else []
        self._all = [Result(**json.loads(line)) for line in lines]

    @classmethod
    def fresh(cls) -> Results:
        """Those of a race that begins now."""
        return cls(FOLDER / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}.jsonl")

    @classmethod
    def latest(cls) -> Results:
        """Those of the race that was begun last; a fresh one when there is none."""
        files = sorted(FOLDER.glob("*.jsonl"))
        return cls(files[-1]) if files else cls.fresh()

    def add(self, result: Result) -> None:
        """Keep one more."""
        self._all.append(result)
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(result)) + "\n")

    def has(self, scenario: str, row: str, turn: int) -> bool:
        """Whether that heat has been run."""
        return any(one.round == turn for one in self.of(scenario, row))

    def of(self, scenario: str, row: str) -> Iterator[Result]:
        """The heats of one line of one table."""
        return (one for one in self._all if (one.scenario, one.row) == (scenario, row))

    def rows(self, scenario: str) -> list[str]:
        """The lines of a table that have a heat, in the order of the first."""
        return list(dict.fromkeys(one.row for one in self._all if one.scenario == scenario))

    def medians(self, scenario: str, row: str) -> Figures:
        """Of all heats of a line."""
        return medians([one.figures for one in self.of(scenario, row)])

    def rounds(self, scenario: str, row: str, figure: str) -> dict[int, float | None]:
        """One figure, by round."""
        return {one.round: one.figures.get(figure) for one in self.of(scenario, row)}
