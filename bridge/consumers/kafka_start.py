"""Where a partition is read from when it becomes ours (design, *Start*)."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from threading import Event
from typing import Protocol

from bridge.consumers.kafka_client import EARLIEST, LATEST, Mark, Partition
from bridge.errors import ConnectionLost, ConsumerError

_LOOKUP_SECONDS = 5.0
_REPEAT_SECONDS = 0.25
_CONFIRM_PAUSE_SECONDS = 0.01


class Offsets(Protocol):
    """What is asked of the broker; see ``kafka_client.ConsumerClient``."""

    def committed(
        self, partitions: Collection[Partition], timeout_seconds: float
    ) -> dict[Partition, Mark | None]:
        """The group's offsets."""
        ...

    def offsets_at(
        self, partitions: Collection[Partition], time_ms: int, timeout_seconds: float
    ) -> dict[Partition, int]:
        """Offsets at a time."""
        ...

    def partitions(self, timeout_seconds: float) -> list[Partition]:
        """All that exist."""
        ...

    def commit(self, marks: Mapping[Partition, Mark]) -> None:
        """Send a commit."""
        ...


def start_offsets(
    client: Offsets, assigned: Collection[Partition], topics: Sequence[str], start: str | datetime
) -> dict[Partition, Mark]:
    """Where to read each partition from and what was kept with it, committed where the group had none.

    ``start`` counts only in a group without any offset for these topics. The first member then commits
    the start of *all* their partitions, so that members that come a moment later find the group begun.
    A partition without an offset in a group that has some is new, and is read from its beginning.

    Args:
        client: the group member that asks.
        assigned: partitions that were given to it.
        topics: what the source subscribes to.
        start: ``earliest``, ``latest`` or a time.

    Raises:
        ConsumerError: the broker did not answer in time, or refused; nothing is decided, ask again.
    """
    found = client.committed(assigned, _LOOKUP_SECONDS)
    known = {partition: mark for partition, mark in found.items() if mark is not None}
    missing = [partition for partition in assigned if partition not in known]
    if not missing:
        return known
    others = [p for p in subscribed(client.partitions(_LOOKUP_SECONDS), topics) if p not in found]
    group_is_new = not known and not any(_committed(client, others))
    chosen = [*missing, *others] if group_is_new else missing
    time_ms = time_of(start) if group_is_new else EARLIEST
    offsets = client.offsets_at(chosen, time_ms, _LOOKUP_SECONDS)
    begun = {partition: Mark(offset) for partition, offset in offsets.items()}
    if not commit_and_confirm(client, begun, _LOOKUP_SECONDS):
        raise ConnectionLost("the start of new partitions could not be committed")
    return known | {partition: begun[partition] for partition in missing}


def commit_and_confirm(client: Offsets, marks: Mapping[Partition, Mark], timeout_seconds: float) -> bool:
    """Commit, and ask until the group has these offsets.

    While a group rebalances it refuses commits for moments, and the callback that says so is not served here:
    what has not arrived is sent again.

    librdkafka's own synchronous commit has no timeout and was seen to hang (confluent-kafka-python
    issue 1801); from inside a rebalance callback no other thread may call the client.

    Returns:
        Whether the broker is known to have them within the time.
    """
    if not marks:
        return True
    deadline, pause, due = time.monotonic() + timeout_seconds, Event(), 0.0
    try:
        while (left := deadline - (now := time.monotonic())) > 0:
            if now >= due:
                client.commit(marks)
                due = now + _REPEAT_SECONDS
            found = client.committed(list(marks), left)
            if all(found.get(partition) == mark for partition, mark in marks.items()):
                return True
            pause.wait(min(_CONFIRM_PAUSE_SECONDS, left))
    except ConsumerError:
        return False
    return False


def commit_last(client: Offsets, marks: Mapping[Partition, Mark], timeout_seconds: float) -> bool:
    """The last commit of partitions that go: with metadata, or bare where the brokers do not take that.

    A refusal comes by a callback, which is not served here: half the time is kept for the bare offsets.

    Returns:
        Whether the broker is known to have the offsets within the time.
    """
    bare = {partition: Mark(mark.offset) for partition, mark in marks.items()}
    if bare == marks:
        return commit_and_confirm(client, marks, timeout_seconds)
    half_seconds = timeout_seconds / 2
    return commit_and_confirm(client, marks, half_seconds) or commit_and_confirm(client, bare, half_seconds)


def commit_beginning(client: Offsets, partition: Partition, timeout_seconds: float) -> None:
    """Commit where a partition begins now; where that fails, the old offset fails once more."""
    try:
        first = client.offsets_at([partition], EARLIEST, timeout_seconds)
    except ConsumerError:
        return
    commit_and_confirm(client, {partition: Mark(first[partition])}, timeout_seconds)


def is_lost(client: Offsets, partition: Partition, offset: int, timeout_seconds: float) -> bool:
    """Whether the broker says that it has not this offset, nor will give it next."""
    try:
        first = client.offsets_at([partition], EARLIEST, timeout_seconds)
        end = client.offsets_at([partition], LATEST, timeout_seconds)
    except ConsumerError:
        return False
    return not first[partition] <= offset <= end[partition]


def subscribed(partitions: Iterable[Partition], topics: Sequence[str]) -> list[Partition]:
    """Those of the topics named, or matched by a name that begins with ``^``."""
    names = {name for name in topics if not name.startswith("^")}
    patterns = [re.compile(name) for name in topics if name.startswith("^")]
    return [p for p in partitions if p.topic in names or any(x.match(p.topic) for x in patterns)]


def time_of(start: str | datetime) -> int:
    """``earliest``, ``latest`` or a time, as Kafka's ListOffsets takes it (ms since 1970)."""
    if isinstance(start, datetime):
        return int(start.timestamp() * 1000)
    return LATEST if start == "latest" else EARLIEST


def _committed(client: Offsets, partitions: Collection[Partition]) -> list[Mark]:
    if not partitions:
        return []
    return [mark for mark in client.committed(partitions, _LOOKUP_SECONDS).values() if mark is not None]
