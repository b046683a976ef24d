"""Which positions wait for a commit, which are under way. Pure; owned by the consumer thread.

One commit at a time. What fails is wanted again unless something newer is; what belongs to a stream that
was forgotten meanwhile (revoked, lost) is dropped when its answer comes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from bridge.consumers.kafka_client import Mark
from bridge.consumers.kafka_faults import Fault, Kind
from bridge.model import Position, Stream

RETRY_SECONDS = 0.5
ANSWER_SECONDS = 60.0
"""librdkafka answers every commit; should one answer be lost, commits must not end for good."""
_LEAST_METADATA_CHARACTERS = 512
"""Below it a map would say little and stop its partition often: there is none."""


class CommitQueue:
    """The latest position of each stream wins. ``sent_at`` is when the last commit left."""

    def __init__(self) -> None:
        self._wanted: dict[Stream, Position] = {}
        self._flying: dict[Stream, Position] = {}
        self.sent_at = 0.0
        self._not_before = 0.0

    def __repr__(self) -> str:
        return f"<CommitQueue wanted={len(self._wanted)} flying={len(self._flying)}>"

    def want(self, position: Position) -> None:
        """This is settled; it takes the place of what was wanted of its stream before."""
        self._wanted[position.stream] = position

    def take(self, now_seconds: float) -> Mapping[Stream, Position]:
        """What to commit now; empty while a commit is under way or a failed one rests."""
        if self._flying and now_seconds - self.sent_at > ANSWER_SECONDS:
            self._put_back()
        if self._flying or now_seconds < self._not_before:
            return {}
        self._flying, self._wanted, self.sent_at = self._wanted, {}, now_seconds
        return dict(self._flying)

    def failed_to_send(self, now_seconds: float) -> None:
        """The commit that was taken last did not leave."""
        self._put_back()
        self._not_before = now_seconds + RETRY_SECONDS

    def answered(self, stream: Stream, fault: Fault | None, now_seconds: float) -> Position | None:
        """The broker's word on one stream; returns what is committed now, if anything of ours."""
        position = self._flying.pop(stream, None)
        if position is None:
            return None
        if fault is None:
            return position
        if fault.kind is Kind.METADATA_TOO_LARGE:
            position = position._replace(metadata="")
        self._wanted.setdefault(stream, position)
        self._not_before = now_seconds + RETRY_SECONDS
        return None

    def flying(self, stream: Stream) -> Position | None:
        """What of this stream is under way."""
        return self._flying.get(stream)

    def latest(self, streams: Collection[Stream]) -> dict[Stream, Position]:
        """The newest position of each of these that is not known to be committed."""
        known = self._flying | self._wanted
        return {stream: known[stream] for stream in streams if stream in known}

    def forget(self, streams: Collection[Stream]) -> None:
        """These are not ours any more."""
        for stream in streams:
            self._wanted.pop(stream, None)
            self._flying.pop(stream, None)

    def _put_back(self) -> None:
        self._wanted = self._flying | self._wanted
        self._flying = {}


def mark_of(position: Position) -> Mark:
    """What is committed of it."""
    return Mark(position.offset, position.metadata)


def limit_below(refused: Position, limit: int) -> int:
    """Characters to keep to from now on, where 0 is none: half of what was refused.

    The brokers do not say what they take; that needs rights of its own.
    """
    limit = min(limit, len(refused.metadata) // 2)
    return limit if limit >= _LEAST_METADATA_CHARACTERS else 0
