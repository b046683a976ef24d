"""Delivery tags of one channel: which are outstanding, and the fewest acks that settle a batch. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from typing import NamedTuple


class Ack(NamedTuple):
    """One ``basic.ack``; with ``multiple`` all outstanding tags up to this one."""

    tag: int
    multiple: bool


class Tags:
    """Owned by the consumer thread; dies with the channel."""

    def __init__(self) -> None:
        self._in_order: deque[int] = deque()
        self._outstanding: set[int] = set()

    def __len__(self) -> int:
        return len(self._outstanding)

    def __repr__(self) -> str:
        return f"<Tags outstanding={len(self._outstanding)}>"

    @property
    def oldest(self) -> int:
        """The first outstanding tag; 0 when there is none."""
        return self._in_order[0] if self._in_order else 0

    def delivered(self, tags: Collection[int]) -> None:
        """The broker delivered under these tags, in this order; tags of a channel only grow."""
        self._in_order.extend(tags)
        self._outstanding.update(tags)

    def settle(self, tags: Iterable[int]) -> list[Ack]:
        """The acks for these tags; those not outstanding are ignored.

        A run from the oldest outstanding tag on is one ack: a broker refuses ``multiple`` for a tag that
        is not outstanding, so the run ends at one of this batch.
        """
        settled = self._outstanding.intersection(tags)
        self._outstanding -= settled
        run_end = 0
        while self._in_order and self._in_order[0] not in self._outstanding:
            tag = self._in_order.popleft()
            if tag in settled:
                settled.discard(tag)
                run_end = tag
        run = [Ack(run_end, multiple=True)] if run_end else []
        return [*run, *(Ack(tag, multiple=False) for tag in sorted(settled))]
