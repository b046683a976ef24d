"""What a Kafka source may say, and what it becomes."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from bridge.config import Secret
from bridge.consumers.kafka_faults import Kind, fault_of
from bridge.consumers.kafka_settings import KafkaSettings, consumer_properties
from bridge.errors import ConfigError, ConnectionLost, ConsumerError

_SASL = {
    "protocol": "SASL_SSL",
    "mechanism": "scram-sha-512",
    "username": "u",
    "password": {"env": "KAFKA_PASSWORD"},
}


def _settings(**more: Any) -> KafkaSettings:
    return KafkaSettings.model_validate({"name": "k", "brokers": "h:9092", "group": "g", **more})


@pytest.mark.parametrize(
    "name",
    [
        "enable.auto.commit",
        "enable.auto.offset.store",
        "auto.commit.interval.ms",
        "enable.partition.eof",
        "group.id",
        "bootstrap.servers",
        "auto.offset.reset",
        "error_cb",
        "stats_cb",
        "on_commit",
    ],
)
def test_a_property_that_a_guarantee_depends_on_is_refused_by_name(name: str) -> None:
    """The message names the property."""
    with pytest.raises(ValidationError, match=name):
        _settings(client={name: "x"})


def test_an_assignor_that_stops_the_whole_group_is_refused() -> None:
    """Only the incremental one may be named."""
    _settings(client={"partition.assignment.strategy": "cooperative-sticky"})
    with pytest.raises(ValidationError, match="cooperative-sticky"):
        _settings(client={"partition.assignment.strategy": "range"})


def test_any_other_property_passes_and_wins_over_our_default() -> None:
    """``client`` is for tuning."""
    properties = consumer_properties(_settings(client={"fetch.wait.max.ms": 7}), None)
    assert properties["fetch.wait.max.ms"] == 7
    assert properties["enable.auto.commit"] is False
    assert properties["auto.offset.reset"] == "error"


def test_the_next_group_protocol_gets_no_property_that_it_refuses() -> None:
    """KIP-848 keeps session and assignor at the brokers."""
    properties = consumer_properties(_settings(group_protocol="consumer", instance_id="pod-0"), None)
    assert not {"session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"} & set(
        properties
    )
    assert properties["group.instance.id"] == "pod-0"


@pytest.mark.parametrize(
    ("security", "word"),
    [
        ({"protocol": "sasl_ssl", "mechanism": "GSSAPI"}, "Kerberos"),
        ({"protocol": "sasl_ssl"}, "mechanism"),
        ({"protocol": "sasl_ssl", "mechanism": "PLAIN"}, "username"),
        ({"username": "u"}, "would not be used"),
        ({"ca": "ca.pem"}, "would not be used"),
        ({"protokol": "ssl"}, "protokol"),
    ],
)
def test_security_that_cannot_work_is_refused_with_the_remedy(security: dict[str, str], word: str) -> None:
    """Half a configuration of credentials would fail at midnight, or send nothing encrypted."""
    with pytest.raises(ValidationError, match=word):
        _settings(security=security)


def test_secrets_are_read_by_the_given_reader_and_never_shown() -> None:
    """The settings hold only where the password lies."""
    settings = _settings(security=_SASL)
    properties = consumer_properties(settings, lambda secret: f"value of {secret}")
    assert properties["sasl.password"] == "value of env KAFKA_PASSWORD"
    assert properties["sasl.mechanism"] == "SCRAM-SHA-512"
    assert "value of" not in repr(settings)


def test_a_secret_without_a_reader_is_an_error() -> None:
    """Better than an empty password."""
    with pytest.raises(ConfigError, match="KAFKA_PASSWORD"):
        consumer_properties(_settings(security=_SASL), None)


def test_a_start_time_needs_its_offset() -> None:
    """A time without a zone means another instant on another machine."""
    with pytest.raises(ValidationError, match="offset"):
        _settings(start="2026-01-31T08:00:00")
    assert _settings(start="2026-01-31T08:00:00+07:00").start != "earliest"
    assert _settings(start="latest").start == "latest"


def test_settings_hold_no_secret() -> None:
    """A secret prints as its place."""
    assert str(Secret(env="X")) == "env X"


@pytest.mark.parametrize(
    ("name", "kind", "error"),
    [
        ("_ALL_BROKERS_DOWN", Kind.UNREACHABLE, ConnectionLost),
        ("UNKNOWN_TOPIC_OR_PART", Kind.UNKNOWN_TOPIC, ConsumerError),
        ("SASL_AUTHENTICATION_FAILED", Kind.REFUSED, ConsumerError),
        ("ILLEGAL_GENERATION", Kind.NOT_MEMBER, ConnectionLost),
        ("SOMETHING_NEW", Kind.OTHER, ConnectionLost),
    ],
)
def test_each_error_code_has_one_meaning(name: str, kind: Kind, error: type[Exception]) -> None:
    """One table translates; what it does not know may pass by itself."""
    fault = fault_of(name, "text")
    assert fault.kind is kind
    assert type(fault.as_error()) is error


def test_a_certificate_that_is_not_taken_is_no_broken_network() -> None:
    """Under TLS 1.3 a broker says so when the connection stands already."""
    text = "ssl://b:1/bootstrap: Receive failed: SSL routines::tlsv13 alert certificate required"
    fault = fault_of("_TRANSPORT", text)
    assert (fault.kind, "security" in fault.remedy) == (Kind.REFUSED, True)
    assert fault_of("_TRANSPORT", "Disconnected").kind is Kind.BROKER_GONE


def test_a_fatal_error_is_fatal_whatever_its_code() -> None:
    """The library gave its instance up."""
    assert fault_of("UNKNOWN_MEMBER_ID", "text", fatal=True).kind is Kind.FATAL


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("Static consumer fenced by other consumer with same group.instance.id", "`instance_id`"),
        ("The instance ID is still used by another member in the consumer group", "wait for its session"),
        ("The group id does not exist: ConsumerGroupHeartbeat fatal error", "group_protocol: classic"),
        ("something new", ""),
    ],
)
def test_a_consumer_that_was_given_up_says_what_to_do(text: str, remedy: str) -> None:
    """One code tells a consumer of its end, for all causes."""
    fault = fault_of("_FATAL", f"Fatal error: Broker: {text}")
    assert fault.kind is Kind.FATAL
    assert remedy in fault.remedy
    assert bool(remedy) == bool(fault.remedy)
