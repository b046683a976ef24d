"""``scripts/bench capacity``: write the tables of docs/capacity.md, or tell one plan (``--rate``)."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from bridge.config import parse_duration_seconds
from tests.bench.capacity.arithmetic import Assumptions, Demand, plan_of
from tests.bench.capacity.figures import read_figures
from tests.bench.capacity.page import told, written

_DOCS = Path(__file__).parents[3] / "docs"


def main() -> None:
    """Without words the page is written."""
    asked = _parser().parse_args()
    figures = read_figures((_DOCS / "benchmarks.md").read_text())
    if asked.rate is None:
        page = _DOCS / "capacity.md"
        page.write_text(written(page.read_text(), figures, Assumptions()))
        return
    changed = {name: getattr(asked, name) for name in ("load", "core_hour", "gib_hour", "record_bytes")}
    assumed = replace(Assumptions(), **{name: value for name, value in changed.items() if value is not None})
    demand = Demand(asked.rate, asked.batch, parse_duration_seconds(asked.latency))
    sys.stdout.write(told(plan_of(demand, figures, assumed)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench capacity", description=__doc__)
    parser.add_argument("--rate", type=int, help="events a second; without it the page is written")
    parser.add_argument("--latency", default="50ms", help="of the API, such as 50ms")
    parser.add_argument("--batch", type=int, default=1, help="events of a request")
    parser.add_argument("--load", type=float, help="share of what a pod can do that it is planned for")
    parser.add_argument("--record-bytes", type=int)
    parser.add_argument("--core-hour", type=float, help="price")
    parser.add_argument("--gib-hour", type=float, help="price")
    return parser


if __name__ == "__main__":
    main()
