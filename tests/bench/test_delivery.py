"""The pure parts of the race: what is loaded, what is asked of a body, and how figures are made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bench.delivery import arithmetic, build, page, payload, profiling, versions
from tests.bench.delivery.arithmetic import Sample
from tests.bench.delivery.orders import Order, early_users, orders
from tests.bench.delivery.plan import Column, Ratio, Scenario
from tests.bench.delivery.results import Result, Results
from tests.bench.delivery.table import markdown, number, table

PLACE = {"topic": "t", "partition": 3, "offset": 7}


def _event(index: int, **changes: Any) -> dict[str, Any]:
    order = list(orders(index + 1))[index]
    return {**payload.expected(order.document), "context": PLACE, **changes}


def test_the_same_seed_gives_the_same_orders() -> None:
    """A topic loaded anew holds what the one before held, and the first of many are the first of few."""
    first = [order.body for order in orders(500)]

    assert [order.body for order in orders(1000)][:500] == first
    assert [order.body for order in orders(500, seed=2)] != first


def test_an_order_has_the_size_it_is_known_by() -> None:
    """Some 700 bytes, as in every figure told."""
    bodies = [len(order.body) for order in orders(2000)]

    assert sum(bodies) / len(bodies) == pytest.approx(700, abs=25)


def test_seq_counts_each_users_own() -> None:
    """Without a gap: the audit for loss and order stands on it."""
    seen: dict[str, list[int]] = {}
    made = list(orders(5000, users=40))
    for order in made:
        seen.setdefault(order.user, []).append(order.document["seq"])

    assert all(seqs == list(range(len(seqs))) for seqs in seen.values())
    assert len(seen) == 40
    assert {order.document["created_at"] for order in made[:2]} == {
        "2026-03-01T00:00:00.000Z",
        "2026-03-01T00:00:00.040Z",
    }


def test_early_users_are_done_before_the_others() -> None:
    """Their last order is in the first part, and all of theirs are counted."""
    found = early_users(600, 2, users=100)
    places = {
        user: [at for at, order in enumerate(orders(600, users=100)) if order.user == user] for user in found
    }

    assert len(found) == 2
    assert all(found[user] == len(at) and at[-1] < 360 for user, at in places.items())


def test_bodies_as_agreed_pass() -> None:
    """One event or an array; an event id may be there, and whole numbers may be written as such."""
    order = next(orders(1))
    bodies = [json.dumps(_event(0)), json.dumps([_event(3, event_id="x"), _event(4)])]

    assert payload.problem(bodies) == ""
    assert isinstance(order, Order)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"user_id": "KH-1"}, "user_id"),
        ({"context": {"topic": "t"}}, "context"),
        ({"context": {**PLACE, "partition": "3"}}, "context"),
        ({"anonymous_id": "a"}, "anonymous_id"),
        ({"timestamp": "2026-03-01"}, "timestamp"),
        ({"event_params": []}, "StopIteration"),
    ],
)
def test_another_body_is_told(changes: dict[str, Any], told: str) -> None:
    """What a contestant leaves out or adds would be work not done, or done for nothing."""
    assert told in payload.problem([json.dumps(_event(2, **changes))])


@pytest.mark.parametrize("body", ["", "{", "[]", "7"])
def test_what_is_no_event_is_told(body: str) -> None:
    """A sink that saw nothing proves nothing."""
    assert payload.problem([body])
    assert payload.problem([])


def test_the_steady_rate_leaves_start_and_end_out() -> None:
    """100 a tick between 20 % and 95 %, whatever the ends do."""
    slow_start, slow_end = [1] * 100, [1] * 30
    timeline = [*slow_start, *[100] * 10, *slow_end]

    assert arithmetic.steady_rate(timeline, sum(timeline)) == pytest.approx(1000, rel=0.05)
    assert arithmetic.steady_rate([5, 0, 0, 5], 10) == pytest.approx(7.5 / 0.37, rel=0.1)
    assert arithmetic.steady_rate([1, 1], 100) is None
    assert arithmetic.steady_rate([], 10) is None


def test_the_cost_is_that_between_a_fifth_and_all() -> None:
    """The start is not in it; what came after the last event neither."""
    looks = [
        Sample(0, 0, 5.0),
        Sample(1, 30, 6.0),
        Sample(2, 99, 6.5),
        Sample(3, 100, 6.7),
        Sample(4, 100, 9.9),
    ]

    assert arithmetic.cost_us(looks, 100) == pytest.approx(0.7 / 70 * 1e6)
    assert arithmetic.cost_us([Sample(0, 0, 0.0), *looks], 100, since=0.0) == pytest.approx(6.7 / 100 * 1e6)
    assert arithmetic.cost_us(looks[:3], 100) is None


def test_medians_and_ratios_leave_out_what_is_not_known() -> None:
    """A heat that failed has no figures; the ratio is the median of ratios, not the ratio of medians."""
    assert arithmetic.medians([{"a": 1.0}, {"a": 9.0, "b": None}, {"a": 2.0}]) == {"a": 2.0, "b": None}
    assert arithmetic.ratio({1: 10.0, 2: 30.0, 3: 90.0}, {1: 10.0, 2: 10.0, 3: 10.0, 4: 1.0}) == 3.0
    assert arithmetic.ratio({1: 10.0, 2: None}, {2: 5.0}) is None


def test_a_table_leaves_out_empty_columns() -> None:
    """A column is there when one row has something to say in it."""
    lines = markdown(["", "a", "b"], [["x", "1", "–"], ["y", "–", "–"]])

    assert lines == ["|  | a |", "| --- | ---: |", "| x | 1 |", "| y | – |"]


def test_numbers_as_people_read_them() -> None:
    """Thousands apart, no minus before a zero."""
    assert [number(value, 1) for value in (1234.56, -0.01, None)] == ["1,234.6", "0.0", "–"]


FOLDED = """\
thread (0x7F): MainThread;run_app (bridge/cli/run.py:9);post (bridge/send/client.py:4);dumps (json.py:2) 30
thread (0x7F): MainThread;run_app (bridge/cli/run.py:9);run (asyncio/runners.py:1) 10
thread (0x7F): MainThread;main (bridge/__main__.py:3);load (<frozen importlib._bootstrap>:1) 99
thread (0x80): kafka;run (threading.py:1);read (bridge/consumers/kafka.py:7) 5
thread (0x81): admin;serve (bridge/admin/server.py:7);select (selectors.py:7) 50
thread (0x82): stranger;run (else.py:1) 50
"""


def test_a_profile_is_told_by_module_and_by_function() -> None:
    """Each thread's cost is shared by its own samples; imports, waiting and strangers are left out."""
    seen = list(profiling.stacks(FOLDED))
    threads = {"the loop": 80.0, "other Python threads": 7.0}

    assert profiling.costs(seen, threads, profiling.stage) == {
        "send": pytest.approx(60),
        profiling.LOOP: pytest.approx(20),
        "consumers": pytest.approx(7),
    }
    assert next(iter(profiling.costs(seen, threads, profiling.function))) == "dumps (json.py)"


