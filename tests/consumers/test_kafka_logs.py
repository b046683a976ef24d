"""Another log under the same name is noticed, whenever the brokers are asked; the same one never is."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest

from bridge.consumers.kafka_logs import SILENCE_SECONDS, Answer, LogWatch
from bridge.errors import ConnectionLost

AFTER_SILENCE = SILENCE_SECONDS + 0.1


class Brokers:
    """Topics and their logs; what was asked without waiting is answered as it was when it was asked."""

    def __init__(self, **logs: str) -> None:
        self.now = dict(logs)
        self.asked = 0
        self.is_deaf = False

    def logs(self, topics: Collection[str], timeout_seconds: float) -> Mapping[str, str]:
        self.asked += 1
        if self.is_deaf:
            raise ConnectionLost("no broker answered in time")
        return {topic: self.now[topic] for topic in topics}

    def ask_logs(self, topics: Collection[str]) -> Answer:
        found = self.logs(topics, 0)
        answers = iter([None, found])
        return lambda: next(answers)


def reading(brokers: Brokers, *topics: str) -> LogWatch:
    """These are read from second 0 on."""
    watch = LogWatch(brokers)
    watch.know(brokers.logs(topics, 0), (), 0.0)
    brokers.asked = 0
    return watch


def test_a_busy_topic_is_not_asked_for() -> None:
    """Its records come one after the other; no log was deleted in between."""
    brokers = Brokers(a="1")
    watch = reading(brokers, "a")
    for tenth in range(1, 20):
        assert watch.replaced_in({"a"}, tenth / 10) == set()
    assert brokers.asked == 0


def test_after_silence_a_topic_shows_its_log_before_its_records_are_taken() -> None:
    """Only those that were silent are asked for; each change is told once."""
    brokers = Brokers(a="1", b="1")
    watch = reading(brokers, "a", "b")
    brokers.now["b"] = "2"
    assert watch.replaced_in({"a"}, 0.2) == set()
    assert watch.replaced_in({"a", "b"}, AFTER_SILENCE) == {"b"}
    assert watch.replaced_in({"b"}, 2 * AFTER_SILENCE) == set()
    assert brokers.asked == 2


def test_all_are_asked_for_once_a_second_without_waiting() -> None:
    """Also those that send nothing."""
    brokers = Brokers(a="1")
    watch = reading(brokers, "a")
    brokers.now["a"] = "2"
    found = [watch.replaced({"a"}, now) for now in (1.0, 1.1, 1.2, 1.3, 1.4)]
    assert found == [set(), set(), {"a"}, set(), set()]
    assert brokers.asked == 1


def test_an_answer_that_was_overtaken_is_not_believed() -> None:
    """It was asked for before the change that somebody else has told meanwhile."""
    brokers = Brokers(a="1")
    watch = reading(brokers, "a")
    watch.replaced({"a"}, 1.0)
    brokers.now["a"] = "2"
    assert watch.replaced_now({"a"}) == {"a"}
    assert [watch.replaced({"a"}, now) for now in (1.1, 1.2, 1.3)] == [set(), set(), set()]


@pytest.mark.parametrize("is_read", [True, False])
def test_an_assignment_hides_no_change_of_what_is_being_read(is_read: bool) -> None:
    """One more partition of it comes, and its log is another; what nobody reads here begins new."""
    brokers = Brokers(a="1")
    watch = reading(brokers, "a")
    brokers.now["a"] = "2"
    watch.know(brokers.logs({"a"}, 0), {"a"} if is_read else (), 5.0)
    assert watch.replaced_now({"a"}) == ({"a"} if is_read else set())


def test_where_nobody_answers_nothing_is_taken_for_changed() -> None:
    """Nor is anything asked of brokers that name no logs."""
    brokers = Brokers(a="1")
    watch = reading(brokers, "a")
    brokers.is_deaf = True
    assert watch.replaced_in({"a"}, AFTER_SILENCE) == set()
    assert watch.replaced({"a"}, 1.0) == set()
    asked = brokers.asked
    assert LogWatch(brokers).replaced_in({"a"}, 9.0) == set()
    assert LogWatch(brokers).replaced({"a"}, 9.0) == set()
    assert brokers.asked == asked
