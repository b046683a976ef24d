"""Notices that a topic was deleted and made again: another log under the same name.

librdkafka (2.16) reads on in it at the old offset, without a word: what lies before is never read. So a topic
that was silent shows its id before its records are believed, and all show theirs once a second. Owned by the
consumer thread.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from bridge.consumers.kafka_client import Partition
from bridge.errors import ConsumerError

SILENCE_SECONDS = 0.3
"""Deleting, making and finding a topic again takes longer."""
_EACH_SECONDS = 1.0
_ANSWER_SECONDS = 1.0

Answer = Callable[[], Mapping[str, str] | None]


class Asker(Protocol):
    """Who asks the brokers."""

    def logs(self, topics: Collection[str], timeout_seconds: float) -> Mapping[str, str]:
        """Topic → a name that no other log ever has."""
        ...

    def ask_logs(self, topics: Collection[str]) -> Answer:
        """The same without waiting: call the answer until it is not None."""
        ...


class LogWatch:
    """Which log each partition is read of, and which of them lie in another one now.

    Args:
        asker: asked for topics whose log is known; brokers that name none are never asked.
    """

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._known: dict[Partition, str] = {}
        """Partition → its log; empty: begun while nobody named it."""
        self._heard_at: dict[str, float] = {}
        self._answer: Answer | None = None
        self._ask_at = 0.0

    def __repr__(self) -> str:
        return f"<LogWatch of {len(self._known)}>"

    def begin(self, partitions: Collection[Partition], logs: Mapping[str, str], now_seconds: float) -> None:
        """These are read from now on, of these logs by topic."""
        self._answer = None
        self._known.update({one: logs.get(one.topic, "") for one in partitions})
        self._heard_at.update({one.topic: now_seconds for one in partitions})

    def end(self, partitions: Collection[Partition]) -> None:
        """These are read no more."""
        for partition in partitions:
            self._known.pop(partition, None)

    def replaced_in(self, topics: Collection[str], now_seconds: float) -> set[Partition]:
        """Those to begin again of topics that have just sent records. Asks after silence."""
        silent = {
            topic
            for topic in topics
            if now_seconds - self._heard_at.get(topic, now_seconds) > SILENCE_SECONDS
        }
        self._heard_at.update(dict.fromkeys(topics, now_seconds))
        return self.replaced_now(silent) if silent else set()

    def replaced_now(self, topics: Collection[str]) -> set[Partition]:
        """Those to begin again of these topics; where nobody answers, none."""
        if not self._are_named():
            return set()
        try:
            return self._compare(self._asker.logs(topics, _ANSWER_SECONDS))
        except ConsumerError:
            return set()

    def replaced(self, now_seconds: float) -> set[Partition]:
        """Those to begin again of all that are read. Asks once a second, and does not wait."""
        if self._answer is not None:
            found = self._answer()
            if found is None:
                return set()
            return self._compare(found)
        if self._are_named() and now_seconds >= self._ask_at:
            self._ask_at = now_seconds + _EACH_SECONDS
            try:
                self._answer = self._asker.ask_logs({partition.topic for partition in self._known})
            except ConsumerError:
                self._answer = None
        return set()

    def _are_named(self) -> bool:
        return any(self._known.values())

    def _compare(self, logs: Mapping[str, str]) -> set[Partition]:
        self._answer = None  # what was asked before would be older
        now = {one: logs[one.topic] for one in self._known if one.topic in logs}
        changed = {one for one, log in now.items() if self._known[one] not in ("", log)}
        self._known.update(now)
        return changed
