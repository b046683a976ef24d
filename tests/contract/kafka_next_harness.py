"""The contract suite on a real Kafka, with the group protocol of KIP-848."""

from __future__ import annotations

import pytest

from tests.contract.kafka_harness import KafkaHarness, open_kafka


def open_harness(request: pytest.FixtureRequest, *, own_broker: bool) -> KafkaHarness:
    """``group_protocol: consumer``."""
    return open_kafka(request, "consumer", own_broker=own_broker)
