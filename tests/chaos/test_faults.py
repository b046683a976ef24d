"""Breaks things while records flow, in the short form; ``scripts/chaos`` is the long one."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.chaos import faults_clock
from tests.chaos.books import Row
from tests.chaos.catalogue import OVER_KAFKA, OVER_RABBITMQ, SHORT_OVER_RABBITMQ
from tests.chaos.faults import Fault
from tests.chaos.faults_api import API_FAULTS
from tests.chaos.faults_letters import can_mount
from tests.chaos.kafka_arena import KafkaArena
from tests.chaos.page import table
from tests.chaos.rabbitmq_arena import RabbitArena
from tests.chaos.stage import Stage
from tests.conftest import require
from tests.parts import kafka as kafka_part
from tests.parts import rabbitmq as rabbitmq_part
from tests.parts import toxiproxy as toxiproxy_part

SEED = int(os.environ.get("CHAOS_SEED", "20261126"))
logging.getLogger("pika").setLevel(logging.CRITICAL)  # its accounts of a broken connection fill pages
_KAFKA = [fault for fault in OVER_KAFKA if fault.in_short]
_RABBITMQ = [
    fault
    for fault in OVER_RABBITMQ
    if (fault.name in SHORT_OVER_RABBITMQ if fault in API_FAULTS else fault.in_short)
]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Parts that these tests share."""
    made = Stage(tmp_path_factory.mktemp("chaos"), seed=SEED, is_long=False)
    yield made
    made.close()


def need(fault: Fault[Any]) -> None:
    """Skip, or fail in CI, where a part is missing."""
    if fault.setting.proxied:
        require(toxiproxy_part.missing())
    if fault.setting.letters == "disk":
        require(can_mount())
    if fault in faults_clock.CLOCK_FAULTS:
        require(faults_clock.missing())


def judge(fault: Fault[Any], row: Row, report: Callable[[str], None]) -> None:
    """Nothing lost, order kept, every duplicate explained, every look balanced, and it said why."""
    report(table([row]).splitlines()[-1])
    assert row.is_clean, f"{row} (seed {SEED})"
    assert row.looks > 0
    assert not fault.reasons or set(fault.reasons) & set(row.reasons)


@pytest.mark.kafka
@pytest.mark.parametrize("fault", _KAFKA, ids=lambda fault: fault.name)
def test_over_kafka(fault: Fault[KafkaArena], stage: Stage, report: Callable[[str], None]) -> None:
    """One line of the table."""
    require(kafka_part.missing())
    need(fault)
    judge(fault, stage.run_kafka(fault), report)


# pika leaves the sockets of a connection that broke, or was never made, to the collector: it comes at once,
# so that no other test is blamed for them.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.rabbitmq
@pytest.mark.parametrize("fault", _RABBITMQ, ids=lambda fault: fault.name)
def test_over_rabbitmq(fault: Fault[RabbitArena], stage: Stage, report: Callable[[str], None]) -> None:
    """One line of the table."""
    require(rabbitmq_part.missing())
    need(fault)
    judge(fault, stage.run_rabbitmq(fault), report)
    gc.collect()
