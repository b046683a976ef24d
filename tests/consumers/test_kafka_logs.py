"""Another log under the same name is noticed, whenever the brokers are asked; the same one never is."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from bridge.consumers.kafka_client import Partition
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
    watch.begin([Partition(topic, 0) for topic in topics], brokers.logs(topics, 0), 0.0)
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
    assert watch.replaced_in({"a", "b"}, AFTER_SILENCE) == {Partition("b", 0)}
    assert watch.replaced_in({"b"}, 2 * AFTER_SILENCE) == set()
    assert brokers.asked == 2


def test_all_are_asked_for_once_a_second_without_waiting() -> None:
    """Also those that send nothing."""
    brokers = Brokers(a="1")
    watch = reading(brokers, "a")
    brokers.now["a"] = "2"
    found = [watch.replaced(now) for now in (1.0, 1.1, 1.2, 1.3, 1.4)]
    assert found == [set(), set(), {Partition("a", 0)}, set(), set()]
    assert brokers.asked == 1


def test_an_answer_that_was_overtaken_is_not_believed() -> None:
    """It was asked for before the change that somebody else has told meanwhile."""
    brokers = Brokers(a="1")
    watch = reading(brokers, "a")
    watch.replaced(1.0)
    brokers.now["a"] = "2"
    assert watch.replaced_now({"a"}) == {Partition("a", 0)}
    assert [watch.replaced(now) for now in (1.1, 1.2, 1.3)] == [set(), set(), set()]


def test_a_partition_that_is_in_the_new_log_already_does_not_begin_again() -> None:
    """It began when its topic had been made again; the others of its topic did not notice yet."""
    brokers = Brokers(a="1")
    watch = reading(brokers, "a")
    brokers.now["a"] = "2"
    watch.begin([Partition("a", 1)], brokers.logs({"a"}, 0), 5.0)
    assert watch.replaced_now({"a"}) == {Partition("a", 0)}


def test_a_log_that_nobody_named_is_the_one_that_is_found_first() -> None:
    """These brokers name logs: what began without a name is watched from the first answer on."""
    brokers = Brokers(a="1", b="1")
    watch = reading(brokers, "b")
    watch.begin([Partition("a", 0)], {}, 0.0)
    assert watch.replaced_now({"a"}) == set()
    brokers.now["a"] = "2"
    assert watch.replaced_now({"a"}) == {Partition("a", 0)}


def test_what_is_read_no_more_is_not_watched() -> None:
    """It was revoked."""
    brokers = Brokers(a="1", b="1")
    watch = reading(brokers, "a", "b")
    watch.end([Partition("a", 0)])
    brokers.now["a"] = brokers.now["b"] = "2"
    assert watch.replaced_now({"a", "b"}) == {Partition("b", 0)}


def test_where_nobody_answers_nothing_is_taken_for_changed() -> None:
    """Nor is anything asked of brokers that name no logs."""
    brokers = Brokers(a="1")
    watch = reading(brokers, "a")
    brokers.is_deaf = True
    assert watch.replaced_in({"a"}, AFTER_SILENCE) == set()
    assert watch.replaced(1.0) == set()
    asked = brokers.asked
    assert LogWatch(brokers).replaced_in({"a"}, 9.0) == set()
    assert LogWatch(brokers).replaced(9.0) == set()
    assert brokers.asked == asked
