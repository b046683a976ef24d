"""The generated part of docs/benchmarks.md: between two marks; the rest is written by hand and stays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from tests.bench.delivery import tree, versions
from tests.bench.delivery.build import SOURCES
from tests.bench.delivery.plan import Scenario
from tests.bench.delivery.results import Results
from tests.bench.delivery.table import table

PAGE = SOURCES.parents[2] / "docs" / "benchmarks.md"
BEGIN = "<!-- scripts/bench delivery writes from here -->"
END = "<!-- to here -->"


def report(scenarios: Sequence[Scenario], results: Results) -> str:
    """Every table that has a heat, each under its title."""
    made = ((one, table(one, results)) for one in scenarios)
    return "\n".join(f"### {one.name}: {one.title}\n\n{one.how}\n\n{text}" for one, text in made if text)


def header(command: str) -> str:
    """When, where, with what."""
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, `{command}`, {tree.machine()}.\n\n"
        f"- bridge: {versions.bridge()}\n"
        f"- brokers: {versions.brokers()}\n"
        f"- peers: {versions.peers()}\n"
    )


def renewed(page: str, text: str) -> str:
    """The page with this text between its marks.

    Raises:
        ValueError: the marks are not there, once and in order.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end) or BEGIN in after or END in after:
        raise ValueError(f"{PAGE.name} needs {BEGIN!r} and, behind it, {END!r}")
    return f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{after}"


def write(scenarios: Sequence[Scenario], results: Results, command: str) -> None:
    """Put the results of a race into the page."""
    text = header(command) + "\n" + report(scenarios, results)
    PAGE.write_text(renewed(PAGE.read_text("utf-8"), text), "utf-8")
