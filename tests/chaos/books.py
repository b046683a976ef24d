"""The audit of one fault: what was made, what became of it, and why anything came twice. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from tests.chaos.api import Acceptance
from tests.chaos.scrapes import Loss
from tests.chaos.traffic import Place
from tests.e2e.auditor import Made

UNANSWERED, GIVEN_BACK, KILL, UNEXPLAINED = "unanswered", "given back", "kill", "unexplained"


@dataclass
class Life:
    """One run of one bridge, from its start to its end.

    Attributes:
        given_back: records it gave back, by its own count.
        unanswered: requests of it that ended without an answer, by its own count.
        losses: times in which what it settled may not have been committed before its partitions were lost.
        is_finished: set where it was killed: whether its last commit called an event's record finished.
            Where brokers keep no commits, ``killed_holding`` bounds how many were not.
    """

    given_back: int = 0
    unanswered: int = 0
    losses: Sequence[Loss] = ()
    is_finished: Callable[[Acceptance], bool] | None = None
    killed_holding: int = 0

    def since(self, closed: Life) -> Life:
        """What is left to explain something by, of what there was more than when books were closed."""
        return replace(
            self,
            given_back=self.given_back - closed.given_back,
            unanswered=self.unanswered - closed.unanswered,
        )


@dataclass(frozen=True)
class Row:
    """One line of the table. Times in seconds; a recovery of -1 means that nothing was interrupted."""

    fault: str
    produced: int
    accepted: int
    lost: int
    deleted: int
    duplicates: Mapping[str, int]
    ids_differ: int
    order_violations: int
    dead_letters: int
    unaccounted: float
    looks: int
    recovery_seconds: float = -1.0
    reasons: Collection[str] = field(default=())

    @property
    def is_clean(self) -> bool:
        """Nothing was promised that was not kept."""
        wrong = (self.lost, self.order_violations, self.unaccounted, self.ids_differ)
        return not any(wrong) and not self.duplicates.get(UNEXPLAINED, 0)


def merged(name: str, rows: Sequence[Row]) -> Row:
    """One line for books that were closed again and again; looks are counted on over all of them."""
    return Row(
        name,
        sum(row.produced for row in rows),
        sum(row.accepted for row in rows),
        sum(row.lost for row in rows),
        sum(row.deleted for row in rows),
        sum((Counter(row.duplicates) for row in rows), Counter[str]()),
        sum(row.ids_differ for row in rows),
        sum(row.order_violations for row in rows),
        max(row.dead_letters for row in rows),
        max(row.unaccounted for row in rows),
        max(row.looks for row in rows),
        max(row.recovery_seconds for row in rows),
        sorted(set().union(*(row.reasons for row in rows))),
    )


def lost(
    made: Mapping[Made, Place], accepted: Sequence[Acceptance], letters: Collection[Made]
) -> dict[Made, Place]:
    """Made, and neither accepted nor a dead letter."""
    ended = {Made(one.user, one.seq) for one in accepted} | set(letters)
    return {one: place for one, place in made.items() if one not in ended}


def order_violations(accepted: Sequence[Acceptance]) -> int:
    """First acceptances that came after a later one of the same user."""
    newest: dict[str, int] = {}
    seen: set[tuple[str, int]] = set()
    count = 0
    for one in accepted:
        if (one.user, one.seq) in seen:
            continue
        seen.add((one.user, one.seq))
        count += one.seq < newest.get(one.user, -1)
        newest[one.user] = max(one.seq, newest.get(one.user, -1))
    return count


def duplicates(accepted: Sequence[Acceptance], lives: Mapping[str, Life]) -> tuple[Counter[str], int]:
    """How often an event came again, by what explains it; and how often with another id.

    What explains an acceptance that another followed: its answer did not arrive; or its life was killed and
    had not committed it; or its life gave records back; or the other was sent by a life that did not know yet
    that it had lost its partitions. What only that life can know, how many it gave back
    and how many answers it missed, bounds how much is explained by it.
    """
    by_event: dict[tuple[str, int], list[Acceptance]] = {}
    for one in accepted:
        by_event.setdefault((one.user, one.seq), []).append(one)
    found: Counter[str] = Counter()
    left = {name: life.given_back for name, life in lives.items()}
    silent = {name: life.unanswered for name, life in lives.items()}
    holding = {name: life.killed_holding for name, life in lives.items()}
    differ = 0
    again = [first for several in by_event.values() for first, _ in pairwise(several)]
    for first in (one for one in again if not one.answered):
        # The life counts it too, and once is enough.
        silent[first.by] -= 1
    for several in by_event.values():
        differ += len({one.event_id for one in several}) > 1
        for first, second in pairwise(several):
            if _is_in(second, lives[second.by].losses):
                found[GIVEN_BACK] += 1
            else:
                found[_explain(first, lives[first.by], left, silent, holding)] += 1
    return found, differ


def _is_in(one: Acceptance, losses: Sequence[Loss]) -> bool:
    return any(loss.since_seconds <= one.at_seconds <= loss.until_seconds for loss in losses)


def _explain(
    first: Acceptance, life: Life, left: dict[str, int], silent: dict[str, int], holding: dict[str, int]
) -> str:
    if not first.answered:
        return UNANSWERED
    if life.is_finished is not None and not life.is_finished(first):
        return KILL
    if _is_in(first, life.losses):
        return GIVEN_BACK
    for kind, budget in ((GIVEN_BACK, left), (UNANSWERED, silent), (KILL, holding)):
        if budget[first.by] > 0:
            budget[first.by] -= 1
            return kind
    return UNEXPLAINED
