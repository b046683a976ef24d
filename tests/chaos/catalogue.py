"""All faults, by broker."""

from __future__ import annotations

from collections.abc import Sequence

from tests.chaos.faults import Fault
from tests.chaos.faults_api import API_FAULTS
from tests.chaos.faults_clock import CLOCK_FAULTS
from tests.chaos.faults_kafka import KAFKA_FAULTS
from tests.chaos.faults_kafka_log import LOG_FAULTS
from tests.chaos.faults_letters import LETTER_FAULTS, RABBITMQ_LETTER_FAULTS
from tests.chaos.faults_process import KAFKA_PROCESS, RABBITMQ_PROCESS
from tests.chaos.faults_rabbitmq import RABBITMQ_FAULTS
from tests.chaos.kafka_arena import KafkaArena
from tests.chaos.rabbitmq_arena import RabbitArena

OVER_KAFKA: Sequence[Fault[KafkaArena]] = (
    *KAFKA_PROCESS,
    *KAFKA_FAULTS,
    *LOG_FAULTS,
    *LETTER_FAULTS,
    *API_FAULTS,
    *CLOCK_FAULTS,
)
OVER_RABBITMQ: Sequence[Fault[RabbitArena]] = (
    *RABBITMQ_PROCESS,
    *RABBITMQ_FAULTS,
    *RABBITMQ_LETTER_FAULTS,
    *API_FAULTS,
)
SHORT_OVER_RABBITMQ = {"API down", "API 401 and back", "API closes behind the body, accepted"}
"""Of the API's faults, which are the same over both brokers, those that CI runs over this one too."""
