"""Budgets of dead letters: against a model that counts each delivery as it comes."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from bridge.settle.budget import BEGINS_WITH, HOLDS_AT_MOST, Account, Budgets

ORDERS, REFUNDS = ("orders", "default"), ("refunds", "default")
ACCOUNTS = (ORDERS, REFUNDS, ("orders", "other"))

accounts = st.sampled_from(ACCOUNTS)
steps = st.one_of(
    st.tuples(st.just("handled"), accounts, st.integers(0, 700)),
    st.tuples(st.just("draw"), st.lists(accounts, max_size=3), st.integers(1, 150)),
    st.tuples(st.just("give_back"), accounts, st.just(0)),
    st.tuples(st.just("renew"), st.none(), st.just(0)),
)


class Model:
    """Every delivery is added at once, under the ceiling."""

    def __init__(self) -> None:
        self.left: dict[Account, int] = dict.fromkeys(ACCOUNTS, BEGINS_WITH)

    def add(self, account: Account, count: int) -> None:
        for _ in range(count):
            self.left[account] = min(HOLDS_AT_MOST, self.left[account] + 1)

    def draw(self, wanted: list[Account]) -> bool:
        counts = Counter(wanted)
        if any(self.left[account] < count for account, count in counts.items()):
            return False
        for account, count in counts.items():
            self.left[account] -= count
        return True


@given(st.lists(steps, max_size=30))
def test_it_is_as_if_each_delivery_were_counted_at_once(story: list[tuple[str, object, int]]) -> None:
    """Whatever comes in between, the same letters are granted and as many are left."""
    handled: Counter[Account] = Counter()
    budgets, model = Budgets(handled), Model()
    for what, whom, count in story:
        if what == "handled":
            assert isinstance(whom, tuple)
            handled[whom] += count
            model.add(whom, count)
        elif what == "draw":
            assert isinstance(whom, list)
            for _ in range(count):
                assert (budgets.draw(whom) is None) == model.draw(whom)
        elif what == "give_back":
            assert isinstance(whom, tuple)
            budgets.give_back(whom)
            model.add(whom, 1)
        else:
            budgets.renew()
            model = Model()

    assert {account: budgets.left(account) for account in ACCOUNTS} == model.left


def test_it_begins_with_a_hundred_and_then_grants_one_for_each_handled_well() -> None:
    """One bad record in two is more than one good one pays for."""
    handled: Counter[Account] = Counter()
    budgets = Budgets(handled)
    granted = 0
    while budgets.draw([ORDERS]) is None:
        granted += 1
    assert granted == 100

    handled[ORDERS] += 2
    assert [budgets.draw([ORDERS]) for _ in range(3)] == [None, None, ORDERS]


def test_a_record_of_many_faults_draws_for_all_or_for_none() -> None:
    """Who cannot pay is named; nobody else has paid."""
    budgets = Budgets({})
    for _ in range(100):
        budgets.draw([REFUNDS])

    assert budgets.draw([ORDERS, REFUNDS]) == REFUNDS
    assert budgets.left(ORDERS) == 100


def test_new_rules_forget_what_was_earned_before_them() -> None:
    """A long good past is none of the new rule's."""
    handled = Counter({ORDERS: 5_000})
    budgets = Budgets(handled)
    handled[ORDERS] += 5_000
    assert budgets.left(ORDERS) == 1_000

    budgets.renew()
    assert budgets.left(ORDERS) == 100
