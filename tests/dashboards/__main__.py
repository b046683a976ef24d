"""``python -m tests.dashboards``: writes helm/dashboards and docs/dashboards.md from code."""

from __future__ import annotations

import argparse

from tests.dashboards.boards import BOARDS, FOLDER
from tests.dashboards.grafana import as_json
from tests.dashboards.page import PAGE, written
from tests.dashboards.pictures.taken import take


def main() -> None:
    """Write the files anew; the pictures too, if asked."""
    parser = argparse.ArgumentParser(
        prog="scripts/dashboards", description="Write the dashboards, and their page."
    )
    parser.add_argument(
        "--pictures", action="store_true", help="and draw docs/dashboards/*.png: a run with a real Prometheus"
    )
    asked = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    for board in BOARDS:
        (FOLDER / f"{board.name}.json").write_text(as_json(board, BOARDS))
    PAGE.write_text(written(PAGE.read_text(), BOARDS))
    if asked.pictures:
        take()


if __name__ == "__main__":
    main()
