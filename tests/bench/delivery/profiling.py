"""The scenario that tells where the time goes: S1 with a sampling profiler beside the bridge."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.bench.delivery.contestants import CONTESTANTS
from tests.bench.delivery.course import Course
from tests.bench.delivery.heat import Heat, HeatFailed
from tests.bench.delivery.plan import OnProgress, Outcome, Row, Scenario, Wish
from tests.bench.delivery.results import Results
from tests.bench.delivery.speed import EVENTS
from tests.bench.delivery.stand import Stand
from tests.bench.delivery.table import markdown, number

PROFILER = Path(sys.executable).with_name("py-spy")
LOOP = "the event loop itself"

_RATE = 200
_FUNCTIONS = 25
_END_SECONDS = 30
_STAGE, _FUNCTION = "module: ", "function: "
_STARTER = "cli/run"  # the bridge's innermost frame while uvloop, in C, has the turn


class Frame(NamedTuple):
    """One call of a stack."""

    function: str
    file: str


Stack = tuple[Sequence[Frame], int]
"""Calls from the outermost in, and how often they were seen."""


def stacks(folded: str) -> Iterator[Stack]:
    """Those of the bridge out of the profiler's text, ``outer (file:line);inner (file:line) count``."""
    for line in folded.splitlines():
        calls, _, count = line.rpartition(" ")
        frames = [_frame(call) for call in calls.split(";")]
        starts = any("importlib" in frame.file for frame in frames)
        if not starts and any(_is_ours(frame) for frame in frames):
            yield frames, int(count)


def shares(seen: Sequence[Stack], name: Callable[[Sequence[Frame]], str]) -> dict[str, float]:
    """Each name's share of all samples, the largest first."""
    counted: Counter[str] = Counter()
    for frames, count in seen:
        counted[name(frames)] += count
    return {key: count / counted.total() for key, count in counted.most_common()}


def stage(frames: Sequence[Frame]) -> str:
    """The bridge's module that has the turn, or that called what has: its folder, or its own name."""
    ours = [frame for frame in frames if _is_ours(frame)]
    path = Path(ours[-1].file).relative_to("bridge").with_suffix("")
    if str(path) == _STARTER:
        return LOOP
    return str(path.parent if path.parent != Path() else path)


def function(frames: Sequence[Frame]) -> str:
    """The innermost call; what C code below it took is its own."""
    return f"{frames[-1].function} ({frames[-1].file})"


def _frame(call: str) -> Frame:
    name, _, place = call.rpartition(" (")
    return Frame(name, place.rpartition(":")[0] or place.rstrip(")"))


def _is_ours(frame: Frame) -> bool:
    return frame.file.startswith("bridge/")


def _run(events: int, stand: Stand, on_progress: OnProgress) -> Outcome:
    """From a fifth to nine tenths of the events."""
    course = Course(events, 64)
    with Heat(stand, CONTESTANTS["bridge"], course, on_progress) as heat:
        heat.watch(events // 5)
        folded = heat.home / "profile.txt"
        command = [str(PROFILER), "record", "--pid", str(heat.pid), "--rate", str(_RATE), "--format", "raw"]
        with subprocess.Popen(
            [*command, "--output", str(folded), "--duration", "unlimited"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as profiler:
            heat.watch(events * 9 // 10)
            profiler.send_signal(signal.SIGINT)
            _, told = profiler.communicate(timeout=_END_SECONDS)
        heat.watch(course.wanted)
        figures, wrong = heat.finish()
    if not folded.exists():
        raise HeatFailed(f"the profiler cannot look (it needs the right to trace): {told.decode()[-300:]}")
    seen = list(stacks(folded.read_text()))
    by_stage = {_STAGE + name: share for name, share in shares(seen, stage).items()}
    by_function = list(shares(seen, function).items())[:_FUNCTIONS]
    return {"cpu_us": figures["cpu_us"], **by_stage, **{_FUNCTION + n: s for n, s in by_function}}, wrong


def _rows(wish: Wish) -> list[Row]:
    events = wish.count(EVENTS)
    missing = "" if PROFILER.exists() else "py-spy is not installed"
    return [Row("bridge", events, partial(_run, events), missing)] * wish.wants("bridge")


def _tables(results: Results) -> str:
    figures = results.medians("PROFILE", "bridge")
    cost = figures.get("cpu_us")
    made = [_table(figures, cost, prefix) for prefix in (_STAGE, _FUNCTION)]
    return "\n\n".join(filter(None, made))


def _table(figures: dict[str, float | None], cost: float | None, prefix: str) -> str:
    found = {
        name.removeprefix(prefix): share or 0.0 for name, share in figures.items() if name.startswith(prefix)
    }
    lines = [
        [f"`{name}`" if name != LOOP else name, number(100 * share, 1), number(cost and cost * share, 1)]
        for name, share in sorted(found.items(), key=lambda item: -item[1])
    ]
    return "\n".join(markdown([prefix.strip(": "), "% of samples", "µs/event"], lines)) if lines else ""


PROFILE = Scenario(
    "PROFILE",
    "where the time goes",
    "S1, sampled by py-spy 200 times a second: by the module of the bridge that has the turn (libraries and C "
    "code count for their caller), and by the innermost Python function. A share is one of all threads that "
    "run; µs are that share of the cost of an event. librdkafka's own threads are not seen.",
    (),
    _rows,
    render=_tables,
)
