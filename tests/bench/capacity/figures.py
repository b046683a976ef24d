"""What was measured, out of the tables of docs/benchmarks.md. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_HEADING = re.compile(r"^### (\S+?):.*$", re.MULTILINE)
Table = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Figures:
    """Of one process of the bridge; the fields' names end with their units.

    Attributes:
        single_us: CPU of an event that is posted alone, the API answering at once.
        single_per_second: so many a second; the machine's figure.
        array_us: CPU of an event in an array of 100.
        array_per_second: so many a second.
        single_20_ms_us: CPU of an event that is posted alone, the API answering after 20 ms.
        single_100_ms_us: the same after 100 ms.
        in_flight: requests at the same time, the most that was tried.
        in_flight_share: how much of what these allow was reached.
        peak_mib: memory.
        takeover_seconds: from the end of a killed process to the first event of its partitions.
        queue_per_second: from one quorum queue.
    """

    single_us: float
    single_per_second: float
    array_us: float
    array_per_second: float
    single_20_ms_us: float
    single_100_ms_us: float
    in_flight: float
    in_flight_share: float
    peak_mib: float
    takeover_seconds: float
    queue_per_second: float


PLACES = {
    "single_us": ("S1", "bridge", "CPU µs/event"),
    "single_per_second": ("S1", "bridge", "events/s"),
    "array_us": ("S1", "bridge-batch", "CPU µs/event"),
    "array_per_second": ("S1", "bridge-batch", "events/s"),
    "single_20_ms_us": ("S3", "bridge", "CPU µs/event"),
    "single_100_ms_us": ("S2", "bridge", "CPU µs/event"),
    "in_flight": ("S2", "bridge", "most in flight"),
    "in_flight_share": ("S2", "bridge", "of the possible"),
    "peak_mib": ("S2", "bridge", "peak MiB"),
    "takeover_seconds": ("START", "takeover, classic", "first event after s"),
    "queue_per_second": ("RMQ", "bridge, quorum queue", "events/s"),
}
"""Figure → section, line and column of the page."""


def read_figures(page: str) -> Figures:
    """All of them.

    Raises:
        LookupError: the page has no such section, line or column.
    """
    tables = {name: _table(text) for name, text in _sections(page).items()}
    return Figures(**{name: _at(tables, *place) for name, place in PLACES.items()})


def _at(tables: dict[str, Table], section: str, line: str, column: str) -> float:
    try:
        return tables[section][line][column]
    except KeyError as missing:
        place = f"{section}, {line}, {column}"
        raise LookupError(f"docs/benchmarks.md has no {missing} ({place})") from None


def _sections(page: str) -> dict[str, str]:
    """Name of a scenario → what stands below its heading."""
    parts = _HEADING.split(page)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _table(text: str) -> Table:
    """The first table: line → column → number; cells that are none are left out."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    head, body = rows[0] if rows else [], rows[2:]
    return {
        row[0]: {
            column: float(cell.replace(",", ""))
            for column, cell in zip(head, row, strict=False)
            if _is_number(cell)
        }
        for row in body
    }


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"-?[\d,]+(\.\d+)?", cell) is not None
