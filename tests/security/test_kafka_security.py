"""Every way to say to a real Kafka who one is; and what is said, and not said, when that fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from bridge.cli.api import LocalApi
from tests.e2e.api import Api
from tests.e2e.auditor import audit, kafka_rules, make, taken_of
from tests.e2e.bridge import Bridge
from tests.parts.process import wait_until
from tests.parts.secure_kafka import PASSWORD, USER, SecureKafka
from tests.security.standing import stands
from tests.send.http1.certificates import Authority

pytestmark = pytest.mark.kafka
RECORDS, USERS, SEED = 50, 5, 20_261_126
WRONG = "wr0ng-s3cret"
_UNSIGNED = {
    "enable.sasl.oauthbearer.unsecure.jwt": True,
    "sasl.oauthbearer.config": f"principal={USER} lifeSeconds=600",
}


@pytest.fixture
def topic(broker: SecureKafka) -> str:
    """Records of some users, written through the plain door."""
    name = broker.new_topic("secure")
    producer = Producer({"bootstrap.servers": broker.brokers})
    for one in make(RECORDS, USERS, SEED):
        producer.produce(name, one.body, one.user.encode())
    assert producer.flush(30) == 0
    return name


def sasl(broker: SecureKafka, mechanism: str, **more: Any) -> dict[str, Any]:
    """By a password, over TLS."""
    return {
        "protocol": "sasl_ssl",
        "mechanism": mechanism,
        "username": USER,
        "password": {"env": "KAFKA_PASSWORD"},
        "ca": str(broker.authority.cert),
        **more,
    }


def by_certificate(broker: SecureKafka, authority: Authority) -> dict[str, Any]:
    """By a certificate that this authority signed."""
    pair = authority.issue("client")
    files = {"cert": str(pair.cert), "key": str(pair.key)}
    return {"protocol": "ssl", "ca": str(broker.authority.cert), **files}


@contextmanager
def running(
    home: Path,
    broker: SecureKafka,
    topic: str,
    door: str,
    security: dict[str, Any],
    *,
    password: str = PASSWORD,
    **source: Any,
) -> Iterator[tuple[Bridge, Api]]:
    """A bridge that goes through this door, started and not waited for."""
    config = {
        "sources": [
            {
                "name": "shop",
                "type": "kafka",
                "brokers": broker.doors[door],
                "group": f"group-{topic}-{home.name}",
                "topics": [topic],
                "security": security,
                **source,
            }
        ],
        "destinations": {"default": {"url": "${API_URL}", "write_key": {"env": "FILUM_WRITE_KEY"}}},
        "dead_letters": {"type": "file", "path": "letters.jsonl"},
    }
    local = LocalApi(port=0)
    api = Api(local.url)
    env = {"KAFKA_PASSWORD": password, "API_URL": api.events_url}
    bridge = Bridge(home, config, {"audit.yaml": kafka_rules(topic)}, env)
    bridge.process.start()
    try:
        yield bridge, api
    finally:
        bridge.kill()
        local.stop()


def all_delivered(bridge: Bridge, api: Api) -> None:
    """Everything, once, in order; and the log says no secret."""
    wait_until(lambda: api.accepted_count() >= RECORDS, timeout_seconds=60, what="all delivered")
    result = audit(make(RECORDS, USERS, SEED), taken_of(api.accepted()))
    assert (result.lost, result.duplicates, result.order_violations) == (0, 0, 0)
    assert PASSWORD not in bridge.log.read_text()


def refused(bridge: Bridge, api: Api, remedy: str, *secrets: str) -> None:
    """Nothing is delivered, the reason and the remedy are said, in few lines, and no secret."""
    wait_until(lambda: remedy in bridge.log.read_text(), timeout_seconds=60, what="the remedy is said")
    stands(bridge, api, 4, *secrets)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_password(tmp_path: Path, broker: SecureKafka, topic: str, mechanism: str) -> None:
    """The right one delivers; a wrong one says where to look."""
    with running(tmp_path, broker, topic, "SASL", sasl(broker, mechanism)) as (bridge, api):
        all_delivered(bridge, api)
    (other := tmp_path / "wrong").mkdir()
    with running(other, broker, topic, "SASL", sasl(broker, mechanism), password=WRONG) as (bridge, api):
        refused(bridge, api, "check `security`: protocol, mechanism, username and password", WRONG, PASSWORD)


def test_a_certificate(tmp_path: Path, broker: SecureKafka, topic: str) -> None:
    """One that the broker trusts delivers; none, or a stranger's, does not."""
    security = by_certificate(broker, broker.authority)
    with running(tmp_path, broker, topic, "TLS", security) as (bridge, api):
        all_delivered(bridge, api)
    (other := tmp_path / "none").mkdir()
    nobody = {"protocol": "ssl", "ca": str(broker.authority.cert)}
    with running(other, broker, topic, "TLS", nobody) as (bridge, api):
        refused(bridge, api, "check `security`: ca, cert and key")


def test_a_broker_that_is_not_trusted(tmp_path: Path, broker: SecureKafka, topic: str) -> None:
    """The password is never sent to it."""
    stranger = Authority(tmp_path, "stranger")
    security = sasl(broker, "PLAIN", ca=str(stranger.cert))
    with running(tmp_path, broker, topic, "SASL", security) as (bridge, api):
        refused(bridge, api, "check `security`: ca, cert and key", PASSWORD)


def test_a_token(tmp_path: Path, broker: SecureKafka, topic: str) -> None:
    """OAUTHBEARER, with librdkafka's own unsigned tokens."""
    security = {"protocol": "sasl_plaintext", "mechanism": "OAUTHBEARER"}
    with running(tmp_path, broker, topic, "OAUTH", security, client=_UNSIGNED) as (bridge, api):
        all_delivered(bridge, api)
