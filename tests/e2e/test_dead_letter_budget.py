"""On real Kafka: a bad rule, and an API that refuses all of one, cost a hundred letters, not a topic."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.api import Api
from tests.e2e.auditor import Made, audit, kafka_rules, make, taken_of
from tests.e2e.bridge import Bridge
from tests.e2e.world import World
from tests.parts.kafka import Kafka
from tests.parts.process import wait_until

RECORDS, BUDGET = 2_000, 100


@pytest.fixture
def worlds(kafka: Kafka, api: Api, tmp_path: Path) -> Iterator[tuple[World, World]]:
    """Two topics of one source, each with a rule of its own, and one bridge, not started."""
    topics = [kafka.new_topic(name, partitions=1) for name in ("bad", "good")]
    letters = kafka.new_topic("letters", partitions=1)
    group = f"group-{topics[0]}"
    config = {
        "sources": [{"name": "shop", "type": "kafka", "brokers": kafka.brokers, "group": group}],
        "destinations": {"default": {"url": api.events_url, "write_key": {"env": "FILUM_WRITE_KEY"}}},
        "dead_letters": {"type": "kafka", "topic": letters},
    }
    rules = {"bad.yaml": kafka_rules(topics[0]), "good.yaml": good_rules(topics[1])}
    bridge = Bridge(tmp_path, config, rules)
    bad, good = (World(kafka, api, topic, letters, bridge, group) for topic in topics)
    yield bad, good
    bridge.kill()


def good_rules(topic: str) -> str:
    """Of the other topic: another rule, another event."""
    return (
        kafka_rules(topic).replace("name: audit", "name: other").replace("Audit Recorded", "Other Recorded")
    )


def is_stalled(bridge: Bridge) -> bool:
    """Whether a stream stands still for want of a letter."""
    return bridge.total("bridge_stalled", 'reason="dead_letter_budget"') == 1


def rewrite(bridge: Bridge, text: str) -> None:
    """As an editor does."""
    (bridge.home / "new").write_text(text)
    (bridge.home / "new").rename(bridge.home / "rules" / "bad.yaml")


def stop_and_flow(bad: World, good: World) -> list[Made]:
    """The one topic comes to stand still, the other flows on; returns the records of the first."""
    made = make(RECORDS, 20, 7)
    bad.produce(*(one.body for one in made))
    bad.bridge.start()
    wait_until(lambda: is_stalled(bad.bridge), timeout_seconds=60, what="a stream without a letter left")
    good.produce(*(one.body for one in make(500, 5, 8)))
    wait_until(lambda: good.committed() == 500, timeout_seconds=60, what="the other topic committed")
    letters = "bridge_dead_letters_total"
    wait_until(lambda: bad.bridge.total(letters) == BUDGET, timeout_seconds=30, what="a hundred letters")
    assert bad.committed() <= BUDGET
    assert bad.bridge.total("bridge_dead_letter_budget", 'rule="audit"') == 0
    assert len(bad.read_letters(BUDGET)) == BUDGET
    return made


@pytest.mark.kafka
def test_a_rule_that_faults_on_everything_costs_a_hundred_letters(
    worlds: tuple[World, World], report: Callable[[str], None]
) -> None:
    """The mended rule delivers all the rest, in order."""
    bad, good = worlds
    rewrite(bad.bridge, kafka_rules(bad.topic).replace("event.user", "event.customer"))
    made = stop_and_flow(bad, good)
    wait_until(lambda: bad.committed() == BUDGET, timeout_seconds=30, what="exactly these committed")
    rewrite(bad.bridge, kafka_rules(bad.topic))
    check_the_rest(bad, made)
    report(f"a rule that faults on {RECORDS} records: {BUDGET} letters; mended: the other 1900 delivered")


@pytest.mark.kafka
def test_an_api_that_refuses_all_of_a_rule_costs_a_hundred_letters(
    worlds: tuple[World, World], report: Callable[[str], None]
) -> None:
    """400 for each of its events; what had been queued is sent no more; then a rule that the API takes."""
    bad, good = worlds
    bad.api.control(event_names={"Audit Recorded": 400})
    made = stop_and_flow(bad, good)
    refused = bad.api.stats()["by_status"]["400"]
    assert refused <= BUDGET + 64
    rewrite(bad.bridge, kafka_rules(bad.topic).replace("Audit Recorded", "Audit Mended"))
    check_the_rest(bad, made)
    report(
        f"400 for all of a rule, {RECORDS} records: {refused} requests, {BUDGET} letters; then all the rest"
    )


def check_the_rest(bad: World, made: list[Made]) -> None:
    """What is no letter was delivered once, each user's in order; every account is closed."""
    wait_until(lambda: bad.committed() == RECORDS, timeout_seconds=60, what="all committed")
    assert bad.bridge.total("bridge_dead_letters_total") == BUDGET
    assert bad.bridge.total("bridge_records_unaccounted") == 0
    assert not is_stalled(bad.bridge)
    dead = {letter.value for letter in bad.read_letters(BUDGET)}
    taken = taken_of(e for e in bad.api.accepted() if e["event_name"] != "Other Recorded")
    verdict = audit([one for one in made if one.body not in dead], taken)
    assert (verdict.lost, verdict.duplicates, verdict.order_violations) == (0, 0, 0)
