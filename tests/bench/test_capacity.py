"""The capacity page says what follows from the benchmarks as they are, and the arithmetic is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.capacity.arithmetic import Assumptions, Demand, plan_of, queues_of
from tests.bench.capacity.figures import Figures, read_figures
from tests.bench.capacity.page import tables, told, written

DOCS = Path(__file__).parents[2] / "docs"
ROUND = Figures(
    single_us=20.0,
    single_per_second=40_000,
    array_us=10.0,
    array_per_second=100_000,
    single_20_ms_us=25.0,
    single_100_ms_us=30.0,
    in_flight=1_000,
    in_flight_share=1.0,
    peak_mib=100,
    takeover_seconds=7.0,
    queue_per_second=30_000,
)


def test_every_number_of_the_page_is_computed_from_the_benchmarks() -> None:
    """After a new benchmark: ``scripts/bench capacity``."""
    page = (DOCS / "capacity.md").read_text()
    figures = read_figures((DOCS / "benchmarks.md").read_text())
    assert page == written(page, figures, Assumptions())


def test_what_is_in_flight_is_rate_times_latency() -> None:
    """Little's law: 10,000 a second, each 0.1 s on its way, are 1,000; in arrays of 100: 10 requests."""
    alone, array = (plan_of(Demand(10_000, batch, 0.1), ROUND, Assumptions()) for batch in (1, 100))
    assert (alone.events_in_flight, alone.requests_per_second, alone.users) == (1_000, 10_000, 1_000)
    assert (array.events_in_flight, array.requests_per_second, array.users) == (1_000, 100, 10)


def test_an_array_does_not_wait_until_it_is_full() -> None:
    """500 a second and pod for 20 ms are ten together: 1,000 a second are 100 requests."""
    plan = plan_of(Demand(1_000, 100, 0.1), ROUND, Assumptions())
    assert (plan.pods, plan.requests_per_second, plan.users) == (2, 100, 10)


def test_one_of_two_pods_can_do_the_work_of_both_and_catch_up() -> None:
    """1,000 a second for 0.1 s are 100 in flight; the pod that is left may have 200, and gains 1,000."""
    plan = plan_of(Demand(1_000, 1, 0.1), ROUND, Assumptions())
    assert (plan.pods, plan.max_in_flight, plan.connections) == (2, 200, 400)
    assert (plan.waiting_after_kill, plan.caught_up_seconds) == (3_500, 3.5)


def test_a_pod_is_bound_by_what_is_in_flight_when_answers_are_late() -> None:
    """1,000 in flight for 0.1 s: 10,000 a second. Planned at half of it, a million takes 200 pods."""
    plan = plan_of(Demand(1_000_000, 1, 0.1), ROUND, Assumptions())
    assert (plan.bound, plan.pod_per_second, plan.pods) == ("in flight", 10_000, 200)
    assert (plan.max_in_flight, plan.connections, plan.partitions) == (1_000, 200_000, 400)


def test_a_pod_is_bound_by_its_core_when_answers_are_quick() -> None:
    """25 µs each: 40,000 a second."""
    plan = plan_of(Demand(100_000, 1, 0.02), ROUND, Assumptions())
    assert (plan.bound, plan.pod_per_second, plan.pods) == ("CPU", 40_000, 5)
    assert plan.cores == pytest.approx(2.5)


def test_arrays_are_charged_what_latency_adds_to_an_event_alone() -> None:
    """10 µs × 25 ÷ 20; and their room is 5,000 records, for 0.1 s each 50,000 a second."""
    quick = plan_of(Demand(100_000, 100, 0.02), ROUND, Assumptions())
    slow = plan_of(Demand(100_000, 100, 0.1), ROUND, Assumptions())
    assert (quick.event_us, quick.bound, quick.pod_per_second) == (12.5, "CPU", 80_000)
    assert (slow.event_us, slow.bound, slow.pod_per_second) == (15.0, "room", 50_000)


def test_a_killed_pod_keeps_its_share_waiting_until_its_heirs_catch_up() -> None:
    """A fifth of 100,000 for 7 s waits; its two partitions go to two pods, that have 10,000 each to spare."""
    plan = plan_of(Demand(100_000, 1, 0.02), ROUND, Assumptions())
    assert plan.waiting_after_kill == 140_000
    assert plan.caught_up_seconds == pytest.approx(140_000 / 20_000)
    full = plan_of(Demand(40_000, 1, 0.02), ROUND, Assumptions(load=1.0))
    assert full.caught_up_seconds is None
    assert "never" in told(full)


def test_what_it_costs() -> None:
    """Five pods with a core and 256 MiB each."""
    plan = plan_of(Demand(100_000, 1, 0.02), ROUND, Assumptions(core_hour=1, gib_hour=2, hours=10))
    assert (plan.memory_gib, plan.month) == (1.25, 75)
    assert (plan.broker_mb_per_second, plan.api_mb_per_second) == (70, 105)


def test_a_queue_has_one_consumer_and_its_prefetch_bounds_it() -> None:
    """100,000 a second at half of 30,000 a queue: seven; twice 14,286 for 0.1 s are 2,858 messages out."""
    found = queues_of(Demand(100_000, 1, 0.1), ROUND, Assumptions())
    assert (found.queues, found.prefetch) == (7, 2_858)


@pytest.mark.parametrize("lost", ["### S3", "bridge-batch", "most in flight"])
def test_a_figure_that_is_not_found_is_an_error(lost: str) -> None:
    """A table of another shape must not become a plan."""
    page = (DOCS / "benchmarks.md").read_text()
    with pytest.raises(LookupError):
        read_figures(page.replace(lost, "something else"))


def test_a_page_without_a_place_for_the_tables_is_an_error() -> None:
    with pytest.raises(ValueError, match="no place"):
        written("# Capacity\n", ROUND, Assumptions())
    assert "| 1,000,000 | array of 100 | 100 |" in tables(ROUND, Assumptions())
