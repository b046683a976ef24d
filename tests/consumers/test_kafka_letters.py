"""Dead letters to Kafka that the client would refuse; no broker is needed to see it."""

from __future__ import annotations

import pytest

from bridge.consumers.kafka_client import KafkaPublisher


@pytest.mark.parametrize("timestamp_ms", [-(2**63) - 1, -1, 0, 2**63 - 1, 2**63, 2**64 * 1000])
def test_a_time_that_kafka_has_not_is_left_out(timestamp_ms: int) -> None:
    """A header of the letter says it; an exception would leave the record unsettled for ever."""
    publisher = KafkaPublisher({"bootstrap.servers": "127.0.0.1:1"})
    try:
        written = publisher.publish("letters", None, b"x", (("h", b"1"),), timestamp_ms)
        assert not written.done()
    finally:
        publisher.close(0.0)
