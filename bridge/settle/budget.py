"""How many dead letters a rule may still cause, so that no bad deploy empties a topic into them.

One budget a rule and destination: it begins at 100, grows by one with each event that is delivered, and
never holds more than 1,000. Every letter that names a rule draws on it. Pure; owned by the loop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

BEGINS_WITH = 100
HOLDS_AT_MOST = 1_000

Account = tuple[str, str]
"""Rule and destination."""


class _Budget:
    """``counted`` is how much of what was handled well is in ``left`` already."""

    __slots__ = ("counted", "left")

    def __init__(self, counted: int) -> None:
        self.left = BEGINS_WITH
        self.counted = counted


class Budgets:
    """All budgets.

    What was handled well is looked up when a budget is asked for, so that a delivery costs nothing here:
    between two draws, many additions under one ceiling are as good as one.

    Args:
        handled: how much was handled well on each account since the start; grows.
    """

    def __init__(self, handled: Mapping[Account, int]) -> None:
        self._handled = handled
        self.renew()

    def renew(self) -> None:
        """Other rules: all budgets are as at the start."""
        self._before = dict(self._handled)
        self._budgets: dict[Account, _Budget] = {}

    def left(self, account: Account) -> int:
        """How many letters may be drawn now."""
        return self._of(account).left

    def draw(self, accounts: Collection[Account]) -> Account | None:
        """Take one letter for each of these, or none at all.

        Returns:
            An account that has not enough left; None when the letters were granted.
        """
        wanted = Counter(accounts)
        for account, count in wanted.items():
            if self._of(account).left < count:
                return account
        for account, count in wanted.items():
            self._budgets[account].left -= count
        return None

    def give_back(self, account: Account) -> None:
        """A letter that was drawn is not to be written after all."""
        budget = self._of(account)
        budget.left = min(HOLDS_AT_MOST, budget.left + 1)

    def _of(self, account: Account) -> _Budget:
        budget = self._budgets.get(account)
        if budget is None:
            budget = self._budgets[account] = _Budget(self._before.get(account, 0))
        handled = self._handled.get(account, 0)
        budget.left = min(HOLDS_AT_MOST, budget.left + handled - budget.counted)
        budget.counted = handled
        return budget
