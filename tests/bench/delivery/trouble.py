"""Scenarios of failure: the API is away, or refuses single users, or one of two destinations."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.bench.delivery import bridge_entry
from tests.bench.delivery.arithmetic import Figures, steady_rate
from tests.bench.delivery.contestants import CONTESTANTS, Contestant
from tests.bench.delivery.course import Course, Entry, Launch
from tests.bench.delivery.feed import TopicFeed
from tests.bench.delivery.heat import Heat
from tests.bench.delivery.loading import Trickle
from tests.bench.delivery.orders import early_users
from tests.bench.delivery.plan import Column, OnProgress, Outcome, Ratio, Row, Scenario, Wish
from tests.bench.delivery.sink import Manner, Sink
from tests.bench.delivery.speed import AUDIT, COST, EVENTS, MACHINE, MAIN, RATE, rows, run_through
from tests.bench.delivery.stand import Stand

_AWAY_SECONDS = 20.0
_LETTERS = Column("dead letters", "letters")
_REFUSED = Manner(latency="20ms")
_GIVE_UP = {"retry": {"max_attempts": 3, "max_age": "1s"}}
_LETTERS_SECONDS = 60.0
_MEMORY_EVENTS = 1_000_000
_MEMORY_BOUND_MIB = 256
_MEMORY_GROWTH = 1.05
_LIVE_EVENTS, _LIVE_PER_SECOND = 6_000, 600
_BLOCKED_SECONDS, _FILL_SECONDS = 30.0, 5.0
_BRIDGE = CONTESTANTS["bridge"]


def _run_outage(contestant: Contestant, course: Course, stand: Stand, on_progress: OnProgress) -> Outcome:
    with Heat(stand, contestant, course, on_progress) as heat:
        heat.watch(course.wanted // 2)
        heat.sink.shut()
        heat.linger(_AWAY_SECONDS)
        away = heat.samples[-1]
        idle = [sample for sample in heat.samples if sample.at > away.at - _AWAY_SECONDS / 2]
        heat.sink.open()
        opened = time.monotonic()
        heat.watch(away.accepted + 1)
        back_seconds = time.monotonic() - opened
        heat.watch(course.wanted)
        figures, wrong = heat.finish()
    waiting = (idle[-1].cpu_seconds - idle[0].cpu_seconds) / (idle[-1].at - idle[0].at)
    figures |= {"back_s": back_seconds, "waiting_cpu": 100 * waiting}
    return figures, wrong or _promises(contestant, figures)


def _promises(contestant: Contestant, figures: Figures) -> str:
    """What the bridge promised of an outage and did not keep; nothing is asked of the others."""
    zero = {name: figures[name] for name in ("lost", "order_violations", "letters")}
    unexplained = (figures["duplicates"] or 0) - (figures["unanswered"] or 0)
    if not contestant.is_bridge or not (any(zero.values()) or unexplained > 0):
        return ""
    return f"promise broken: {zero}, duplicates without a lost answer: {max(0, unexplained):g}"


S4 = Scenario(
    "S4",
    f"256 in flight, 20 ms latency, the API away for {_AWAY_SECONDS:g} s in the middle",
    "Its port is closed and every connection reset. An event may come twice only where its answer was lost.",
    (
        *AUDIT,
        Column("answers lost", "unanswered"),
        _LETTERS,
        Column("back after s", "back_s", 1),
        Column("CPU % while away", "waiting_cpu", 1),
        *RATE,
        *MACHINE,
    ),
    partial(rows, MAIN, 256, Manner(latency="20ms"), run=_run_outage),
)


def _run_rest(refused: bool, events: int, stand: Stand, on_progress: OnProgress) -> Outcome:
    """Two users' events are refused for ever, one with 403 and one with 500; or, to compare, nobody's."""
    users = early_users(events, 2) if refused else {}
    answers = dict(zip(users, (403, 500), strict=False))
    course = Course(events, 64, replace(_REFUSED, users=answers), expected=events - sum(users.values()))
    contestant = replace(_BRIDGE, launch=_giving_up)
    with Heat(stand, contestant, course, on_progress) as heat:
        heat.watch(course.wanted)
        heat.linger_until(lambda: bridge_entry.letters(heat.home) >= sum(users.values()), _LETTERS_SECONDS)
        figures, wrong = heat.finish()
    missing = sum(users.values()) - (figures["letters"] or 0)
    problem = f"promise broken: {missing:+g} dead letters missing of {sum(users.values())}" if missing else ""
    return figures, wrong or problem


def _giving_up(program: Path, entry: Entry) -> Launch:
    return bridge_entry.launch(entry, more=_GIVE_UP)


def _refusal_rows(wish: Wish) -> list[Row]:
    events = wish.count(EVENTS)
    named = {"all accepted": False, "two users refused": True}
    return [
        Row(f"bridge, {name}", events, partial(_run_rest, refused, events)) for name, refused in named.items()
    ] * wish.wants("bridge")


S5A = Scenario(
    "S5a",
    "two users refused for ever, one with 403, one with 500",
    "Both users' events end as dead letters (`max_attempts` 3, `max_age` 1 s); the others wait for nobody.",
    (
        Column("the rest's s", "elapsed_s", 1),
        Ratio("÷ without them", "elapsed_s", bottom=("", "bridge, all accepted")),
        _LETTERS,
        *AUDIT,
        *RATE,
        *COST[:2],
    ),
    _refusal_rows,
)


def _run_beside(events: int, stand: Stand, on_progress: OnProgress) -> Outcome:
    """Half of one source's topics go to a destination that answers 401 to everything."""
    blocked = Sink(stand.sink, stand.home("blocked") / "sink.log", Manner(always=401), stand.pair)
    topic = stand.topic(events, copy=1)
    contestant = replace(_BRIDGE, launch=partial(_two_destinations, blocked.url, topic))
    blocked.start()
    try:
        return run_through(contestant, Course(events, 64), stand, on_progress)
    finally:
        blocked.end()


