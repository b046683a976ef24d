"""``python -m tests.bench.measure``: what the rules stage costs for one record, next to code by hand."""

from __future__ import annotations

import copy
import platform
import sys
from collections.abc import Callable
from functools import partial
from time import process_time
from timeit import Timer

from tests.bench import peers, subjects, twin

_REPEATS = 40
_RUN_SECONDS = 0.02
_KEY = subjects.KEY.encode()


def microseconds(*functions: Callable[[], object]) -> list[float]:
    """CPU time of one call of each: the minimum of many runs, taken in turns so that noise is shared."""
    timers = [Timer(function, timer=process_time) for function in functions]
    counts = [max(1, int(_RUN_SECONDS / (timer.timeit(200) / 200))) for timer in timers]
    best = [float("inf")] * len(timers)
    for _ in range(_REPEATS):
        for index, (timer, count) in enumerate(zip(timers, counts, strict=True)):
            best[index] = min(best[index], timer.timeit(count) / count * 1e6)
    return best


def _lines() -> list[tuple[str, Callable[[], object], Callable[[], object] | None]]:
    event, record = subjects.EVENT, subjects.RECORD
    other = copy.deepcopy(event) | {"type": "order.created"}
    draft = copy.deepcopy(event)
    draft["order"]["status"] = "DRAFT"
    completed = subjects.sample("completed")
    fan_out = subjects.sample("fan_out")
    bare = subjects.sample("completed", with_event_id=False)
    by_hand = partial(twin.completed, record, event, _KEY)
    return [
        ("completed order, event id", subjects.applied(completed, event), by_hand),
        (
            "completed order, no event id",
            subjects.applied(bare, event),
            partial(twin.completed, record, event, _KEY, with_event_id=False),
        ),
        ("fan-out of three", subjects.applied(fan_out, event), partial(twin.fan_out, record, event)),
        (
            "`when` false, other type",
            subjects.applied(completed, other),
            partial(twin.completed, record, other, _KEY),
        ),
        (
            "`when` false, other status",
            subjects.applied(completed, draft),
            partial(twin.completed, record, draft, _KEY),
        ),
        ("the rule alone, other type", subjects.alone(completed, other), None),
        ("`apply` with a rule that never fits", subjects.applied(subjects.rules_of(_NEVER), event), None),
        ("sample orders.yaml, four events", subjects.applied(subjects.shipped("orders"), event), None),
    ]


def _peers() -> None:
    """The same rule in other engines, beside ours and the twin, all in turns."""
    event = subjects.EVENT
    ours = subjects.applied(subjects.sample("completed", with_event_id=False), event)
    by_hand = partial(twin.completed, subjects.RECORD, event, _KEY, with_event_id=False)
    found = {name: peers.runs(name, event) for name in peers.PEERS}
    named = [run for run in found.values() if run is not None]
    times = microseconds(ours, by_hand, *(run for _, run in named))
    labels = ["this rule", "hand-written Python", *(name for name, _ in named)]
    write = sys.stdout.write
    write(f"\n{'the rule in other engines, µs of CPU':36}{'':8}{'x rule':>8}{'x twin':>8}" + "\n")
    for label, one in sorted(zip(labels, times, strict=True), key=lambda row: row[1]):
        write(f"{label:36}{one:8.2f}{one / times[0]:8.2f}{one / times[1]:8.2f}" + "\n")
    for name in (name for name, run in found.items() if run is None):
        write(f"{name:36} is not installed: pip install --group bench" + "\n")


_NEVER = """\
from: {topics: [shop.orders]}
rules:
  - name: never
    when: "false"
    emit: [{event_type: track, event_name: E, user_id: "'u'"}]
"""


def main() -> None:
    """Write the tables."""
    write = sys.stdout.write
    write(f"{platform.python_implementation()} {platform.python_version()} on {platform.machine()}" + "\n")
    write(f"\n{'one record (1,011 bytes), µs of CPU':36}{'rule':>8}{'twin':>8}{'ratio':>8}" + "\n")
    for name, rule, by_hand in _lines():
        mine, *other = microseconds(rule, *([by_hand] if by_hand else []))
        write(f"{name:36}{mine:8.2f}" + "".join(f"{one:8.2f}{mine / one:8.2f}" for one in other) + "\n")
    write(f"\n{'rules on one topic, µs of CPU':36}{'one fits':>10}{'none fits':>10}" + "\n")
    for count in (1, 200):
        rules = subjects.many(count)
        fits = {**subjects.EVENT, "type": f"order.kind-{count - 1}"}
        times = microseconds(subjects.applied(rules, fits), subjects.applied(rules, subjects.EVENT))
        write(f"{count:<36}{times[0]:10.2f}{times[1]:10.2f}" + "\n")
    _peers()


if __name__ == "__main__":
    main()
