"""The demo's live table: one line a topic's way, drawn from the same snapshot as ``/metrics``. Pure."""

from __future__ import annotations

from rich.table import Table

from bridge.metrics import Snapshot

_OUTCOMES = ("delivered", "filtered", "dead_lettered", "dropped")


def table_of(snapshot: Snapshot, title: str) -> Table:
    """Records by what became of them, and events by the rule that made them."""
    table = Table(title=title, title_justify="left", expand=False)
    for name in ("rule", "event", "created", "delivered", "dead-lettered", "in flight"):
        table.add_column(name, justify="left" if name in ("rule", "event") else "right")
    for labels, created in sorted(
        snapshot.rows("events_created_total"), key=lambda row: sorted(row[0].values())
    ):
        if created:
            ended = {
                o: snapshot.total("events_total", **labels, outcome=o) for o in ("delivered", "dead_lettered")
            }
            in_flight = created - sum(ended.values())
            cells = (created, ended["delivered"], ended["dead_lettered"], in_flight)
            table.add_row(labels["rule"], labels["event_type"], *(f"{int(cell):,}" for cell in cells))
    table.caption = plain_line(snapshot)
    return table


def plain_line(snapshot: Snapshot) -> str:
    """The records' totals on one line, for a pipe."""
    counts = {"consumed": snapshot.total("records_consumed_total")}
    counts |= {name: snapshot.total("records_settled_total", outcome=name) for name in _OUTCOMES}
    counts["in_flight"] = snapshot.total("records_in_flight")
    counts["unaccounted"] = snapshot.total("records_unaccounted")
    return "records: " + " ".join(f"{name}={int(count)}" for name, count in counts.items())