def test_threads_are_told_by_kind() -> None:
    """What each kind used since the first look, an event; one that is new then has used all of it."""
    before = {"7": ("bridge", 1.0), "8": ("rdk:main", 1.0)}
    after = {"7": ("bridge", 3.0), "8": ("rdk:main", 1.5), "9": ("rdk:broker1", 0.5), "10": ("bridge", 1.0)}

    assert profiling.by_thread(before, after, 7, 1_000_000) == {
        "the loop": 2.0,
        "other Python threads": 1.0,
        "librdkafka": 1.0,
    }


def test_results_are_kept_and_read_again(tmp_path: Path) -> None:
    """A race that was interrupted knows which heats it has run, and with what outcome."""
    first = Results(tmp_path / "race.jsonl")
    first.add(Result("S1", "bridge", 1, 100, {"cpu_us": 50.0}))
    first.add(Result("S1", "peer", 1, 100, {"cpu_us": 25.0}, "bodies are wrong\nmore of it"))
    again = Results(tmp_path / "race.jsonl")

    assert again.has("S1", "bridge", 1)
    assert not again.has("S1", "bridge", 2)
    assert again.rows("S1") == ["bridge", "peer"]
    assert table(_SCENARIO, again).splitlines() == [
        "|  | events | runs | CPU | bridge ÷ this |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| bridge | 100 | 1 | 50.0 | 1.00 |",
        "| peer | 100 | 1! | 25.0 | 2.00 |",
        "",
        "! peer, round 1: bodies are wrong",
    ]
    assert table(_SCENARIO, Results(tmp_path / "none.jsonl")) == ""


_SCENARIO = Scenario(
    "S1",
    "",
    "",
    (Column("CPU", "cpu_us", 1), Ratio("bridge ÷ this", "cpu_us", top=("", "bridge"))),
    lambda wish: [],
)


def test_the_page_keeps_what_is_written_by_hand() -> None:
    """Only what stands between the marks is made anew; a page without them is refused."""
    old = f"above\n{page.BEGIN}\nold\n{page.END}\nbelow\n"

    assert page.renewed(old, "new\n") == f"above\n{page.BEGIN}\n\nnew\n\n{page.END}\nbelow\n"
    assert page.renewed(page.PAGE.read_text("utf-8"), "x")
    with pytest.raises(ValueError, match="needs"):
        page.renewed("no marks", "new")


def test_a_program_is_built_anew_only_when_its_sources_change(tmp_path: Path) -> None:
    """Names and contents count, of every file."""
    (tmp_path / "a.go").write_text("one")
    first = build.fingerprint(tmp_path)
    (tmp_path / "a.go").write_text("two")

    assert build.fingerprint(tmp_path) not in {first, ""}
    (tmp_path / "a.go").write_text("one")
    assert build.fingerprint(tmp_path) == first


def test_versions_are_read_from_where_they_are_decided() -> None:
    """The modules that a peer asks for itself, not those that come with them."""
    assert [name for name, _ in versions.required(build.SOURCES / "peers" / "fasthttp" / "go.mod")] == [
        "franz-go",
        "fasthttp",
    ]
    assert dict(versions.required(build.SOURCES / "peers" / "bento" / "go.mod")).keys() == {"bento"}
