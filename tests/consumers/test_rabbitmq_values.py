"""What RabbitMQ's consumer decides without a broker: tags, header values, faults, settings, backoff."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika import exceptions
from pydantic import ValidationError

from bridge.config import Secret, Tls
from bridge.consumers.rabbitmq import RabbitSettings
from bridge.consumers.rabbitmq_client import Connection, Loop, fault_of, parameters_of
from bridge.consumers.rabbitmq_dialer import Dialer, backoff_seconds, place_of
from bridge.consumers.rabbitmq_faults import (
    Fault,
    Kind,
    is_single_active,
    is_transient,
    max_message_bytes,
)
from bridge.consumers.rabbitmq_frames import Delivery
from bridge.consumers.rabbitmq_records import deliveries_of, header_bytes, header_table, record_of
from bridge.consumers.rabbitmq_settings import Address, address_of
from bridge.consumers.rabbitmq_tags import Tags
from bridge.errors import ConfigError, ConsumerError
from bridge.model import Stream

SECRET = "hunter2"
_PROBED = "inequivalent arg 'x-single-active-consumer' for queue 'q' in vhost '/'"


class Broker:
    """Outstanding tags as RabbitMQ keeps them: an ack for one that is not there closes the channel."""

    def __init__(self, tags: list[int]) -> None:
        self.outstanding = set(tags)

    def ack(self, tag: int, multiple: bool) -> None:
        assert tag in self.outstanding, f"unknown delivery tag {tag}"
        self.outstanding -= {one for one in self.outstanding if one <= tag} if multiple else {tag}


@given(st.data(), st.integers(1, 60))
def test_acks_settle_exactly_what_is_done(data: st.DataObject, count: int) -> None:
    """Whatever the order and the batches: the broker never refuses, and keeps what is not settled."""
    tags = Tags()
    tags.delivered(range(1, count + 1))
    broker, settled = Broker(list(range(1, count + 1))), set[int]()
    for batch in data.draw(st.lists(st.lists(st.integers(1, count + 5), max_size=20), max_size=12)):
        for ack in tags.settle(batch):
            broker.ack(ack.tag, ack.multiple)
        settled.update(batch)
        assert broker.outstanding == set(range(1, count + 1)) - settled
        assert len(tags) == len(broker.outstanding)


def test_a_run_from_the_oldest_is_one_ack() -> None:
    """A thousand records settled in order cost one frame."""
    tags = Tags()
    tags.delivered(range(1, 1001))
    assert [tuple(ack) for ack in tags.settle(range(1, 1001))] == [(1000, True)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("Đà Nẵng", "Đà Nẵng".encode()),
        (b"\xff", b"\xff"),
        (True, b"true"),
        (7, b"7"),
        (Decimal("1.50"), b"1.50"),
        (datetime(2026, 1, 31, 8, tzinfo=UTC), b"2026-01-31T08:00:00Z"),
        ([{"count": 2, "reason": "expired", "at": datetime(2026, 1, 31, tzinfo=UTC)}],
         b'[{"count":2,"reason":"expired","at":"2026-01-31T00:00:00Z"}]'),
        ({"raw": b"\xffa"}, b'{"raw":"\\\\xffa"}'),
    ],
)  # fmt: skip
def test_a_header_value_becomes_text(value: object, text: bytes | None) -> None:
    """Every type of an AMQP table has one form that a rule can read."""
    assert header_bytes(value) == text


def test_headers_survive_a_table_but_for_repeated_names() -> None:
    """UTF-8 travels as text, other bytes as bytes; a repeated name becomes a list."""
    headers = (("a", b"1"), ("b", b"\xff"), ("c", None), ("a", b"2"))
    assert header_table(headers) == {"a": ["1", "2"], "b": b"\xff", "c": None}


@given(st.dictionaries(st.text(max_size=20), st.none() | st.binary(max_size=40), max_size=6))
def test_header_values_come_back_as_they_were(headers: dict[str, bytes | None]) -> None:
    """A dead letter read again has the headers of the original."""
    table = header_table(tuple(headers.items()))
    assert {name: header_bytes(value) for name, value in table.items()} == headers


def _delivery(**changes: Any) -> Delivery:
    plain = Delivery(3, False, "shop.orders", b"{}", {}, None, None, None, None)
    return plain._replace(**changes)


def test_a_nonce_is_drawn_only_where_the_message_has_no_id() -> None:
    """An id of its own outlives a redelivery; the nonce is for messages that have none."""
    drawn: list[int] = []

    def draw() -> str:
        drawn.append(1)
        return "nonce"

    stream = Stream("s", "q")
    assert record_of(_delivery(), stream, 1, draw).nonce == "nonce"
    assert record_of(_delivery(message_id="m1"), stream, 1, draw).nonce == ""
    assert len(drawn) == 1


def test_a_timestamp_in_seconds_becomes_ms() -> None:
    """AMQP counts seconds, a record ms; none stays none."""
    stream = Stream("s", "q")
    assert (
        record_of(_delivery(timestamp_seconds=1_700_000_000), stream, 1, str).timestamp_ms
        == 1_700_000_000_000
    )
    assert record_of(_delivery(), stream, 1, str).timestamp_ms is None
    most = (2**63 - 1) // 1000
    assert record_of(_delivery(timestamp_seconds=most), stream, 1, str).timestamp_ms == most * 1000
    assert record_of(_delivery(timestamp_seconds=most + 1), stream, 1, str).timestamp_ms is None


def _lost_to(text: str) -> Exception:
    """As pika tells of a connection that ended before AMQP began."""
    return exceptions.IncompatibleProtocolError(f"StreamLostError: (\"lost: SSLError(1, '{text}')\",)")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (exceptions.ChannelClosedByBroker(404, "NOT_FOUND - no queue 'q' in vhost '/'"), Kind.MISSING),
        (exceptions.ChannelClosedByBroker(403, "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use"),
         Kind.HELD),
        (exceptions.ChannelClosedByBroker(403, "ACCESS_REFUSED - access to queue 'q' refused"), Kind.DENIED),
        (exceptions.ChannelClosedByBroker(405, "RESOURCE_LOCKED - q"), Kind.HELD),
        (exceptions.ChannelClosedByBroker(406, "PRECONDITION_FAILED - x"), Kind.PRECONDITION),
        (exceptions.ConnectionClosedByBroker(320, "CONNECTION_FORCED - bye"), Kind.GONE),
        (exceptions.ConnectionClosedByBroker(403, "ACCESS_REFUSED - Login was refused"), Kind.LOGIN),
        (exceptions.ConnectionClosedByBroker(530, "NOT_ALLOWED - vhost x not found"), Kind.LOGIN),
        (exceptions.AMQPConnectionError(exceptions.AMQPHeartbeatTimeout("late")), Kind.GONE),
        (exceptions.ProbableAuthenticationError("x"), Kind.LOGIN),
        (exceptions.IncompatibleProtocolError("x"), Kind.PROTOCOL),
        (exceptions.StreamLostError("eof"), Kind.GONE),
        (ConnectionRefusedError(111, "refused"), Kind.UNREACHABLE),
        (socket.gaierror(-2, "unknown"), Kind.UNREACHABLE),
        (TimeoutError(), Kind.UNREACHABLE),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), Kind.PROTOCOL),
        (ssl.SSLCertVerificationError(1, "certificate verify failed"), Kind.TLS),
        (_lost_to("[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required"), Kind.TLS),
        (_lost_to("[SSL: SSLV3_ALERT_CERTIFICATE_EXPIRED] sslv3 alert certificate expired"), Kind.TLS),
        (_lost_to("[SSL: TLSV1_ALERT_PROTOCOL_VERSION] tlsv1 alert protocol version"), Kind.PROTOCOL),
    ],
)  # fmt: skip
def test_every_error_of_the_client_is_translated(error: BaseException, kind: Kind) -> None:
    """What happened decides what is done; what an operator can mend names a remedy."""
    fault = fault_of(error)
    assert fault.kind is kind
    assert fault.text
    assert fault.remedy or kind in (Kind.GONE, Kind.HELD, Kind.PRECONDITION)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (f"{_PROBED}: received '0' but current is 'true'", True),
        (f"{_PROBED}: received the value '0' but current is the value 'true' of type 'bool'", True),
        (f"{_PROBED}: received the value '0' of type 'signedint' but current is none", False),
        ("inequivalent arg 'durable' for queue 'q': received 'true' but current is 'false'", None),
        ("access to queue 'q' in vhost '/' refused for user 'u'", None),
    ],
)  # fmt: skip
def test_a_refused_probe_tells_how_a_queue_is_consumed(text: str, answer: bool | None) -> None:
    """Read from the texts of RabbitMQ 3.10 and 4.x."""
    assert is_single_active(text) is answer
    assert is_transient(text) is ("durable" in text)


def test_the_size_limit_is_read_from_the_refusal() -> None:
    """Only a message above the limit will never be taken."""
    text = "PRECONDITION_FAILED - message size 300 is larger than configured max size 128"
    assert max_message_bytes(text) == 128
    assert max_message_bytes("anything else") is None


def test_backoff_begins_within_half_a_second_and_ends_at_thirty() -> None:
    """The first retry is soon, none waits longer than the cap, jitter spreads replicas."""
    assert backoff_seconds(1, 0.999) <= 0.5
    assert max(backoff_seconds(n, 0.999) for n in range(1, 2000)) <= 30.0
    waits = [backoff_seconds(n, 0.0) for n in range(1, 8)]
    assert all(a < b for a, b in pairwise(waits))
    assert backoff_seconds(3, 0.0) < backoff_seconds(3, 0.5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://broker"},
        {"url": f"amqp://guest:{SECRET}@broker/"},
        {"url": "amqp://broker/", "tls": {}},
        {"url": "amqps://broker/", "tls": {"cert": "c.pem"}},
        {"url": "amqp://broker/", "password": {"env": "P"}},
        {"url": "amqp://broker/", "prefetch": 0},
        {"url": "amqp://broker/", "queue": ["q"]},
    ],
)
def test_unsafe_settings_are_refused(wrong: dict[str, Any]) -> None:
    """A configuration that would not do what it says does not load, and no error shows its values."""
    with pytest.raises(ValidationError) as caught:
        RabbitSettings.model_validate({"name": "s", "type": "rabbitmq", "queues": ["q"], **wrong})
    assert SECRET not in str(caught.value)


def test_an_address_shows_no_secret() -> None:
    """Neither printed nor in errors."""
    url = Secret(env="AMQP_URL")
    address = address_of(url, None, None, None, name="x", read_secret=lambda _: f"amqp://u:{SECRET}@h/")
    assert SECRET not in repr(address)
    with pytest.raises(ConfigError):
        address_of(url, None, None, None, name="x", read_secret=None)
    for broken in (
        f"amqp://u:{SECRET}@h:port/",
        f"http://u:{SECRET}@h/",
        f"{SECRET}",
        f"amqp://u:{SECRET}@/",
    ):
        for read in (parameters_of, lambda one: place_of(one.url)):
            with pytest.raises(ConfigError) as caught:
                read(address._replace(url=broken))
            assert SECRET not in str(caught.value)
            assert caught.value.__cause__ is caught.value.__context__ is None


def test_a_url_that_is_none_is_a_fault_like_others() -> None:
    """A password with a slash in it makes the URL another: the thread lives on, and tells no part of it."""
    loop, said = Loop(), list[str]()

    class Operator:
        def connected(self, connection: Connection) -> None:
            raise AssertionError(connection)

        def disconnected(self, fault: Fault) -> None:
            said.append(str(fault))
            loop.stop()

    address = Address("amqp://user:hunter/2@broker/", None, None, None, "x")
    loop.soon(Dialer(loop, lambda: address, Operator(), lambda: 0.0).dial)
    loop.run()
    assert "no AMQP URL" in said[0]
    assert "hunter" not in said[0]


def test_user_and_tls_are_taken_over() -> None:
    """``username`` goes before the URL's; TLS files that are missing are named."""
    address = Address("amqps://u:w@h:5671/v", "me", SECRET, None, "x")
    parameters = parameters_of(address)
    credentials: Any = parameters.credentials
    assert (credentials.username, credentials.password) == ("me", SECRET)
    assert (parameters.host, parameters.port, parameters.virtual_host) == ("h", 5671, "v")
    with pytest.raises(ConsumerError, match="tls"):
        parameters_of(address._replace(tls=Tls.model_validate({"ca": "/nowhere/ca.pem"})))


@pytest.mark.parametrize(
    ("headers", "redelivered", "count"),
    [
        ({"x-delivery-count": 18}, True, 18),
        ({"x-delivery-count": 18}, False, 0),
        ({}, True, 0),
        ({"x-delivery-count": "many"}, True, 0),
        ({"x-delivery-count": -1}, True, 0),
    ],
)
def test_deliveries_are_counted_where_the_queue_counts_them(
    headers: dict[str, Any], redelivered: bool, count: int
) -> None:
    """Quorum queues do; a header of that name that somebody wrote is not believed of a first delivery."""
    delivery = Delivery(1, redelivered, "", b"{}", headers, "id", None, None, None)
    assert deliveries_of(record_of(delivery, Stream("s", "q"), 1, str)) == count
