"""Figures as Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench.delivery.arithmetic import ratio
from tests.bench.delivery.plan import Ratio, Scenario
from tests.bench.delivery.results import Results

NOTHING = "–"


def table(scenario: Scenario, results: Results) -> str:
    """The medians of a scenario, with a line below for each thing that is wrong; empty without a heat."""
    names = results.rows(scenario.name)
    if not names:
        return ""
    if scenario.render is not None:
        return "\n".join([scenario.render(results), *_wrong(scenario, results, names)]) + "\n"
    heading = ["", "events", "runs", *(column.heading for column in scenario.columns)]
    body = [_line(scenario, results, name) for name in names]
    return "\n".join([*markdown(heading, body), *_wrong(scenario, results, names)]) + "\n"


def markdown(heading: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table; columns in which no row has anything are left out."""
    kept = [at for at in range(len(heading)) if at == 0 or any(line[at] != NOTHING for line in body)]
    lines = [heading, ["---", *("---:" for _ in heading[1:])], *body]
    return ["| " + " | ".join(line[at] for at in kept) + " |" for line in lines]


def number(value: float | None, digits: int) -> str:
    """With thousands set apart; a dash for what is not known."""
    if value is None:
        return NOTHING
    return (
        f"{value + 0.0:,.{digits}f}".replace("-0", "0")
        if round(value, digits) == 0
        else f"{value:,.{digits}f}"
    )


def _line(scenario: Scenario, results: Results, name: str) -> list[str]:
    heats = list(results.of(scenario.name, name))
    figures = results.medians(scenario.name, name)
    cells = [
        _ratio(scenario, results, name, column)
        if isinstance(column, Ratio)
        else number(figures.get(column.figure), column.digits)
        for column in scenario.columns
    ]
    mark = "!" if any(heat.wrong for heat in heats) else ""
    return [name, number(heats[-1].events, 0), f"{len(heats)}{mark}", *cells]


def _ratio(scenario: Scenario, results: Results, name: str, wanted: Ratio) -> str:
    top, bottom = (
        results.rounds(where or scenario.name, row or name, wanted.figure)
        for where, row in (wanted.top, wanted.bottom)
    )
    return number(ratio(top, bottom), 2)


def _wrong(scenario: Scenario, results: Results, names: Sequence[str]) -> list[str]:
    found = [(name, heat) for name in names for heat in results.of(scenario.name, name) if heat.wrong]
    return [""] * bool(found) + [
        f"! {name}, round {heat.round}: {_short(heat.wrong)}" for name, heat in found
    ]


def _short(text: str) -> str:
    return text.splitlines()[0][:200]