def _two_destinations(url: str, topic: str, program: Path, entry: Entry) -> Launch:
    destinations = {
        "default": bridge_entry.destination(entry.url, entry),
        "blocked": bridge_entry.destination(url, entry),
    }
    rules = {
        "orders": bridge_entry.rule("kafka", entry.stream),
        "blocked": bridge_entry.rule("kafka", topic, destination="blocked"),
    }
    bridge_entry.write(entry, destinations, rules, [entry.stream, topic])
    return bridge_entry.start_of(entry)


def _run_behind(events: int, stand: Stand, on_progress: OnProgress) -> Outcome:
    """What is blocked was there first; then records for the other destination begin to come."""
    blocked = Sink(stand.sink, stand.home("blocked") / "sink.log", Manner(always=401), stand.pair)
    live = Trickle(stand.kafka, per_second=_LIVE_PER_SECOND)
    feed = TopicFeed(stand.kafka, live.topic, _LIVE_EVENTS)
    launch = partial(_two_destinations, blocked.url, stand.topic(events))
    blocked.start()
    try:
        course = Course(_LIVE_EVENTS, 64)
        with Heat(stand, replace(_BRIDGE, launch=launch), course, on_progress, feed) as heat:
            heat.linger_until(lambda: blocked.counts()["statuses"].get("401", 0) > 1, _BLOCKED_SECONDS)
            heat.linger(_FILL_SECONDS)
            with live:
                heat.watch(course.wanted)
            rate = steady_rate(heat.sink.timeline(), course.wanted)
    finally:
        blocked.end()
    return {"events_s": rate, "of_live": rate and rate / _LIVE_PER_SECOND}, ""


def _beside_rows(wish: Wish) -> list[Row]:
    events = wish.count(EVENTS)
    alone = partial(run_through, _BRIDGE, Course(events, 64))
    return [
        Row("bridge, alone", events, alone),
        Row("bridge, beside one that answers 401", events, partial(_run_beside, events)),
        Row("bridge, live behind one that answers 401", _LIVE_EVENTS, partial(_run_behind, events)),
    ] * wish.wants("bridge")


S5B = Scenario(
    "S5b",
    "two destinations, one of which answers 401",
    "One source, a topic for each. The figures are those of the destination that accepts. In the last line "
    f"its records begin to come, {_LIVE_PER_SECOND} a second, when the other has long been blocked.",
    (
        *RATE,
        Ratio("÷ alone", "events_s", bottom=("", "bridge, alone")),
        Column("÷ written", "of_live", 2),
        *COST[:2],
        Ratio("cost ÷ alone", "cpu_us", bottom=("", "bridge, alone")),
        *AUDIT,
        _LETTERS,
        *MACHINE,
    ),
    _beside_rows,
)


def _run_full(events: int, stand: Stand, on_progress: OnProgress) -> Outcome:
    """The API goes away at one event in fifty; what is held then is looked at twice."""
    course = Course(events, 64)
    with Heat(stand, _BRIDGE, course, on_progress) as heat:
        heat.watch(events // 50)
        heat.sink.shut()
        heat.linger(10)
        early = heat.tree.memory_mib()
        heat.linger(50)
        late = heat.tree.memory_mib()
    flat = late <= min(_MEMORY_BOUND_MIB, early * _MEMORY_GROWTH)
    figures: Figures = {
        "early_mib": early,
        "late_mib": late,
        "growth": late / early,
        "bound_mib": _MEMORY_BOUND_MIB,
    }
    return figures, "" if flat else "promise broken: it grows, or is above the bound"


def _memory_rows(wish: Wish) -> list[Row]:
    events = wish.count(_MEMORY_EVENTS)
    return [Row("bridge", events, partial(_run_full, events))] * wish.wants("bridge")


MEM = Scenario(
    "MEM",
    "the API away while a million records wait",
    f"Memory 10 s and 60 s after the API went; flat within 5 %, and below {_MEMORY_BOUND_MIB} MiB.",
    (
        Column("MiB after 10 s", "early_mib", 1),
        Column("after 60 s", "late_mib", 1),
        Column("growth", "growth", 2),
        Column("bound", "bound_mib"),
    ),
    _memory_rows,
)
