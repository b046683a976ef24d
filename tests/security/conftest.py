"""A Kafka that wants to know who comes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import require
from tests.parts import kafka as kafka_part
from tests.parts.secure_kafka import SecureKafka


@pytest.fixture(scope="package")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    """One for all tests of this folder."""
    require(kafka_part.missing())
    made = SecureKafka(tmp_path_factory.mktemp("secure"))
    made.start()
    yield made
    made.stop()
