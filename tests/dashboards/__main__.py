"""``python -m tests.dashboards``: writes helm/dashboards from code."""

from __future__ import annotations

from tests.dashboards.boards import BOARDS, FOLDER
from tests.dashboards.grafana import as_json


def main() -> None:
    """Write the files anew."""
    FOLDER.mkdir(exist_ok=True)
    for board in BOARDS:
        (FOLDER / f"{board.name}.json").write_text(as_json(board, BOARDS))


if __name__ == "__main__":
    main()
