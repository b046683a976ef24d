"""The tables of docs/capacity.md. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from itertools import product

from tests.bench.capacity.arithmetic import Assumptions, Demand, Plan, plan_of, queues_of
from tests.bench.capacity.figures import PLACES, Figures

BEGIN, END = "<!-- scripts/bench capacity writes from here -->\n", "<!-- to here -->\n"
RATES = (1_000, 10_000, 100_000, 1_000_000)
LATENCIES_SECONDS = (0.02, 0.1)
BATCHES = (1, 100)
QUEUE_RATES = RATES[:3]
_WORDS = {
    "single_us": "CPU µs of an event posted alone, no latency",
    "single_per_second": "events/s of one process",
    "array_us": "CPU µs of an event in arrays of 100, no latency",
    "array_per_second": "events/s of one process",
    "single_20_ms_us": "CPU µs of an event posted alone, 20 ms of latency, one in a hundred failing",
    "single_100_ms_us": "CPU µs of an event posted alone, 100 ms of latency",
    "in_flight": "requests in flight, the most that was tried",
    "in_flight_share": "share of what these allow that was reached",
    "peak_mib": "MiB at its peak, with so many in flight",
    "takeover_seconds": "seconds until the partitions of a killed process go on (classic protocol)",
    "queue_per_second": "events/s from one quorum queue",
}


def written(page: str, figures: Figures, assumed: Assumptions) -> str:
    """The page with its tables as they are now.

    Raises:
        ValueError: it has no place for them.
    """
    head, _, rest = page.partition(BEGIN)
    _, mark, tail = rest.partition(END)
    if not mark:
        raise ValueError("docs/capacity.md has no place for the tables")
    return head + BEGIN + "\n" + tables(figures, assumed) + END + tail


def tables(figures: Figures, assumed: Assumptions) -> str:
    """What was measured, what it takes, what moves, and queues."""
    demands = [Demand(*one) for one in product(RATES, BATCHES, LATENCIES_SECONDS)]
    plans = [plan_of(one, figures, assumed) for one in demands]
    queued = [Demand(rate, 1, latency) for rate, latency in product(QUEUE_RATES, LATENCIES_SECONDS)]
    return "".join(
        [
            "### Measured\n\n",
            _table(["figure", "", "of benchmarks.md"], _measured(figures)),
            "\n### Kafka: what it takes\n\n",
            _table(_TAKES, map(_takes, plans)),
            "\n### What moves, and what it costs\n\n",
            _table(_MOVES, map(_moves, plans)),
            "\n### RabbitMQ: what it takes\n\n",
            _table(_QUEUES, [_queues(one, figures, assumed) for one in queued]),
            "\n",
        ]
    )


def told(plan: Plan) -> str:
    """One plan, a line for each figure."""
    names = [*_TAKES, *_MOVES[len(_KEY) :]]
    cells = [*_takes(plan), *_moves(plan)[len(_KEY) :]]
    return "".join(f"{name:>24}  {cell}\n" for name, cell in zip(names, cells, strict=True))


_KEY = ["events/s", "a request", "API ms"]
_TAKES = [
    *_KEY,
    *("requests/s", "events in flight", "users at least", "a pod can", "bound by", "pods"),
    *("`max_in_flight`", "connections", "partitions"),
]
_MOVES = [
    *_KEY,
    *(
        "CPU µs/event",
        "cores busy",
        "GiB",
        "broker MB/s",
        "API MB/s",
        "waits after a kill",
        "caught up s",
        "$ a month",
    ),
]
_QUEUES = ["events/s", "API ms", "queues", "`prefetch`"]


def _measured(figures: Figures) -> list[list[str]]:
    rows = []
    for one in fields(figures):
        section, line, _ = PLACES[one.name]
        rows.append([_WORDS[one.name], _number(getattr(figures, one.name)), f"{section}, {line}"])
    return rows


def _key(demand: Demand) -> list[str]:
    posted = "1 event" if demand.batch == 1 else f"array of {demand.batch}"
    return [_number(demand.events_per_second), posted, _number(demand.latency_seconds * 1000)]


def _takes(plan: Plan) -> list[str]:
    return [
        *_key(plan.demand),
        *map(_whole, (plan.requests_per_second, plan.events_in_flight, plan.users, plan.pod_per_second)),
        plan.bound,
        *map(_whole, (plan.pods, plan.max_in_flight, plan.connections, plan.partitions)),
    ]


def _moves(plan: Plan) -> list[str]:
    late = plan.caught_up_seconds
    return [
        *_key(plan.demand),
        *(f"{number:,.1f}" for number in (plan.event_us, plan.cores, plan.memory_gib)),
        *(f"{number:,.1f}" for number in (plan.broker_mb_per_second, plan.api_mb_per_second)),
        _whole(plan.waiting_after_kill),
        "never" if late is None else f"{late:.1f}",
        _whole(plan.month),
    ]


def _queues(demand: Demand, figures: Figures, assumed: Assumptions) -> list[str]:
    found = queues_of(demand, figures, assumed)
    return [*_key(demand)[::2], _whole(found.queues), _whole(found.prefetch)]


def _whole(number: float) -> str:
    return f"{number:,.0f}"


def _number(number: float) -> str:
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:,g}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    ruler = [
        "---" if name in ("figure", "a request", "bound by", "of benchmarks.md") else "---:" for name in head
    ]
    lines = [head, ruler, *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
