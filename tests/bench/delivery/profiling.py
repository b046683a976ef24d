"""The scenario that tells where the time goes: S1 with a sampling profiler beside the bridge."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.bench.delivery.arithmetic import Figures
from tests.bench.delivery.contestants import CONTESTANTS
from tests.bench.delivery.course import Course
from tests.bench.delivery.heat import Heat, HeatFailed
from tests.bench.delivery.plan import OnProgress, Outcome, Row, Scenario, Wish
from tests.bench.delivery.results import Results
from tests.bench.delivery.speed import EVENTS
from tests.bench.delivery.stand import Stand
from tests.bench.delivery.table import markdown, number
from tests.bench.delivery.tree import thread_cpu_seconds

PROFILER = Path(sys.executable).with_name("py-spy")
LOOP = "the event loop itself"

_RATE = 200
_FUNCTIONS = 25
_END_SECONDS = 30
_THREAD, _STAGE, _FUNCTION = "thread: ", "module: ", "function: "
Threads = Mapping[str, tuple[str, float]]

_LOOP_THREAD, _OTHER_THREADS, _LIBRDKAFKA = "the loop", "other Python threads", "librdkafka"
_WAITING = ("selectors.py", "threading.py")
_STARTER = "cli/run"  # the bridge's innermost frame while uvloop, in C, has the turn


class Frame(NamedTuple):
    """One call of a stack."""

    function: str
    file: str


class Stack(NamedTuple):
    """Calls from the outermost in, how often they were seen, and whether on the loop's thread."""

    frames: Sequence[Frame]
    samples: int
    on_loop: bool


Costs = dict[str, float]
"""Microseconds an event, by name."""


def stacks(folded: str) -> Iterator[Stack]:
    """Those of the bridge at work, out of the profiler's text.

    Args:
        folded: lines ``thread (id): name;outer (file:line);inner (file:line) count``.
    """
    for line in folded.splitlines():
        calls, _, count = line.rpartition(" ")
        thread, *rest = calls.split(";")
        frames = [_frame(call) for call in rest]
        starts = any("importlib" in frame.file for frame in frames)
        waits = bool(frames) and frames[-1].file in _WAITING
        if any(_is_ours(frame) for frame in frames) and not starts and not waits:
            yield Stack(frames, int(count), on_loop="MainThread" in thread)


def costs(seen: Sequence[Stack], threads: Costs, name: Callable[[Sequence[Frame]], str]) -> Costs:
    """What each name costs, the dearest first: of its thread's cost its share of that thread's samples."""
    made: dict[str, float] = {}
    for on_loop, thread in ((True, _LOOP_THREAD), (False, _OTHER_THREADS)):
        mine = [stack for stack in seen if stack.on_loop == on_loop]
        total = sum(stack.samples for stack in mine)
        for stack in mine:
            key = name(stack.frames)
            made[key] = made.get(key, 0.0) + threads.get(thread, 0.0) * stack.samples / total
    return dict(sorted(made.items(), key=lambda item: -item[1]))


def by_thread(before: Threads, after: Threads, pid: int, events: int) -> Costs:
    """What the loop, the other threads of Python and those of librdkafka cost an event in between."""
    made = dict.fromkeys((_LOOP_THREAD, _OTHER_THREADS, _LIBRDKAFKA), 0.0)
    for thread, (name, used) in after.items():
        since = before.get(thread, ("", 0.0))[1]
        made[_kind(thread, name, pid)] += (used - since) / events * 1e6
    return made


def _kind(thread: str, name: str, pid: int) -> str:
    if thread == str(pid):
        return _LOOP_THREAD
    return _LIBRDKAFKA if name.startswith("rdk:") else _OTHER_THREADS


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
        pid = heat.pid
        before, first = thread_cpu_seconds(pid), heat.look()
        with _profiler(pid, heat.home / "profile.txt") as folded:
            heat.watch(events * 9 // 10)
            after, last = thread_cpu_seconds(pid), heat.look()
        heat.watch(course.wanted)
        _, wrong = heat.finish()
    threads = by_thread(before, after, pid, last - first)
    seen = list(stacks(folded.read_text()))
    by_function = list(costs(seen, threads, function).items())[:_FUNCTIONS]
    named = ((_THREAD, threads), (_STAGE, costs(seen, threads, stage)), (_FUNCTION, dict(by_function)))
    return {prefix + name: cost for prefix, made in named for name, cost in made.items()}, wrong


@contextmanager
def _profiler(pid: int, folded: Path) -> Iterator[Path]:
    """Look at a process; what was seen is in the file afterwards.

    Raises:
        HeatFailed: it may not look.
    """
    command = [str(PROFILER), "record", "--threads", "--pid", str(pid), "--rate", str(_RATE)]
    command += ["--format", "raw", "--output", str(folded), "--duration", "unlimited"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as profiler:
        yield folded
        profiler.send_signal(signal.SIGINT)
        _, told = profiler.communicate(timeout=_END_SECONDS)
    if not folded.exists():
        raise HeatFailed(f"the profiler cannot look, it needs the right to trace: {told.decode()[-300:]}")


def _rows(wish: Wish) -> list[Row]:
    events = wish.count(EVENTS)
    missing = "" if PROFILER.exists() else "py-spy is not installed"
    return [Row("bridge", events, partial(_run, events), missing)] * wish.wants("bridge")


def _tables(results: Results) -> str:
    figures = results.medians("PROFILE", "bridge")
    made = [_table(figures, prefix) for prefix in (_THREAD, _STAGE, _FUNCTION)]
    return "\n\n".join(filter(None, made))


def _table(figures: Figures, prefix: str) -> str:
    known = {name: cost or 0.0 for name, cost in figures.items()}
    whole = sum(cost for name, cost in known.items() if name.startswith(_THREAD))
    found = {name.removeprefix(prefix): cost for name, cost in known.items() if name.startswith(prefix)}
    quoted = {name: name if prefix == _THREAD or name == LOOP else f"`{name}`" for name in found}
    lines = [
        [quoted[name], number(cost, 1), number(100 * cost / whole, 1)]
        for name, cost in sorted(found.items(), key=lambda item: -item[1])
    ]
    return "\n".join(markdown([prefix.strip(": "), "CPU µs/event", "%"], lines)) if lines else ""


PROFILE = Scenario(
    "PROFILE",
    "where the time goes",
    "S1. What each kind of thread uses, from /proc; how the threads of Python use it, from py-spy, 200 looks "
    "a second: by the module of the bridge that has the turn (libraries and C code count for their caller), "
    "and by the innermost Python function.",
    (),
    _rows,
    render=_tables,
)
