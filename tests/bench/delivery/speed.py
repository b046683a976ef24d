"""Scenarios of cost: what an event takes, at 64 in flight and at 1,000, and with failures in between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

from tests.bench.delivery.contestants import CONTESTANTS, Contestant
from tests.bench.delivery.course import Course
from tests.bench.delivery.heat import Heat
from tests.bench.delivery.plan import Column, OnProgress, Outcome, Ratio, Row, Scenario, Wish
from tests.bench.delivery.sink import Manner
from tests.bench.delivery.stand import Stand

EVENTS = 200_000
Run = Callable[[Contestant, Course, Stand, OnProgress], Outcome]

_LATE_SECONDS = 0.1
MAIN = ("bridge", "go-fasthttp", "bento-keybatch", "pc-vertx")
_VARIANTS = (
    *("bridge", "bridge-pure", "bridge-ids", "bridge-batch"),
    *("go-fasthttp", "bento-keybatch", "pc-vertx"),
)

COST = (
    Column("CPU µs/event", "cpu_us", 1),
    Column("with the start", "cpu_us_all", 1),
    Ratio("bridge ÷ this", "cpu_us", top=("", "bridge")),
)
_FEW, _FEW_SHARE = "bridge, 64 in flight", 0.1
OVER_FEW = (
    Ratio("cost ÷ that of S1", "cpu_us", bottom=("S1", "")),
    Ratio("cost ÷ 64 in flight", "cpu_us", bottom=("", _FEW)),
)
OVER_KAFKA = (
    Ratio("cost ÷ Kafka", "cpu_us", bottom=("S1", "bridge")),
    Ratio("rate ÷ Kafka", "events_s", bottom=("S1", "bridge")),
)
RATE = (Column("events/s", "events_s"),)
AUDIT = (
    Column("lost", "lost"),
    Column("twice", "duplicates"),
    Column("out of order", "order_violations"),
    Column("overlaps", "overlaps"),
    Column("lag after", "lag"),
)
IN_FLIGHT = Column("most in flight", "max_in_flight")
MACHINE = (
    Column("peak MiB", "peak_mib"),
    Column("connections", "connections"),
    Column("first event s", "start_s", 1),
    Column("others' CPU s", "other_cpu_s", 1),
)


def run_through(contestant: Contestant, course: Course, stand: Stand, on_progress: OnProgress) -> Outcome:
    """From the start to the last event, with nothing happening in between."""
    with Heat(stand, contestant, course, on_progress) as heat:
        heat.watch(course.wanted)
        return heat.finish()


def run_late(contestant: Contestant, course: Course, stand: Stand, on_progress: OnProgress) -> Outcome:
    """As before, and how near the rate came to what so many in flight allow."""
    figures, wrong = run_through(contestant, course, stand, on_progress)
    rate, possible = figures["events_s"], course.in_flight / _LATE_SECONDS
    return {**figures, "of_possible": None if rate is None else rate / possible}, wrong


def rows(
    names: Sequence[str], in_flight: int, manner: Manner, wish: Wish, run: Run = run_through
) -> list[Row]:
    """A line for each of these contestants that is wanted."""
    made = []
    for name in names:
        contestant = CONTESTANTS.get(name)
        if contestant is None or not wish.wants(name):
            continue
        events = wish.count(EVENTS, contestant.share)
        course = Course(events, in_flight, manner)
        made.append(Row(name, events, partial(run, contestant, course), contestant.missing))
    return made


def _queue_row(kind: Literal["classic", "quorum"], wish: Wish) -> Row:
    events = wish.count(EVENTS)
    run = partial(run_through, CONTESTANTS["bridge"], Course(events, 64, source=kind))
    return Row(f"bridge, {kind} queue", events, run)


S1 = Scenario(
    "S1",
    "64 in flight, no latency",
    "What an event costs when nothing but the processor is in the way.",
    (*COST, *RATE, *AUDIT, *MACHINE),
    partial(rows, _VARIANTS, 64, Manner()),
)
S1_TLS12 = replace(
    S1,
    name="S1-TLS1.2",
    title="the same over TLS 1.2",
    how="AES-256-GCM, a certificate with a P-256 key.",
    rows=partial(rows, MAIN, 64, Manner(tls="1.2")),
)
S1_TLS13 = replace(
    S1,
    name="S1-TLS1.3",
    title="the same over TLS 1.3",
    how="The cipher is the client's and the sink's choice.",
    rows=partial(rows, MAIN, 64, Manner(tls="1.3")),
)
RMQ = Scenario(
    "RMQ",
    "the same from RabbitMQ",
    "S1 with the same records in a queue instead of a topic, acknowledged instead of committed.",
    (*COST[:2], *RATE, *OVER_KAFKA, *AUDIT, *MACHINE),
    lambda wish: [_queue_row(kind, wish) for kind in ("classic", "quorum") if wish.wants("bridge")],
)


def _late_rows(wish: Wish) -> list[Row]:
    """Those that are compared, and the bridge with few in flight: what many cost it."""
    late = Manner(latency=f"{_LATE_SECONDS}s")
    events = wish.count(EVENTS, _FEW_SHARE)
    run = partial(run_late, CONTESTANTS["bridge"], Course(events, 64, late))
    few = [Row(_FEW, events, run)] * wish.wants("bridge")
    return [*rows(MAIN, 1000, late, wish, run=run_late), *few]


S2 = Scenario(
    "S2",
    "1,000 in flight, 100 ms latency",
    "No more than 10,000 events a second are possible: 1,000 in flight, each 0.1 s on its way.",
    (*RATE, Column("of the possible", "of_possible", 2), *COST, *OVER_FEW, *AUDIT, IN_FLIGHT, *MACHINE),
    _late_rows,
)
S3 = Scenario(
    "S3",
    "256 in flight, 20 ms latency, one request in a hundred answered 503",
    "What failures cost, and whether order outlives them.",
    (*COST, *RATE, *AUDIT, *MACHINE),
    partial(rows, MAIN, 256, Manner(latency="20ms", fail_share=0.01)),
)
