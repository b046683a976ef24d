"""``scripts/chaos --soak MINUTES``: half of what it all carries, a fault a minute, and nothing may grow."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from tests.chaos import faults_api, faults_kafka, faults_network
from tests.chaos.arena import Setting
from tests.chaos.books import Row, merged
from tests.chaos.kafka_arena import KafkaArena
from tests.chaos.stage import Stage

_WARM_SHARE = 0.2
_PROBE_RECORDS, _MINUTE_SECONDS = 20_000, 60.0
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PATIENCE_SECONDS = 240.0
_LIMIT = {"records_in_flight": 1000}


class Vitals(NamedTuple):
    """One look at the process, events flowing."""

    at_seconds: float
    rss_bytes: int
    descriptors: int
    threads: int


class Soaked(NamedTuple):
    """What came of it. ``slope`` is MiB an hour, without the first fifth."""

    row: Row
    rate: int
    minutes: float
    faults: int
    vitals: Sequence[Vitals]
    slope: float

    def __str__(self) -> str:
        first, last = self.vitals[0], self.vitals[-1]
        spans = [
            f"{name} {min(values)}–{max(values)}"
            for name, values in (
                ("descriptors", [one.descriptors for one in self.vitals]),
                ("threads", [one.threads for one in self.vitals]),
            )
        ]
        return (
            f"{self.minutes:.0f} minutes at {self.rate} events a second, {self.faults} faults: RSS "
            f"{first.rss_bytes >> 20} MiB at first, {last.rss_bytes >> 20} MiB at last, slope "
            f"{self.slope:+.1f} MiB an hour without the first fifth; {', '.join(spans)}; unaccounted at most "
            f"{self.row.unaccounted:g} in {self.row.looks:,} looks"
        )


def join_and_leave(arena: KafkaArena) -> None:
    """Another replica comes, and goes."""
    other = arena.make(f"guest-{len(arena.replicas)}")
    other.start()
    arena.flows()
    other.stop()
    arena.healed()


FAULTS: Sequence[Callable[[KafkaArena], None]] = (
    faults_api.shut,
    faults_api.storm,
    faults_api.refuse_everybody,
    faults_api.too_many,
    faults_api.drip,
    faults_api.swallow,
    faults_api.garbage,
    faults_network.cut_api,
    faults_network.slow_api,
    faults_network.reset_api,
    faults_network.cut_broker,
    faults_network.slow_broker,
    faults_network.reset_broker,
    faults_kafka.kill_broker,
    join_and_leave,
)


def soak(stage: Stage, minutes: float, say: Callable[[str], None]) -> Soaked:
    """Run it; ``say`` is told of each fault."""
    dice = random.Random(stage.seed)  # noqa: S311 - which fault is next
    with ExitStack() as own:
        setting = Setting(proxied=True, users=500, config={"limits": _LIMIT})
        arena = stage.enter_kafka(setting, own)
        arena.patience_seconds = _PATIENCE_SECONDS
        arena.begin()
        rate = arena.traffic.rate = capacity(arena) // 2
        began = time.monotonic()
        rows: list[Row] = []
        vitals: list[Vitals] = []
        for fault in _without_end(dice):
            if time.monotonic() - began >= minutes * 60:
                break
            _minute_of(fault, arena)
            vitals.append(vitals_of(arena.first.bridge.process.pid))
            rows.append(arena.close_books("soak"))
            say(f"{(time.monotonic() - began) / 60:.0f} min, {fault.__name__}: {vitals[-1]}")
        rows.append(arena.finish("soak"))
    return Soaked(merged("soak", rows), rate, minutes, len(vitals), vitals, slope(vitals))


def _without_end(dice: random.Random) -> Iterator[Callable[[KafkaArena], None]]:
    """All faults in an order by chance, again and again."""
    while True:
        yield from dice.sample(FAULTS, len(FAULTS))


def _minute_of(fault: Callable[[KafkaArena], None], arena: KafkaArena) -> None:
    ends = time.monotonic() + _MINUTE_SECONDS
    fault(arena)
    arena.until(lambda: time.monotonic() > ends, "the minute is over")


def capacity(arena: KafkaArena) -> int:
    """Events a second that go through when there are enough of them."""
    arena.traffic.pause()
    arena.until(lambda: not arena.missing(), "all accepted")
    began, before = time.monotonic(), len(arena.api.accepted)
    for _ in range(_PROBE_RECORDS):
        arena.traffic.send(arena.traffic.next())
    arena.until(lambda: len(arena.api.accepted) - before >= _PROBE_RECORDS, "all of the probe", 120.0)
    seconds = time.monotonic() - began
    arena.traffic.go_on()
    return int(_PROBE_RECORDS / seconds)


def vitals_of(pid: int) -> Vitals:
    """Of a process, by the kernel."""
    folder = Path(f"/proc/{pid}")
    pages = int((folder / "statm").read_text().split()[1])
    return Vitals(
        time.monotonic(),
        pages * _PAGE_BYTES,
        len(list((folder / "fd").iterdir())),
        len(list((folder / "task").iterdir())),
    )


def slope(vitals: Sequence[Vitals]) -> float:
    """MiB an hour, by least squares."""
    points = vitals[int(len(vitals) * _WARM_SHARE) :]
    if len(points) < 2:
        return 0.0
    at = [one.at_seconds / 3600 for one in points]
    size = [one.rss_bytes / 2**20 for one in points]
    mean_at, mean_size = sum(at) / len(at), sum(size) / len(size)
    over = sum((x - mean_at) * (y - mean_size) for x, y in zip(at, size, strict=True))
    return over / sum((x - mean_at) ** 2 for x in at)
