"""What the dashboards are looked at for: a bridge through load, faults, reloads, rebalances and recovery.

A Prometheus scrapes it all the while. Each step waits until Prometheus has seen what was made to happen.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.cimpl import NewTopic

from bridge.cli.api import LocalApi
from tests.e2e.api import Api
from tests.e2e.bridge import Bridge
from tests.parts.kafka import Kafka
from tests.parts.prometheus import Prometheus

LABELS = {"namespace": "crm", "job": "crm/filum-bridge"}
REPLICAS = ("filum-bridge-0", "filum-bridge-1")
_PARTITIONS = 4
_USERS = 40
_BEAT_SECONDS = 0.05
_RECORDS_A_BEAT = 8
_SEEN = 3

_RULES = """
from: {{topics: [{topic}]}}
rules:
  - name: order-completed
    destination: crm
    when: "event.type == 'order.completed'"
    emit:
      - event_type: identify
        user_id: "event.user"
        event_params: {{Name: "event.name"}}
      - event_type: track
        event_name: Order Completed
        user_id: "event.user"
        timestamp: "event.at"
        event_params: {{Total Value: {{double: "event.total"}}, Note: "{note}"}}
  - name: ticket-rated
    destination: crm
    when: "event.type == 'ticket.rated'"
    on_error: drop
    emit:
      - event_type: track
        event_name: Ticket Rated
        user_id: "event.user"
        event_params: {{Stars: {{int: "event.stars"}}}}
