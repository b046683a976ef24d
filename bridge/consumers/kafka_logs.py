"""Notices that a topic was deleted and made again: another log under the same name.

librdkafka (2.16) reads on in it at the old offset, without a word: what lies before is never read. So a topic
that was silent shows its id before its records are believed, and all show theirs once a second. Owned by the
consumer thread.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Protocol

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
    """The logs that topics had, and who has another one now.

    Args:
        asker: asked for topics whose log is known; brokers that name none are never asked.
    """

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._known: dict[str, str] = {}
        self._heard_at: dict[str, float] = {}
        self._answer: Answer | None = None
        self._ask_at = 0.0

    def __repr__(self) -> str:
        return f"<LogWatch of {len(self._known)}>"

    def know(self, logs: Mapping[str, str], reading: Collection[str], now_seconds: float) -> None:
        """An assignment found these logs; of a topic that is being read, the known one stays."""
        self._answer = None
        new = {name: log for name, log in logs.items() if name not in reading or name not in self._known}
        self._known.update(new)
        self._heard_at.update(dict.fromkeys(new, now_seconds))

    def replaced_in(self, topics: Collection[str], now_seconds: float) -> set[str]:
        """Of topics that have just sent records, those that were made again. Asks after silence."""
        silent = {
            topic
            for topic in topics
            if topic in self._known and now_seconds - self._heard_at[topic] > SILENCE_SECONDS
        }
        self._heard_at.update(dict.fromkeys(topics, now_seconds))
        return self.replaced_now(silent) if silent else set()

    def replaced_now(self, topics: Collection[str]) -> set[str]:
        """Of these, those that were made again; where nobody answers, none."""
        try:
            return self._compare(self._asker.logs(topics, _ANSWER_SECONDS))
        except ConsumerError:
            return set()

    def replaced(self, topics: Collection[str], now_seconds: float) -> set[str]:
        """Of all that are read, those that were made again. Asks once a second, and does not wait."""
        if self._answer is not None:
            found = self._answer()
            if found is None:
                return set()
            return self._compare(found)
        ours = [topic for topic in topics if topic in self._known]
        if ours and now_seconds >= self._ask_at:
            self._ask_at = now_seconds + _EACH_SECONDS
            try:
                self._answer = self._asker.ask_logs(ours)
            except ConsumerError:
                self._answer = None
        return set()

    def _compare(self, logs: Mapping[str, str]) -> set[str]:
        self._answer = None  # what was asked before would be older
        changed = {topic for topic, log in logs.items() if self._known.get(topic, log) != log}
        self._known.update(logs)
        return changed
