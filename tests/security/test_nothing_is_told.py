"""Secrets and payloads are marked, all that can go wrong goes wrong, and what is said is searched."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import pytest
from confluent_kafka import Producer

from bridge.cli.api import LocalApi
from tests.e2e.api import Api
from tests.e2e.bridge import Bridge
from tests.parts.process import free_port, wait_until
from tests.parts.secure_kafka import PASSWORD, USER, SecureKafka
from tests.security.commands import command

pytestmark = pytest.mark.kafka
WRITE_KEY, NEXT_KEY, TOKEN, QUEUE_SECRET, REGISTRY_SECRET = (
    f"S3CRET-{name}" for name in ("write-key", "next-key", "token", "queue", "registry")
)
SECRETS = (PASSWORD, WRITE_KEY, NEXT_KEY, TOKEN, QUEUE_SECRET, REGISTRY_SECRET)
MARKS = ("P4YLOAD-body", "P4YLOAD-key", "P4YLOAD-header", "P4YLOAD-user", "P4YLOAD-event")
RULES = """
from: {topics: [TOPIC]}
rules:
  - name: order
    emit:
      - event_type: track
        event_name: Order
        user_id: "event.user"
        event_params: {Note: "event.note", Total: {int: "event.total"}}
"""
GOOD = b'{"user": "P4YLOAD-user", "note": "P4YLOAD-body", "total": 1}'
BODIES = [
    GOOD,
    b'{"user": "P4YLOAD-user", "note": "P4YLOAD-body", "total": "P4YLOAD-body"}',
    b'{"user": "P4YLOAD-user", "P4YLOAD-body',
    b'{"user": {"P4YLOAD-body": 1}, "note": "x", "total": 1}',
    b"\xff\xfeP4YLOAD-body",
    b'{"user": "refused-P4YLOAD-user", "note": "P4YLOAD-body", "total": 1}',
]


def produce(broker: SecureKafka, topic: str, *bodies: bytes) -> None:
    """Marked keys and headers with each."""
    producer = Producer({"bootstrap.servers": broker.brokers})
    for body in bodies:
        producer.produce(topic, body, b"P4YLOAD-key", headers=[("P4YLOAD-header", b"P4YLOAD-header")])
    assert producer.flush(30) == 0


def bridge_of(home: Path, broker: SecureKafka, topic: str, api: Api) -> Bridge:
    """One source that works, one that does not, and every kind of secret."""
    (home / "token").write_text(TOKEN)
    (home / "key").write_text(WRITE_KEY)
    security = {
        "protocol": "sasl_ssl",
        "mechanism": "PLAIN",
        "username": USER,
        "password": {"env": "KAFKA_PASSWORD"},
        "ca": str(broker.authority.cert),
    }
    shop = {
        "name": "shop",
        "type": "kafka",
        "brokers": broker.doors["SASL"],
        "group": f"group-{topic}",
        "topics": [topic],
        "security": security,
    }
    desk = {"name": "desk", "type": "rabbitmq", "url": {"env": "AMQP_URL"}, "queues": ["nobody"]}
    config = {
        "sources": [shop, {**desk, "unmatched": "filter"}],
        "schema_registry": {
            "url": f"http://127.0.0.1:{free_port()}",
            "username": "reader",
            "password": {"env": "REGISTRY_PASSWORD"},
        },
        "destinations": {
            "default": {
                "url": api.events_url,
                "write_key": {"file": "key"},
                "retry": {"base": "50ms", "cap": "100ms", "max_attempts": 2, "max_age": "1s"},
            }
        },
        "dead_letters": {"type": "file", "path": "letters.jsonl"},
        "log": {"level": "debug"},
    }
    env = {
        "KAFKA_PASSWORD": PASSWORD,
        "AMQP_URL": f"amqp://desk:{QUEUE_SECRET}@127.0.0.1:{free_port()}/%2F",
        "REGISTRY_PASSWORD": REGISTRY_SECRET,
    }
    return Bridge(home, config, {"order.yaml": RULES.replace("TOPIC", topic)}, env)


def go_wrong(bridge: Bridge, broker: SecureKafka, topic: str, api: Api) -> None:
    """Faults, refusals, a key that is taken back and changed, an API that is away."""
    api.control(users={"refused-P4YLOAD-user": 400})
    produce(broker, topic, *BODIES)
    letters = bridge.home / "letters.jsonl"
    wait_until(
        lambda: letters.exists() and letters.read_text().count("\n") == len(BODIES) - 1,
        timeout_seconds=60,
        what="all letters",
    )
    api.control(users={}, unauthorized=True)
    produce(broker, topic, GOOD)
    wait_until(lambda: bridge.total("bridge_stalled", "auth") == 1, timeout_seconds=60, what="auth")
    (bridge.home / "key").write_text(NEXT_KEY)
    api.control(unauthorized=False, keys=[NEXT_KEY])
    wait_until(lambda: api.accepted_count() == 2, timeout_seconds=60, what="the new key serves")
    api.control(failure_ratio=1.0, failure_status=500)
    produce(broker, topic, GOOD)
    wait_until(lambda: bridge.total("bridge_retries_total") >= 2, timeout_seconds=60, what="retries")
    api.control(failure_ratio=0.0)


def said(bridge: Bridge) -> dict[str, str]:
    """Everything that anybody is told, by where."""
    root = bridge.metrics_url.removesuffix("/metrics")
    pages = {path: page(root + path) for path in ("/metrics", "/status.json", "/", "/readyz", "/livez")}
    commands = {
        words: command(bridge, *words.split())
        for words in (
            f"check {bridge.home}/bridge.yaml",
            f"status --why --url {root}",
            f"pause shop --url {root}",
            f"dlq ls --config {bridge.home}/bridge.yaml",
        )
    }
    return {"log": bridge.log.read_text(), **pages, **commands}


def page(url: str) -> str:
    """Of the admin server, whatever its status."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return str(error.read().decode())


def test_no_secret_and_no_payload_is_told(tmp_path: Path, broker: SecureKafka) -> None:
    """Neither in the log at its loudest, nor by the admin server, nor by a command."""
    topic = broker.new_topic("marked")
    local = LocalApi(port=0)
    api = Api(local.url)
    bridge = bridge_of(tmp_path, broker, topic, api)
    bridge.process.start()
    try:
        wait_until(lambda: bridge.status("/livez") == 200, timeout_seconds=60, what="it lives")
        go_wrong(bridge, broker, topic, api)
        told = said(bridge)
        bridge.stop()
        told["log"] = bridge.log.read_text()
    finally:
        bridge.kill()
        local.stop()
    assert "dead letter" in told["log"]
    assert "bridge_dead_letters_total" in told["/metrics"]
    for where, text in told.items():
        assert text, f"{where} says nothing: nothing was searched"
        found = [mark for mark in (*SECRETS, *MARKS) if mark in text]
        assert not found, f"{where} tells {found}"
