"""The scenario of time: from the start, or from a replica's death, to the first delivery."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.bench.delivery import bridge_entry
from tests.bench.delivery.contestants import CONTESTANTS, Contestant
from tests.bench.delivery.course import Course, Entry, Launch
from tests.bench.delivery.feed import TopicFeed
from tests.bench.delivery.heat import Heat, HeatFailed
from tests.bench.delivery.loading import Trickle
from tests.bench.delivery.plan import Column, OnProgress, Outcome, Row, Scenario, Wish
from tests.bench.delivery.sink import Manner
from tests.bench.delivery.stand import Stand

SESSION_SECONDS = 6.0
"""What the bridge ships, and what the broker of these tests says to members of the new protocol."""

_FEW, _PER_SECOND = 2_000, 600
_PROTOCOLS = ("classic", "consumer")
_JOIN_SECONDS = 60.0
_MEMBERS_SECONDS = 60.0
_STRAGGLERS_SECONDS = 1.0  # what the dead one had sent is accepted by then
_SURVIVOR_SECONDS = 1.0  # in which each partition of the survivor moves
_TAKEOVER_SECONDS = 60.0


def join_alone(feed: TopicFeed, protocol: str) -> float:
    """Seconds from the start of a bare consumer to its first record, in a new group."""
    script, group = Path(__file__).with_name("join.py"), f"alone-{uuid.uuid4().hex[:12]}"
    command = [sys.executable, str(script), feed.broker, feed.stream, group, protocol]
    started = time.time()
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_JOIN_SECONDS)
    return float(ran.stdout) - started


def _member(protocol: str) -> Contestant:
    def launch(program: Path, entry: Entry) -> Launch:
        return bridge_entry.launch(replace(entry, options={"group_protocol": protocol}))

    return replace(CONTESTANTS["bridge"], launch=launch)


def _run_start(protocol: str, stand: Stand, on_progress: OnProgress) -> Outcome:
    feed = stand.patient_feed(_FEW)
    alone = join_alone(feed, protocol)
    course = Course(_FEW, 64)
    with Heat(stand, _member(protocol), course, on_progress, feed) as heat:
        heat.watch(course.wanted)
        figures, wrong = heat.finish()
    seconds = figures["start_s"] or 0.0
    return {"seconds": seconds, "alone_s": alone, "ratio": seconds / alone}, wrong


def _run_takeover(protocol: str, stand: Stand, on_progress: OnProgress) -> Outcome:
    """Two replicas that keep up with what is written; one is killed, and the other takes over."""
    bound = SESSION_SECONDS + join_alone(stand.patient_feed(_FEW), protocol)
    course = Course(_FEW, 64, Manner(partitions=True))
    with Trickle(stand.patient_kafka, per_second=_PER_SECOND) as trickle:
        feed = TopicFeed(stand.patient_kafka, trickle.topic, _FEW)
        with Heat(stand, _member(protocol), course, on_progress, feed) as heat:
            heat.watch(1)
            with heat.twin() as twin:
                heat.linger_until(lambda: feed.shares(heat.group) == [3, 3], _MEMBERS_SECONDS)
                heat.watch(heat.samples[-1].accepted + 2 * _PER_SECOND)
                twin.kill()
                seconds = _first_of_the_dead(heat, time.monotonic())
    return {"seconds": seconds, "bound_s": bound, "ratio": seconds / bound}, ""


def _first_of_the_dead(heat: Heat, killed: float) -> float:
    heat.linger(_STRAGGLERS_SECONDS)
    before = heat.sink.partitions()
    heat.linger(_SURVIVOR_SECONDS)
    after = heat.sink.partitions()
    theirs = [number for number in after if after[number] == before[number]]
    if not 0 < len(theirs) < len(after):
        raise HeatFailed(f"of {len(after)} partitions {len(theirs)} stand still after the kill")
    heat.linger_until(lambda: any(heat.sink.partitions()[n] > after[n] for n in theirs), _TAKEOVER_SECONDS)
    return time.monotonic() - killed


def _rows(wish: Wish) -> list[Row]:
    starts = [Row(f"start, {p}", _FEW, partial(_run_start, p)) for p in _PROTOCOLS]
    takeovers = [Row(f"takeover, {p}", _FEW, partial(_run_takeover, p)) for p in _PROTOCOLS]
    return [*starts, *takeovers] * wish.wants("bridge")


START = Scenario(
    "START",
    "start and takeover",
    "With the broker's usual delay of 3 s before a new group is served. Start: from the program's start to "
    "its first event, beside a bare librdkafka consumer and its first record. Takeover: from the `kill -9` "
    "of one of two replicas, at live traffic, to the first event out of its partitions; the bound is the "
    f"session timeout ({SESSION_SECONDS:g} s) and that join.",
    (
        Column("first event after s", "seconds", 1),
        Column("librdkafka alone s", "alone_s", 1),
        Column("bound s", "bound_s", 1),
        Column("÷ that", "ratio", 2),
    ),
    _rows,
)
