"""One run of one contestant over one course: started, watched, ended, and what it came to."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from tests.bench.delivery import arithmetic, payload
from tests.bench.delivery.arithmetic import Figures, Sample
from tests.bench.delivery.bridge_entry import letters
from tests.bench.delivery.contestants import Contestant
from tests.bench.delivery.course import Course, Entry, Launch
from tests.bench.delivery.feed import Feed
from tests.bench.delivery.sink import TOKEN, Sink
from tests.bench.delivery.stand import Stand
from tests.bench.delivery.tree import Tree, machine_cpu_seconds
from tests.parts.process import Process

_LOOK_EACH_SECONDS = 0.1
_LATE_SECONDS = 1.0  # duplicates that are under way when all is accepted
_LEAVE_SECONDS = 30.0
_STILL_SECONDS = 60.0


class HeatFailed(Exception):
    """It ended, or stands still; the first line of the message tells it."""


class Heat:
    """A sink and a contestant, for a ``with`` statement; ``watch`` what happens, ``finish`` for the figures.

    Attributes:
        sink: what it posts to.
        samples: every look at it.
        home: its folder.
    """

    def __init__(
        self,
        stand: Stand,
        contestant: Contestant,
        course: Course,
        on_progress: Callable[[int], None],
        feed: Feed | None = None,
    ) -> None:
        """No process is started yet."""
        self._stand, self._contestant, self._course = stand, contestant, course
        self._on_progress = on_progress
        self.home = stand.home(contestant.name)
        self.sink = Sink(stand.sink, self.home / "sink.log", course.manner, stand.pair)
        self.feed = feed or stand.feed(course)
        self.group = f"{contestant.name}-{uuid.uuid4().hex[:12]}"
        started = contestant.launch(stand.program(contestant), self._entry())
        self._process = self._process_of(started)
        self.samples: list[Sample] = []

    def __enter__(self) -> Self:
        self.sink.start()
        self._machine_before = machine_cpu_seconds()
        self.started_at = time.time()
        self._process.start()
        self.tree = Tree(self._process.pid)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._process.kill()
        self.sink.end()

    @property
    def pid(self) -> int:
        """The contestant's process."""
        return self._process.pid

    @contextmanager
    def twin(self) -> Iterator[Process]:
        """A second one in the same group, with a folder of its own."""
        entry = replace(self._entry(), home=self._stand.home("twin"))
        launched = self._contestant.launch(self._stand.program(self._contestant), entry)
        second = Process(launched.command, log=entry.home / "contestant.log", env=launched.env)
        second.start()
        try:
            yield second
        finally:
            second.kill()

    def watch(self, until: int) -> None:
        """Look again and again until so many are accepted.

        Raises:
            HeatFailed: it ended first, or stands still.
        """
        moved_at, accepted = time.monotonic(), -1
        while (now := self.look()) < until:
            if now > accepted:
                moved_at, accepted = time.monotonic(), now
            if not self._process.is_running:
                raise HeatFailed(f"it ended by itself, {accepted:,} accepted\n{self._process.log_tail()}")
            if time.monotonic() - moved_at > _STILL_SECONDS:
                raise HeatFailed(f"it stands still, {accepted:,} of {self._course.wanted:,} accepted")
            time.sleep(_LOOK_EACH_SECONDS)

    def look(self) -> int:
        """One look; how many events are accepted."""
        accepted = int(self.sink.counts()["distinct"])
        self.samples.append(Sample(time.monotonic(), accepted, self.tree.look()))
        self._on_progress(accepted)
        return accepted

    def linger(self, seconds: float) -> None:
        """Look for so long, whatever happens."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look()
            time.sleep(_LOOK_EACH_SECONDS)

    def linger_until(self, is_so: Callable[[], bool], seconds: float) -> None:
        """Look until it is so, for so long at most."""
        end = time.monotonic() + seconds
        while not is_so() and time.monotonic() < end:
            self.linger(_LOOK_EACH_SECONDS)

    def finish(self) -> tuple[Figures, str]:
        """Wait for late duplicates, end it in good order, add up; the text tells what is wrong with it."""
        wanted = self._course.wanted
        used, machine = self.samples[-1].cpu_seconds, machine_cpu_seconds() - self._machine_before
        at_end = self.sink.counts()
        self.linger(_LATE_SECONDS)
        self._process.stop(timeout_seconds=_LEAVE_SECONDS)
        counts, timeline = self.sink.counts(), self.sink.timeline()
        rate = arithmetic.steady_rate(timeline, wanted)
        figures: Figures = {
            "cpu_us": arithmetic.cost_us(self.samples, wanted),
            "cpu_us_all": arithmetic.cost_us([Sample(0, 0, 0.0), *self.samples], wanted, since=0.0),
            "events_s": rate,
            "peak_mib": self.tree.peak_mib,
            "lost": wanted - counts["distinct"],
            "duplicates": counts["duplicates"],
            "order_violations": counts["order_violations"],
            "overlaps": counts["overlaps"],
            "unanswered": counts["unanswered_events"],
            "lag": self.feed.left(self.group),
            "connections": counts["connections"],
            "max_in_flight": counts["max_in_flight"],
            "elapsed_s": (counts["last_ns"] - counts["first_ns"]) / 1e9,
            "start_s": counts["first_ns"] / 1e9 - self.started_at,
            "letters": letters(self.home) if self._contestant.is_bridge else None,
            "sink_cpu_s": at_end["cpu_seconds"],
            "other_cpu_s": machine - used - at_end["cpu_seconds"],
        }
        return figures, self._wrong(counts)

    def _wrong(self, counts: dict[str, Any]) -> str:
        wrong = payload.problem(self.sink.samples(), place=self.feed.place)
        if not wrong and counts["unreadable"]:
            wrong = f"{counts['unreadable']} bodies could not be read"
        return wrong

    def _entry(self) -> Entry:
        return Entry(
            source=self.feed.kind,
            broker=self.feed.broker,
            stream=self.feed.stream,
            group=self.group,
            url=self.sink.url,
            token=TOKEN,
            in_flight=self._course.in_flight,
            home=self.home,
            ca=self._stand.authority if self._course.manner.tls else None,
        )

    def _process_of(self, started: Launch) -> Process:
        return Process(started.command, log=self.home / "contestant.log", env=started.env)
