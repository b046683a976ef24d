"""The status page: a snapshot as HTML for people, or as plain text for ``curl``. Pure; no payloads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

from bridge.admin.health import Health
from bridge.admin.why import stalls, unordered
from bridge.metrics import Snapshot
from bridge.printable import printable

_STYLE = (
    "body{font:14px/1.5 system-ui,sans-serif;margin:2rem;max-width:72rem}"
    "table{border-collapse:collapse;margin:.3rem 0 1.5rem}"
    "th,td{padding:.2rem .8rem;border-bottom:1px solid #ddd;text-align:right}"
    "th:first-child,td:first-child{text-align:left}.bad{color:#b00020}.good{color:#00701a}"
)


class Table(NamedTuple):
    """One part of the page; a row's first cell names it."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def tables(snapshot: Snapshot) -> list[Table]:
    """What the page shows: sources, destinations, why anything waits, dead letters."""
    return [_sources(snapshot), _destinations(snapshot), _stalls(snapshot), _dead_letters(snapshot)]


def html_page(snapshot: Snapshot, health: Health) -> str:
    """The page for browsers; every value is escaped."""
    body = "".join(_html_table(table) for table in tables(snapshot) if table.rows)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="refresh" content="5"><title>Filum Bridge</title>'
        f"<style>{_STYLE}</style></head><body><h1>Filum Bridge</h1>"
        f'<p class="{"good" if health.ready else "bad"}">{escape(_state(health))}</p>'
        f"<p>{escape(_summary(snapshot))}</p>{body}</body></html>"
    )


def text_page(snapshot: Snapshot, health: Health) -> str:
    """The same as plain text."""
    parts = [f"Filum Bridge: {_state(health)}\n{_summary(snapshot)}\n"]
    parts += [_text_table(table) for table in tables(snapshot) if table.rows]
    return "\n".join(parts)


def _state(health: Health) -> str:
    state = "ready" if health.ready else "not ready" if health.live else "stuck"
    return f"{state}: {'; '.join(health.reasons)}" if health.reasons else state


def _summary(snapshot: Snapshot) -> str:
    version = next((row["version"] for row, _ in snapshot.rows("build_info")), "")
    rules = ", ".join(row["hash"] for row, number in snapshot.rows("rules_info") if number)
    unaccounted = snapshot.value("records_unaccounted")
    return f"version {version} · rules {rules or 'none'} · unaccounted records {_number(unaccounted)}"


def _sources(snapshot: Snapshot) -> Table:
    head = [
        "source",
        "connected",
        "order",
        "partitions",
        "paused",
        "consumed",
        "delivered",
        "filtered",
        "dropped",
    ]
    head += ["dead-lettered", "in flight", "lag", "oldest"]
    names = sorted(row["source"] for row, _ in snapshot.rows("records_consumed_total"))
    return Table("Sources", head, [_source(snapshot, name) for name in names])


def _source(snapshot: Snapshot, name: str) -> list[str]:
    def settled(outcome: str) -> float:
        return snapshot.value("records_settled_total", source=name, outcome=outcome)

    oldest = snapshot.value("oldest_unsettled_timestamp_seconds", source=name)
    numbers = (
        snapshot.value("partitions_assigned", source=name),
        snapshot.value("partitions_paused", source=name),
        snapshot.value("records_consumed_total", source=name),
        *(settled(outcome) for outcome in ("delivered", "filtered", "dropped", "dead_lettered")),
        snapshot.value("records_in_flight", source=name),
        snapshot.total("consumer_lag", source=name),
    )
    connected = "yes" if snapshot.value("source_connected", source=name) else "no"
    return [
        name,
        connected,
        "not kept" if name in unordered(snapshot) else "kept",
        *map(_number, numbers),
        _age(snapshot, oldest),
    ]


def _destinations(snapshot: Snapshot) -> Table:
    head = ("destination", "accepted", "in flight", "limit", "waiting", "blocked lanes", "last delivery")
    names = sorted({row["destination"] for row, _ in snapshot.rows("concurrency_limit")})
    return Table("Destinations", head, [_destination(snapshot, name) for name in names])


def _destination(snapshot: Snapshot, name: str) -> list[str]:
    numbers = (
        snapshot.total("events_total", destination=name, outcome="delivered"),
        snapshot.value("requests_in_flight", destination=name),
        snapshot.value("concurrency_limit", destination=name),
        snapshot.total("events_waiting", destination=name),
        snapshot.value("lanes_blocked", destination=name),
    )
    last = snapshot.value("last_delivery_timestamp_seconds", destination=name)
    return [name, *map(_number, numbers), _age(snapshot, last)]


def _stalls(snapshot: Snapshot) -> Table:
    rows = [(one.who, one.reason, one.says, one.do) for one in stalls(snapshot)]
    return Table("Why something waits", ("who", "reason", "because", "do"), rows)


def _dead_letters(snapshot: Snapshot) -> Table:
    rows = [
        (row["source"], row["reason"], _number(number))
        for row, number in snapshot.rows("dead_letters_total")
        if number
    ]
    return Table("Dead letters", ("source", "reason", "letters"), sorted(rows))


def _number(number: float) -> str:
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:,.2f}"


def _age(snapshot: Snapshot, timestamp_seconds: float) -> str:
    """How long ago; a time of day would need a zone."""
    return f"{max(0.0, snapshot.taken_at_seconds - timestamp_seconds):,.0f} s" if timestamp_seconds else "-"


def _html_table(table: Table) -> str:
    rows = "".join(_html_row(row, "td") for row in table.rows)
    return f"<h2>{escape(table.title)}</h2><table>{_html_row(table.head, 'th')}{rows}</table>"


def _html_row(cells: Iterable[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _text_table(table: Table) -> str:
    lines = [[printable(cell) for cell in row] for row in (table.head, *table.rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(table.head))]
    padded = (
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines
    )
    return "\n".join([table.title, *("  " + line.rstrip() for line in padded), ""])
