"""The auditor itself: it finds what is planted, and explains nothing away."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.chaos.api import Acceptance
from tests.chaos.books import (
    GIVEN_BACK,
    KILL,
    UNANSWERED,
    UNEXPLAINED,
    Life,
    Row,
    duplicates,
    lost,
    merged,
    order_violations,
)
from tests.chaos.scrapes import Loss, Seen, events_open, parse, records_open, stalls, total
from tests.chaos.traffic import Place
from tests.e2e.auditor import Made

SOMEWHERE = Place(0, 0, 0)


def taken(user: str, seq: int, by: str = "a0", *, answered: bool = True, event_id: str = "") -> Acceptance:
    """One acceptance; its offset is its sequence."""
    return Acceptance(0.0, by, user, seq, 0, seq, event_id or f"{user}/{seq}", answered)


def test_what_is_neither_accepted_nor_a_letter_is_lost() -> None:
    """The rest is not."""
    made = {Made("u", seq): SOMEWHERE for seq in range(3)}
    assert list(lost(made, [taken("u", 0)], [Made("u", 2)])) == [Made("u", 1)]


def test_order_is_that_of_first_acceptances() -> None:
    """A late duplicate may follow; a first acceptance may not."""
    assert order_violations([taken("u", 0), taken("u", 1), taken("u", 0), taken("v", 5), taken("u", 2)]) == 0
    assert order_violations([taken("u", 1), taken("u", 0), taken("u", 2)]) == 1


def test_closed_books_explain_nothing_any_more() -> None:
    """What was given back before is spent; books that were closed add up."""
    life = Life(given_back=5, unanswered=3)
    assert life.since(Life(given_back=5, unanswered=2)) == Life(given_back=0, unanswered=1)
    rows = [
        Row("a", 2, 3, 0, 0, {UNANSWERED: 1}, 0, 0, 0, 0.0, 10, 1.5, ["auth"]),
        Row("b", 4, 5, 0, 0, {UNEXPLAINED: 1}, 0, 1, 0, 2.0, 25, 0.5, ["breaker"]),
    ]
    both = merged("both", rows)
    assert both == Row(
        "both", 6, 8, 0, 0, {UNANSWERED: 1, UNEXPLAINED: 1}, 0, 1, 0, 2.0, 25, 1.5, ["auth", "breaker"]
    )
    assert not both.is_clean


def committed_below(offset: int) -> Callable[[Acceptance], bool]:
    """What a commit says."""
    return lambda one: one.offset < offset


@pytest.mark.parametrize(
    ("first", "life", "why"),
    [
        (taken("u", 0), Life(), UNEXPLAINED),
        (taken("u", 0, answered=False), Life(), UNANSWERED),
        (taken("u", 0), Life(unanswered=1), UNANSWERED),
        (taken("u", 0), Life(given_back=1), GIVEN_BACK),
        (taken("u", 0), Life(losses=[Loss(-1.0, 1.0)]), GIVEN_BACK),
        (taken("u", 0), Life(losses=[Loss(1.0, 2.0)]), UNEXPLAINED),
        (taken("u", 7), Life(is_finished=committed_below(7)), KILL),
        (taken("u", 6), Life(is_finished=committed_below(7)), UNEXPLAINED),
        (taken("u", 6), Life(killed_holding=1), KILL),
    ],
    ids=[
        "nothing",
        "no-answer",
        "missed",
        "given-back",
        "lost",
        "not-lost",
        "uncommitted",
        "committed",
        "held",
    ],
)
def test_a_duplicate_is_explained_by_what_its_first_life_went_through(
    first: Acceptance, life: Life, why: str
) -> None:
    """And by nothing that the second did."""
    again = first._replace(by="b0")
    everything = Life(9, 9, [], committed_below(0), 9)
    assert duplicates([first, again], {"a0": life, "b0": everything}) == ({why: 1}, 0)


def test_who_lost_its_partitions_unawares_may_be_the_second() -> None:
    """It was frozen with the event in its hands, and sent it when it came back."""
    several = [taken("u", 0, "b0"), taken("u", 0, "a0")]
    assert duplicates(several, {"a0": Life(losses=[Loss(-1.0, 1.0)]), "b0": Life()})[0] == {GIVEN_BACK: 1}
    assert duplicates(several, {"a0": Life(), "b0": Life()})[0] == {UNEXPLAINED: 1}


def test_an_explanation_is_used_once() -> None:
    """One record given back explains one duplicate, also of an event that came three times."""
    several = [taken("u", 0), taken("u", 0), taken("u", 0), taken("v", 0), taken("v", 0)]
    found, _ = duplicates(several, {"a0": Life(given_back=1, unanswered=1)})
    assert found == {GIVEN_BACK: 1, UNANSWERED: 1, UNEXPLAINED: 1}


def test_an_answer_that_is_known_to_be_missing_is_not_counted_twice() -> None:
    """The API knows of it, and the life counts it too."""
    several = [taken("u", 0, answered=False), taken("u", 0), taken("v", 0), taken("v", 0)]
    found, _ = duplicates(several, {"a0": Life(unanswered=1)})
    assert found == {UNANSWERED: 1, UNEXPLAINED: 1}


def test_another_id_of_the_same_event_is_seen() -> None:
    """Whoever removes duplicates by it would not."""
    several = [taken("u", 0), taken("u", 0, event_id="another")]
    assert duplicates(several, {"a0": Life(given_back=1)})[1] == 1


METRICS = """\
# HELP bridge_records_consumed_total x
bridge_records_consumed_total{source="shop"} 10.0
bridge_records_settled_total{outcome="delivered",source="shop"} 4.0
bridge_records_given_back_total{kind="lost",source="shop"} 1.0
bridge_records_skipped_total{source="shop"} 2.0
bridge_records_in_flight{source="shop"} 3.0
bridge_events_created_total{event_type="track",rule="r"} 7.0
bridge_events_total{destination="d",event_type="track",outcome="delivered",rule="r"} 4.0
bridge_events_waiting{destination="d",state="queued"} 3.0
bridge_stalled{destination="",reason="room",source="shop"} 1.0
bridge_stalled{destination="d",reason="auth",source=""} 0.0
"""


def test_accounts_that_balance_and_one_that_does_not() -> None:
    """Each way of ending is looked for."""
    look = parse(METRICS)
    assert (records_open(look), events_open(look), stalls(look)) == (0, 0, {"room"})
    assert total(look, "bridge_records_settled_total", outcome="dropped") == 0
    for line in METRICS.splitlines()[1:8]:
        series, _, value = line.rpartition(" ")
        seen = Seen()
        seen.note(parse(METRICS.replace(line, f"{series} {float(value) + 1}")))
        assert seen.unaccounted == 1, series
