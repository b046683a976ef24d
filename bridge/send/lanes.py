"""The order of events: one lane a key, its events leave one after the other. Pure; owned by the loop.

A lane is a chain: its head waits for a turn, is on its way, or rests until a time; the others stand behind
it. ``take`` hands out heads. Topics take turns, so that none waits for another's backlog; within a topic the
event that came first leaves first: whatever is read first is finished first, so little is finished behind an
unfinished record, and little is sent twice after a crash. A hot user holds one place at a time like
everybody. A lane that takes another turn (``again``) goes behind all others, so that probes rotate.

A step costs the same however many lanes there are: new heads come in the order of their turns, so they stand
in a queue, and only those that waited behind another are sorted in.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterator

from bridge.send.parcel import Parcel


class _Share:
    """The heads of one topic that wait for a turn."""

    __slots__ = ("late", "queue")

    def __init__(self) -> None:
        self.queue: deque[Parcel] = deque()
        self.late: list[tuple[int, Parcel]] = []

    def take(self) -> Parcel:
        if self.late and (not self.queue or self.late[0][0] < self.queue[0].turn):
            return heapq.heappop(self.late)[1]
        return self.queue.popleft()

    def first(self) -> Parcel | None:
        heads = [queue[0] for queue in (self.queue,) if queue] + [late[1] for late in self.late[:1]]
        return min(heads, key=lambda head: head.turn, default=None)

    def __len__(self) -> int:
        return len(self.queue) + len(self.late)

    def __iter__(self) -> Iterator[Parcel]:
        yield from self.queue
        yield from (parcel for _, parcel in self.late)


class Lanes:
    """All lanes of one destination.

    ``waiting`` counts events that are not final, those on their way included; ``resting`` lanes that wait
    for a time, ``ready`` those that wait for a turn.

    Args:
        on_abandoned: told of each parcel whose record was given back before it left.
    """

    def __init__(self, on_abandoned: Callable[[Parcel], None]) -> None:
        self._tails: dict[Hashable, Parcel] = {}
        self._shares: dict[Hashable, _Share] = {}
        self._turns: deque[_Share] = deque()
        self._resting: list[tuple[float, int, Parcel]] = []
        self._serial = 0
        self._on_abandoned = on_abandoned
        self.waiting = 0
        self.ready = 0

    def __len__(self) -> int:
        return len(self._tails)

    @property
    def resting(self) -> int:
        """Lanes that wait for a time."""
        return len(self._resting)

    def add(self, parcel: Parcel) -> None:
        """Queue an event behind those of its key."""
        self._serial += 1
        parcel.turn = self._serial
        self.waiting += 1
        tail = self._tails.get(parcel.key)
        self._tails[parcel.key] = parcel
        if tail is None:
            self._share_of(parcel).queue.append(parcel)
            self.ready += 1
        else:
            tail.behind = parcel

    def _share_of(self, parcel: Parcel) -> _Share:
        """With a place among those that take turns."""
        share = self._shares.get(parcel.share)
        if share is None:
            share = self._shares[parcel.share] = _Share()
        if not share.queue and not share.late:
            self._turns.append(share)
        return share

    def _queue(self, parcel: Parcel) -> None:
        """A head waits for its turn. No two turns are alike, so parcels are never compared."""
        share = self._share_of(parcel)
        if share.queue and share.queue[-1].turn > parcel.turn:
            heapq.heappush(share.late, (parcel.turn, parcel))
        else:
            share.queue.append(parcel)
        self.ready += 1

    def take(self) -> Parcel | None:
        """The head whose turn it is, now on its way; None when no lane waits for one."""
        while self._turns:
            share = self._turns[0]
            parcel = share.take()
            self.ready -= 1
            if not share.queue and not share.late:
                self._turns.popleft()
            elif len(self._turns) > 1:
                self._turns.rotate(-1)
            if not parcel.owner.fenced:
                return parcel
            self._skip(parcel)
        return None

    def _skip(self, parcel: Parcel) -> None:
        """A head was given back: the next of its lane that was not waits in its place."""
        head: Parcel | None = parcel
        while head is not None and head.owner.fenced:
            self.waiting -= 1
            self._on_abandoned(head)
            head = head.behind
        if head is None:
            del self._tails[parcel.key]
        else:
            self._queue(head)

    def heads(self) -> list[Parcel]:
        """The first of every lane that waits for a turn or a time."""
        ready = [head for share in self._shares.values() for head in share]
        return ready + [head for _, _, head in self._resting]

    def first(self) -> Parcel | None:
        """The head that waits longest for a turn."""
        heads = (head for share in self._turns if (head := share.first()))
        return min(heads, key=lambda head: head.turn, default=None)

    def done(self, parcel: Parcel, count: int = 1) -> None:
        """The head is final, or a run of so many that began with it and ends here: the lane moves on."""
        self.waiting -= count
        following, parcel.behind = parcel.behind, None
        if following is None:
            del self._tails[parcel.key]
        else:
            self._queue(following)

    def back(self, parcel: Parcel) -> None:
        """The head did not leave after all, or leaves once more: it keeps its turn."""
        self._queue(parcel)

    def again(self, parcel: Parcel) -> None:
        """The head's lane waits for another turn, behind the others."""
        self._serial += 1
        parcel.turn = self._serial
        self._queue(parcel)

    def rest(self, parcel: Parcel, until_seconds: float) -> None:
        """The head's lane waits for a time."""
        self._serial += 1
        heapq.heappush(self._resting, (until_seconds, self._serial, parcel))

    def wake(self, now_seconds: float) -> float | None:
        """Give turns to lanes whose time has come.

        Returns:
            When the next one wakes, None when none rests.
        """
        resting = self._resting
        while resting:
            if resting[0][0] > now_seconds:
                return resting[0][0]
            self._queue(heapq.heappop(resting)[2])
        return None

    def wake_all(self) -> None:
        """Give turns to all resting lanes, in the order in which they would have woken."""
        self.wake(float("inf"))

    def abandon_fenced(self, on_the_way: Collection[Parcel] = ()) -> None:
        """Drop every parcel whose record was given back and that is not on its way.

        Args:
            on_the_way: heads, and those that went with them.
        """
        gone = frozenset(map(id, on_the_way))
        for parcel in on_the_way:
            if parcel.behind is not None and id(parcel.behind) not in gone:
                self._relink(parcel)
        resting = [(until, self._thinned(head)) for until, _, head in sorted(self._resting)]
        ready = [self._thinned(head) for share in self._shares.values() for head in share]
        self._turns.clear()
        self._shares.clear()
        self._resting.clear()
        self.ready = 0
        for until, (head, was_first) in resting:
            if head is not None and was_first:
                self.rest(head, until)
            elif head is not None:
                ready.append((head, False))
        for head in sorted((head for head, _ in ready if head), key=lambda one: one.turn):
            self._queue(head)

    def _thinned(self, first: Parcel) -> tuple[Parcel | None, bool]:
        """The head that is left of a lane, and whether it was so before."""
        head: Parcel | None = first
        while head is not None and head.owner.fenced:
            self.waiting -= 1
            self._on_abandoned(head)
            head = head.behind
        if head is None:
            del self._tails[first.key]
            return None, False
        self._relink(head)
        return head, head is first

    def _relink(self, kept: Parcel) -> None:
        """Behind one that stays, leave those out that were given back."""
        following = kept.behind
        while following is not None:
            if following.owner.fenced:
                self.waiting -= 1
                self._on_abandoned(following)
            else:
                kept.behind = following
                kept = following
            following = following.behind
        kept.behind = None
        self._tails[kept.key] = kept
