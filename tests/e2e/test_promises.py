"""On real Kafka: no commit overtakes, the dead letter comes first, a wrong key loses nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.cimpl import NewTopic

from tests.e2e.api import Api
from tests.e2e.auditor import kafka_rules
from tests.e2e.bridge import Bridge
from tests.e2e.world import World, body
from tests.parts.kafka import Kafka
from tests.parts.process import wait_until

FAILING_SECONDS = 5.0


@pytest.fixture
def world(kafka: Kafka, api: Api, tmp_path: Path) -> Iterator[World]:
    """Not started yet; ended with the test."""
    topic = kafka.new_topic("promise", partitions=1, **{"max.message.bytes": "20000000"})
    letters = kafka.new_topic("letters", partitions=1, **{"max.message.bytes": str(2 * 2**20)})
    config = {
        "sources": [
            {
                "name": "shop",
                "type": "kafka",
                "brokers": kafka.brokers,
                "group": f"group-{topic}",
                "topics": [topic],
            }
        ],
        "destinations": {
            "default": {"url": api.events_url, "write_key": {"file": "write-key"}, "retry": {"cap": "500ms"}}
        },
        "dead_letters": {"type": "kafka", "topic": letters},
    }
    (tmp_path / "write-key").write_text("good-key")
    bridge = Bridge(tmp_path, config, {"audit.yaml": kafka_rules(topic)})
    yield World(kafka, api, topic, letters, bridge)
    bridge.kill()


@pytest.mark.kafka
def test_no_commit_overtakes_a_record_that_keeps_failing(world: World, report: Callable[[str], None]) -> None:
    """503 for one user for five seconds: 50 later records are delivered, the commit stays below it."""
    world.api.control(users={"slow": 503})
    world.produce(body("fast", 0), body("slow", 0), *(body("fast", n) for n in range(1, 51)))
    world.bridge.start()
    wait_until(lambda: world.api.accepted_count() >= 51, timeout_seconds=30, what="the fast ones")
    seen: set[int] = set()
    until = time.monotonic() + FAILING_SECONDS

    def has_failed_long_enough() -> bool:
        seen.add(world.committed())
        return time.monotonic() > until

    wait_until(has_failed_long_enough, timeout_seconds=FAILING_SECONDS * 3, what="five seconds of failing")
    retries = world.bridge.total("bridge_retries_total", 'reason="server_error"')
    assert seen <= {0, 1}

    world.api.control(users={})
    wait_until(lambda: world.committed() == 52, timeout_seconds=30, what="the whole topic committed")
    report(
        f"503 for one user, {FAILING_SECONDS:g} s and {retries:g} retries: "
        f"commits seen meanwhile {sorted(seen)} of 52, then 52"
    )


@pytest.mark.kafka
def test_a_refused_record_is_a_confirmed_letter_before_it_is_committed(world: World) -> None:
    """400 for one user: the dead-letter topic has the original bytes and the reason."""
    world.api.control(users={"bad": 400})
    value = b'  {"user": "bad", "seq": 0, "note": "H\xc3\xa0 N\xe1\xbb\x99i"}\n'
    world.produce(value, body("good", 0), key=b"\xff\x00")
    world.bridge.start()
    (letter,) = world.read_letters(1)
    headers = letter.headers

    assert letter.value == value
    assert letter.key == b"\xff\x00"
    assert headers["bridge-reason"] == b"refused"
    assert headers["bridge-status"] == b"400"
    assert headers["bridge-rule"] == b"audit"
    assert (headers["bridge-topic"], headers["bridge-offset"]) == (world.topic.encode(), b"0")
    wait_until(lambda: world.committed() == 2, timeout_seconds=30, what="both committed")
    assert [e["user_id"] for e in world.api.accepted()] == ["good"]


@pytest.mark.kafka
def test_nothing_is_committed_while_its_letter_cannot_be_written(world: World) -> None:
    """The dead-letter topic is gone: the partition waits; when it is back, letter and commit follow."""
    admin = world.kafka.admin()
    admin.delete_topics([world.letters])[world.letters].result(30)
    world.produce(b"not json", body("good", 0))
    world.bridge.start()
    wait_until(
        lambda: world.bridge.total("bridge_dead_letter_failures_total") >= 1,
        timeout_seconds=60,
        what="a failed letter",
    )
    assert world.committed() == 0

    admin.create_topics([NewTopic(world.letters, 1, 1)])[world.letters].result(30)
    (letter,) = world.read_letters(1)
    assert letter.value == b"not json"
    wait_until(lambda: world.committed() == 2, timeout_seconds=30, what="both committed")


@pytest.mark.kafka
def test_a_wrong_key_stops_intake_and_loses_nothing(world: World, report: Callable[[str], None]) -> None:
    """401 for everybody: paused, nothing dead, nothing committed; a new key in the file ends it."""
    world.api.control(keys=["new-key"])
    world.produce(*(body(f"user-{n % 20}", n // 20) for n in range(200)))
    world.bridge.start()
    wait_until(
        lambda: world.bridge.total("bridge_partitions_paused") == 1,
        timeout_seconds=30,
        what="a paused source",
    )
    assert world.bridge.total("bridge_stalled", 'reason="auth"') == 1
    assert world.committed() == 0
    assert world.bridge.status("/readyz") == 200

    (world.bridge.home / "write-key").write_text("new-key")
    wait_until(lambda: world.api.accepted_count() == 200, timeout_seconds=30, what="all accepted")
    wait_until(lambda: world.committed() == 200, timeout_seconds=30, what="all committed")
    assert world.bridge.total("bridge_dead_letters_total") == 0
    refused = world.api.stats()["by_status"]["401"]
    report(f"401 for everybody: {refused} requests were refused meanwhile, 200 of 200 delivered after")


@pytest.mark.kafka
def test_bad_input_becomes_letters_and_the_good_goes_on(world: World) -> None:
    """Each kind of bad record has its reason; no crash, nothing lost, accounts closed."""
    bad = {
        b"not json": b"undecodable",
        b'"\xff\xfe"': b"undecodable",
        b"": b"undecodable",
        b"[" * 2**20: b"undecodable",
        b'{"user": "u", "seq": NaN}': b"undecodable",
        json.dumps({"user": "u", "pad": "x" * (5 * 2**20)}).encode(): b"too_large",
        b'{"user": "", "seq": 1}': b"no_identity",
        b'{"user": null, "seq": 1}': b"no_identity",
        b'{"seq": 1}': b"rule_fault",
        b'{"user": "u", "seq": "1"}': b"rule_fault",
        b'{"user": "u", "seq": 9223372036854775808}': b"rule_fault",
    }
    world.produce(*bad, None, body("good", 0))
    world.bridge.start()
    letters = world.read_letters(len(bad))
    wait_until(lambda: world.committed() == len(bad) + 2, timeout_seconds=30, what="all committed")

    found = {int(one.headers["bridge-offset"]): one for one in letters}
    for offset, (value, reason) in enumerate(bad.items()):
        assert found[offset].headers["bridge-reason"] == reason, value[:40]
        if len(value) <= 2**20:
            assert found[offset].value == value
        else:
            assert found[offset].headers["bridge-body"] == b"reference"
    assert world.bridge.total("bridge_records_settled_total", 'outcome="filtered"') == 1
    assert world.bridge.total("bridge_records_settled_total", 'outcome="delivered"') == 1
    assert world.bridge.total("bridge_records_unaccounted") == 0
