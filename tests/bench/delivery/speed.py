"""Scenarios of cost: what an event takes, at 64 in flight and at 1,000, and with failures in between."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tests.bench.delivery.contestants import CONTESTANTS, Contestant
from tests.bench.delivery.course import Course
from tests.bench.delivery.heat import Heat
from tests.bench.delivery.plan import Column, OnProgress, Outcome, Ratio, Row, Scenario, Wish
from tests.bench.delivery.sink import Manner
from tests.bench.delivery.stand import Stand

EVENTS = 200_000
_MAIN = ("bridge", "go-fasthttp", "bento-keybatch", "pc-vertx")
_VARIANTS = ("bridge", "bridge-ids", "bridge-batch", "go-fasthttp", "bento-keybatch", "pc-vertx")

COST = (
    Column("CPU µs/event", "cpu_us", 1),
    Column("with the start", "cpu_us_all", 1),
    Ratio("bridge ÷ this", "cpu_us", top=("", "bridge")),
)
RATE = (Column("events/s", "events_s"),)
AUDIT = (
    Column("lost", "lost"),
    Column("twice", "duplicates"),
    Column("out of order", "order_violations"),
    Column("overlaps", "overlaps"),
    Column("lag after", "lag"),
)
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


def rows(names: Sequence[str], in_flight: int, manner: Manner, wish: Wish) -> list[Row]:
    """A line for each of these contestants that is wanted."""
    made = []
    for name in names:
        contestant = CONTESTANTS.get(name)
        if contestant is None or not wish.wants(name):
            continue
        events = wish.count(EVENTS, contestant.share)
        run = partial(run_through, contestant, Course(events, in_flight, manner))
        made.append(Row(name, events, run, contestant.missing))
    return made


S1 = Scenario(
    "S1",
    "64 in flight, no latency",
    "What an event costs when nothing but the processor is in the way.",
    (*COST, *RATE, *AUDIT, *MACHINE),
    partial(rows, _VARIANTS, 64, Manner()),
)