"""
_FILE: dict[str, object] = {"name": "desk", "type": "file", "path": "tickets.jsonl", "follow": True}
_MISSPELT = "from: {topics: [orders]}\nrules: [{name: broken, emit: [{event_typ: track}]}]\n"


class Story:
    """The world in which it happens.

    Args:
        home: a folder of its own.
        kafka: the broker.
        api: what the bridge delivers to.
        rules: rule files of alerts, for Prometheus to evaluate meanwhile.
    """

    def __init__(self, home: Path, kafka: Kafka, api: Api, rules: list[Path]) -> None:
        self._kafka, self._api = kafka, api
        self._topic = kafka.new_topic("orders", partitions=_PARTITIONS)
        self._letters = kafka.new_topic("letters", partitions=1)
        self._first = self._bridge(home / "first", _FILE)
        self._second = self._bridge(home / "second")
        (home / "prometheus").mkdir()
        replicas = dict(zip(REPLICAS, (self._first, self._second), strict=True))
        targets = {name: one.metrics_url.split("/")[2] for name, one in replicas.items()}
        self.prometheus = Prometheus(home / "prometheus", targets, LABELS, rules)
        self._traffic = Traffic(kafka.brokers, self._topic)
        self.start_seconds = self.end_seconds = 0.0
        self.happened: list[tuple[str, float]] = []
        """What was made to happen, and when it began (seconds since 1970)."""

    def _bridge(self, home: Path, *more: dict[str, object]) -> Bridge:
        home.mkdir()
        (home / "tickets.jsonl").touch()
        config = {
            "sources": [
                {
                    "name": "shop",
                    "type": "kafka",
                    "brokers": self._kafka.brokers,
                    "group": f"group-{self._topic}",
                    "topics": [self._topic],
                },
                *more,
            ],
            "destinations": {
                "crm": {
                    "url": self._api.events_url,
                    "write_key": {"env": "FILUM_WRITE_KEY"},
                    "retry": {"cap": "500ms"},
                }
            },
            "dead_letters": {"type": "kafka", "topic": self._letters, "source": "shop"},
            "shutdown": {"revoke": "1s"},
        }
        return Bridge(home, config, {"orders.yaml": self._rules("first")})

    def _rules(self, note: str) -> str:
        return _RULES.format(topic=self._topic, note=f"'{note}'")

    def close(self) -> None:
        """End all that runs."""
        self._traffic.stop()
        self._first.kill()
        self._second.kill()
        self.prometheus.stop()

    # The story

    def tell(self) -> None:
        """From the first start to the recovery; traffic goes on until ``close``."""
        self.prometheus.start()
        self._first.start()
        self.prometheus.until('up{job="crm/filum-bridge"} == 1')
        self.start_seconds = time.time()
        self._traffic.start()
        self.prometheus.until('sum(bridge_events_total{outcome="delivered"}) > 500')
        for what, step in (
            ("records at fault", self._poison),
            ("no place for dead letters", self._no_place_for_letters),
            ("records without a time", self._records_without_a_time),
            ("slow API", self._slow_api),
            ("API down", self._api_down),
            ("throttled", self._throttled),
            ("wrong key", self._wrong_key),
            ("reloads", self._reloads),
            ("a second replica", self._second_member),
            ("restart", self._restart),
            ("recovery", self._recover),
        ):
            self.happened.append((what, time.time()))
            step()
        self.end_seconds = time.time()

    def _poison(self) -> None:
        self._api.control(users={"refused": 422})
        wrong = [
            b"{",
            _order("no-total", total=None),
            _order("", total=1),
            _order("refused", total=1),
            _order("large", total=1, name="x" * 40_000),
            b'{"type": "ticket.rated", "user": "no-stars"}',
            b'{"type": "ticket.opened"}',
        ]
        for times, value in enumerate(wrong, 5):
            for _ in range(times):
                self._traffic.produce(value)
        for reason in ("undecodable", "rule_fault", "no_identity", "refused", "too_large"):
            self.prometheus.until(f'sum(bridge_dead_letters_total{{reason="{reason}"}}) >= 5')
        self.prometheus.until('sum(bridge_records_settled_total{outcome="dropped"}) >= 5')

    def _no_place_for_letters(self) -> None:
        """The topic of dead letters is gone for a while: what needs a letter waits, and none is lost."""
        admin = self._kafka.admin()
        admin.delete_topics([self._letters])[self._letters].result(30)
        for _ in range(5):
            self._traffic.produce(_order("refused", total=1))
        self._lasts('bridge_stalled{reason="dead_letters_unavailable"} == 1')
        self.prometheus.until('sum(bridge_events_waiting{state="dead_letter"}) > 0')
        admin.create_topics([NewTopic(self._letters, 1, 1)])[self._letters].result(30)
        self._healed("dead_letters_unavailable")

    def _records_without_a_time(self) -> None:
        """A file has no broker that would know when."""
        ticket = {"type": "ticket.rated", "user": "user-1", "stars": 5}
        with (self._first.home / "tickets.jsonl").open("a") as lines:
            lines.write((json.dumps({"topic": self._topic, "json": ticket}) + "\n") * 20)
        self.prometheus.until('sum(bridge_timestamp_fallback_total{source="desk"}) == 20')

    def _slow_api(self) -> None:
        """Late answers cut the concurrency."""
        self._api.control(latency_seconds=[0.2, 0.8])
        self._lasts("bridge_concurrency_limit < 60")
        self._api.control(latency_seconds=0)

    def _api_down(self) -> None:
        self._api.control(failure_ratio=1.0)
        self._lasts("bridge_breaker_state > 0")
        self.prometheus.until('max(bridge_stalled{source="shop"}) == 1')
        self._api.control(failure_ratio=0.0)
        self._healed("breaker")

    def _throttled(self) -> None:
        self._api.control(rate_limited_ratio=1.0, retry_after_seconds=1)
        self._lasts('bridge_stalled{reason="retry_after"} == 1')
        self._api.control(rate_limited_ratio=0.0)
        self._healed("retry_after")

    def _wrong_key(self) -> None:
        self._api.control(unauthorized=True)
        self._lasts('bridge_stalled{reason="auth"} == 1')
        self.prometheus.until("sum(bridge_lanes_blocked) > 10")
        self._api.control(unauthorized=False)
        self._healed("auth")

    def _lasts(self, condition: str) -> None:
        """Wait until it was seen so often that graphs show it."""
        self.prometheus.until(f"sum(count_over_time(({condition})[1m:1s])) >= {_SEEN}")

    def _healed(self, reason: str) -> None:
        self.prometheus.until(f'max(bridge_stalled{{reason="{reason}"}}) == bool 0')
        self.prometheus.until('sum(rate(bridge_events_total{outcome="delivered"}[3s])) > 50')

    def _reloads(self) -> None:
        rules = self._first.home / "rules" / "orders.yaml"
        rules.write_text(_MISSPELT)
        self.prometheus.until('sum(bridge_config_reloads_total{outcome="refused"}) == 1')
        for home in (self._first.home, self._second.home):
            (home / "rules" / "orders.yaml").write_text(self._rules("second"))
        self.prometheus.until('sum(bridge_config_reloads_total{outcome="ok"}) == 1')

    def _second_member(self) -> None:
        """It takes half of the partitions while a user's events fail, and gives them back.

        Records that are not settled are given back after a second; what lies finished behind them is known
        to the offset map, and skipped.
        """
        self._api.control(users={"refused": 422, "user-1": 503})
        self.prometheus.until("max(bridge_commit_metadata_bytes) > 0")
        self._second.start()
        self.prometheus.until('count(bridge_partitions_assigned{source="shop"} == 2) == 2')
        self.prometheus.until("sum(bridge_records_given_back_total) > 0")
        self.prometheus.until("sum(bridge_records_skipped_total) > 0")
        self._api.control(users={"refused": 422})
        self.prometheus.until('count(rate(bridge_records_consumed_total{source="shop"}[3s]) > 0) == 2')
        self._second.stop()
        self.prometheus.until(f'max(bridge_partitions_assigned{{source="shop"}}) == {_PARTITIONS}')

    def _restart(self) -> None:
        began = "max(process_start_time_seconds)"
        before = self.prometheus.number(began)
        self._first.stop()
        self._first.start()
        self.prometheus.until(f"{began} > {before}")
        self.prometheus.until(f'max(bridge_partitions_assigned{{source="shop"}}) == {_PARTITIONS}')

    def _recover(self) -> None:
        """The backlog is gone, and what comes is delivered."""
        self.prometheus.until("sum(bridge_consumer_lag) < bool 50")
        self.prometheus.until('sum(rate(bridge_events_total{outcome="delivered"}[5s])) > 50')


class Traffic:
    """Records at a steady pace, from a thread of its own, until it is stopped."""

    def __init__(self, brokers: str, topic: str) -> None:
        self._producer = Producer({"bootstrap.servers": brokers, "linger.ms": 5})
        self._topic = topic
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traffic")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for the thread."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._producer.flush(10)

    def produce(self, value: bytes) -> None:
        """One record more."""
        self._producer.produce(self._topic, value)
        self._producer.poll(0)

    def _run(self) -> None:
        number = 0
        while not self._over.wait(_BEAT_SECONDS):
            for _ in range(_RECORDS_A_BEAT):
                number += 1
                self.produce(_record(number))


def _record(number: int) -> bytes:
    user = f"user-{number % _USERS}"
    if number % 10 == 0:
        return b'{"type": "ticket.opened"}'
    if number % 3 == 0:
        return json.dumps({"type": "ticket.rated", "user": user, "stars": number % 5 + 1}).encode()
    return _order(user, total=number)


def _order(user: str, total: float | None, name: str = "Ann") -> bytes:
    at = datetime.now(UTC).isoformat()
    order = {"type": "order.completed", "user": user, "name": name, "at": at, "total": total}
    return json.dumps({key: value for key, value in order.items() if value is not None}).encode()


@contextmanager
def told(home: Path, kafka: Kafka, rules: list[Path]) -> Iterator[Story]:
    """A story that was told, with its Prometheus still there to be asked."""
    with LocalApi(port=0) as api:
        story = Story(home, kafka, Api(api.url), rules)
        try:
            story.tell()
            yield story
        finally:
            story.close()
