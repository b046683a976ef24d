"""A blocking iterator, drawn from on a worker thread, for the loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeVar

T = TypeVar("T")

_MOST, _MOST_BYTES = 256, 4 * 2**20


async def off_the_loop(items: Iterator[T], size: Callable[[T], int]) -> AsyncIterator[T]:
    """All that the iterator gives, in batches bounded by count and by bytes.

    Args:
        items: blocks while it has nothing to give.
        size: bytes of one.
    """
    while batch := await asyncio.to_thread(_draw, items, size):
        for item in batch:
            yield item


def _draw(items: Iterator[T], size: Callable[[T], int]) -> list[T]:
    batch: list[T] = []
    room = _MOST_BYTES
    for item in items:
        batch.append(item)
        room -= size(item)
        if len(batch) >= _MOST or room <= 0:
            break
    return batch
