"""What the local API accepted and refused. Bounded; owned by the server's thread."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

_IDS_REMEMBERED = 1_000_000
_encode = msgspec.json.Encoder().encode


class Accepted(NamedTuple):
    """One accepted event; bytes instead of objects keep 100,000 of them cheap."""

    user: str
    event_name: str
    body: bytes


class AcceptLog:
    """Counts everything, keeps the newest ``keep`` events."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self.clear()

    def clear(self) -> None:
        """Forget events and counts."""
        self._events: deque[Accepted] = deque(maxlen=self._keep)
        self._ids: dict[str, None] = {}
        self._by_status: Counter[int] = Counter()
        self._accepted = self._unique = self._duplicates = self._without_id = self._dropped = 0

    def accept(self, events: Sequence[dict[str, Any]], body: bytes | None) -> None:
        """Take events in.

        Args:
            events: what was sent.
            body: the bytes of a single event, which need not be encoded again.
        """
        for event in events:
            user = event.get("user_id") or event.get("anonymous_id") or ""
            self._events.append(Accepted(user, event["event_name"], body or _encode(event)))
            self._count_id(event.get("event_id"))
        self._accepted += len(events)

    def answered(self, status: int) -> None:
        """A request to ``/events`` was answered."""
        self._by_status[status] += 1

    def dropped(self) -> None:
        """A request lost its connection instead."""
        self._dropped += 1

    def _count_id(self, event_id: str | None) -> None:
        if not event_id:
            self._without_id += 1
        elif event_id in self._ids:
            self._duplicates += 1
        else:
            self._unique += 1
            self._ids[event_id] = None
            if len(self._ids) > _IDS_REMEMBERED:
                del self._ids[next(iter(self._ids))]

    def stats(self) -> dict[str, Any]:
        """The counts. ``accepted``, ``duplicates`` are events; ``requests``, ``refused`` are requests."""
        answered = self._by_status.total()
        return {
            "accepted": self._accepted,
            "kept": len(self._events),
            "requests": answered + self._dropped,
            "refused": answered - self._by_status[200],
            "dropped_connections": self._dropped,
            "by_status": {str(status): count for status, count in sorted(self._by_status.items()) if count},
            "unique_event_ids": self._unique,
            "duplicates": self._duplicates,
            "without_event_id": self._without_id,
        }

    def page(self, *, limit: int, offset: int, user: str | None, event_name: str | None) -> bytes:
        """Kept events as JSON, oldest first: ``{"total": …, "events": […]}``."""
        found = [
            event.body
            for event in self._events
            if (user is None or event.user == user) and (event_name is None or event.event_name == event_name)
        ]
        shown = b",".join(found[offset : offset + limit])
        return b'{"total":%d,"accepted":%d,"events":[%s]}' % (len(found), self._accepted, shown)
