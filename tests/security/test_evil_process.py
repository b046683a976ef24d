"""A whole bridge between records that want to be log lines and an API that lies: it tells what is."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from confluent_kafka import Producer
from prometheus_client.parser import text_string_to_metric_families

from bridge.metric_families import FAMILIES, PREFIX
from tests.e2e.bridge import Bridge
from tests.e2e.commits import committed_places
from tests.parts.kafka import Kafka
from tests.parts.process import wait_until
from tests.security.commands import command
from tests.security.evil import EVIL, LINE, MARK, assert_console, events_in, unsafe
from tests.security.liar import Liar, answer

pytestmark = pytest.mark.kafka
WHO = "lied-to"
PAGE = b"<script>F0RGED</script>\n" + LINE.encode() + b"\n\x1b[2J"
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


class Told(NamedTuple):
    """A record: its body, key and headers."""

    value: bytes
    key: bytes
    headers: list[tuple[str, str | bytes | None]]


def body(user: object, note: object = "x", total: object = 1) -> bytes:
    """Of an order; strings as JSON escapes them."""
    return json.dumps({"user": user, "note": note, "total": total}).encode()


def lies() -> dict[str, bytes]:
    """User → what is answered: refusals and faults, each with every text in every place of an answer."""
    told = [answer("422 x", json.dumps({"message": text}).encode()) for text in EVIL.values()]
    told += [answer("422 x", b"x " + text.encode()) for text in EVIL.values()]
    told += [answer(f"422 {text}", b"{}") for text in EVIL.values()]
    for name in (b"X-F0RGED", b"Retry-After", b"Server", b"Content-Type"):
        told += [answer("422 x", b"{}", name + b": " + text.encode()) for text in EVIL.values()]
    told += [answer("503 x", text.encode(), b"Retry-After: " + text.encode()) for text in EVIL.values()]
    told += [answer("422 x", b"x" + text.encode() * 100_000) for text in (EVIL["a line"], EVIL["a screen"])]
    told += [
        LINE.encode() + b"\r\n\r\n",
        b"\x1b[2JF0RGED",
        answer("422 x", b"\xff\xfe\x80\n" + LINE.encode()),
    ]
    return {f"{WHO} {number}": one for number, one in enumerate(told)}


FAULTS = {
    f"{WHO} again": answer("503 x", LINE.encode() + b"\n\x1b[2J", b"Retry-After: \x1b[2J"),
    f"{WHO} in no HTTP": b"\n" + LINE.encode() + b"\n",
}
"""What is answered each time: until the event is given up."""


def records(lied_to: list[str]) -> Iterator[Told]:
    """Every text as body, user, parameter, key, and name and value of a header."""
    for text in EVIL.values():
        key = text.encode()
        headers: list[tuple[str, str | bytes | None]] = [
            (text, text.encode()),
            ("raw", b"\xff\n\x1b[2J\0"),
        ]
        yield Told(text.encode(), key, headers)
        yield Told(body(text), key, headers)
        yield Told(body(text, text, text), key, headers)
        yield Told(body({text: text}), key, headers)
        yield Told(body(text, [text]), b"\xff\xfe" + key, headers)
    for odd in (b'"\\ud800F0RGED"', b'"\\udc00\\ud800"', b'"\xff\nF0RGED"', b'"\xed\xa0\x80"'):
        yield Told(b'{"user": %b, "note": "x", "total": 1}' % odd, odd, [("odd", odd)])
    for number, user in enumerate(lied_to):
        text = list(EVIL.values())[number % len(EVIL)]
        yield Told(body(user, text), text.encode(), [])


def produce(kafka: Kafka, topic: str, *told: Told) -> None:
    """In their order."""
    producer = Producer({"bootstrap.servers": kafka.brokers})
    for one in told:
        producer.produce(topic, one.value, one.key, headers=one.headers)
    assert producer.flush(30) == 0


def bridge_of(home: Path, kafka: Kafka, topic: str, letters: str, api: Liar, form: str) -> Bridge:
    """One source, letters in Kafka, a loud log."""
    source = {"name": "shop", "type": "kafka", "brokers": kafka.brokers}
    config = {
        "sources": [{**source, "group": f"group-{topic}", "topics": [topic]}],
        "destinations": {
            "default": {
                "url": api.url,
                "write_key": {"env": "FILUM_WRITE_KEY"},
                "retry": {"base": "500ms", "cap": "500ms", "max_attempts": 2, "max_age": "1s"},
            }
        },
        "dead_letters": {"type": "kafka", "topic": letters, "brokers": kafka.brokers},
        "log": {"level": "debug", "format": form},
    }
    return Bridge(home, config, {"order.yaml": RULES.replace("TOPIC", topic)})


def settled(bridge: Bridge) -> float:
    """How many records, in whatever way."""
    return bridge.total("bridge_records_settled_total")


def page(bridge: Bridge, path: str, accept: str = "") -> str:
    """Of the admin server."""
    request = urllib.request.Request(
        bridge.metrics_url.removesuffix("/metrics") + path, headers={"Accept": accept}
    )
    with urllib.request.urlopen(request, timeout=5) as got:
        return str(got.read().decode())


def assert_pages(bridge: Bridge, topic: str) -> None:
    """Metrics are metrics, JSON is JSON, and no page holds a text of a stranger but the name of the topic."""
    metrics = page(bridge, "/metrics")
    for text in (metrics, page(bridge, "/metrics", "application/openmetrics-text; version=1.0.0")):
        found = {one.name for one in text_string_to_metric_families(text.removesuffix("# EOF\n"))}
        ours = {name.removeprefix(PREFIX) for name in found if name.startswith(PREFIX)}
        assert ours
        assert ours <= {*FAMILIES, *(name.removesuffix("_total") for name in FAMILIES)}
    told = {
        "/metrics": metrics,
        "/status.json": json.dumps(json.loads(page(bridge, "/status.json")), ensure_ascii=False),
        "/": page(bridge, "/"),
        "/ of a browser": page(bridge, "/", "text/html"),
    }
    for where, text in told.items():
        assert text
        assert not unsafe(text), where
        assert MARK not in text.replace(topic, ""), where
    assert "<script" not in told["/ of a browser"]


def assert_commands(bridge: Bridge, letters: int) -> None:
    """Whoever looks at the letters sees texts, and his terminal obeys none."""
    config = f"{bridge.home}/bridge.yaml"
    listed = command(bridge, "dlq", "ls", "--config", config)
    assert len(listed.splitlines()) == letters + 1, listed
    found = [
        json.loads(line)
        for line in command(bridge, "dlq", "ls", "--json", "--config", config).splitlines()[:-1]
    ]
    assert len(found) == letters
    assert {one["reason"] for one in found} == {
        "undecodable",
        "rule_fault",
        "refused",
        "retries_exhausted",
    }
    one_each = {(one["reason"], one["status"]): one["place"] for one in found}
    shown = [
        command(bridge, "dlq", "show", place, "--payload", "--config", config) for place in one_each.values()
    ]
    as_json = command(bridge, "dlq", "show", found[0]["place"], "--payload", "--json", "--config", config)
    assert json.loads(as_json)["body"] == EVIL["a line"]
    assert all("place:" in one for one in shown)
    for text in (
        listed,
        *shown,
        as_json,
        command(bridge, "status", "--why", "--url", bridge.metrics_url.removesuffix("/metrics")),
    ):
        assert not unsafe(text)
        assert not [line for line in text.splitlines() if line.startswith((LINE, MARK, "X-" + MARK))]


def assert_log(bridge: Bridge, form: str) -> None:
    """Each line is one of ours, and of our events."""
    log = bridge.log.read_text()
    if form == "console":
        assert_console(log)
        assert not [line for line in log.splitlines() if line.split()[2:3] == [MARK]]
        return
    counted = Counter(events_in(log))
    assert MARK not in counted
    assert counted["dead letter"]
    assert counted["bridge stopped"] == 1


@pytest.mark.parametrize("form", ["json", "console"])
def test_nothing_that_strangers_send_is_obeyed(tmp_path: Path, kafka: Kafka, form: str) -> None:
    """Each record is settled and told of as what it is; the bridge leaves with everything committed."""
    topic, letters = kafka.new_topic(f"--{MARK}_shop.__", partitions=1), kafka.new_topic("letters")
    lied_to = lies()
    told = list(records([*lied_to, *FAULTS]))
    produce(kafka, topic, *told)
    with Liar(FAULTS, once=lied_to) as api:
        bridge = bridge_of(tmp_path, kafka, topic, letters, api, form)
        try:
            bridge.start()
            wait_until(lambda: settled(bridge) == len(told), timeout_seconds=60, what="all settled")
            stand_before_a_page(bridge, kafka, topic, api)
            assert_pages(bridge, topic)
            count = int(bridge.total("bridge_dead_letters_total"))
            assert_commands(bridge, count)
            bridge.stop()
        finally:
            bridge.kill()
    assert_delivered(api, count, len(told) + 1)
    assert [place.offset for place in committed_places(kafka, topic, f"group-{topic}")] == [len(told) + 1]
    assert_log(bridge, form)


def stand_before_a_page(bridge: Bridge, kafka: Kafka, topic: str, api: Liar) -> None:
    """An answer that is a web page blocks the destination; what waits is delivered once it is gone."""
    api.answers["visitor"] = answer("200 OK", PAGE, b"Content-Type: text/html")
    produce(kafka, topic, Told(body("visitor"), b"visitor", []))
    wait_until(lambda: bridge.total("bridge_stalled", "html") == 1, timeout_seconds=30, what="html")
    assert_pages(bridge, topic)
    api.answers.clear()
    wait_until(lambda: "visitor" in api.users, timeout_seconds=30, what="the visitor is let in")
    wait_until(lambda: bridge.total("bridge_records_in_flight") == 0, timeout_seconds=30, what="settled")


def assert_delivered(api: Liar, letters: int, total: int) -> None:
    """What is no letter was accepted, as it was sent and once; requests are requests."""
    assert Counter(api.users) >= Counter(EVIL.values())
    assert not set(api.users) & FAULTS.keys()
    assert len(api.accepted) + letters == total
    assert api.rest == []
    heads = {tuple(one.head[:-1]) for one in api.sent}
    assert len(heads) == 1, heads
    assert all(one.head[-1] == b"Content-Length: %d" % len(one.body) for one in api.sent)
