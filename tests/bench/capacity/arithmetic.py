"""From a wanted rate to what it takes. Pure.

Little's law is most of it: what is in flight is rate × time in flight. The rest is division by what one
process was measured to do, at half of which it is planned to run.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from bridge.config import Batch, Destination, Limits
from tests.bench.capacity.figures import Figures

_LIMITS = Limits()
_MAX_WAIT_SECONDS = Batch().max_wait
_QUICK_SECONDS = 0.02
_MIB = 2**20


@dataclass(frozen=True)
class Assumptions:
    """What nobody measured.

    Attributes:
        load: share of what a pod can do that it is planned for; the rest catches up, and takes over.
        least_pods: so that one may go.
        partitions_a_pod: room to have as many times the pods later.
        record_bytes: as the broker sends it, not compressed.
        body_bytes: of an event.
        head_bytes: of a request and its answer, each request.
        core_hour: price of a core that is requested for an hour; a pod requests one.
        gib_hour: price of a GiB of memory for an hour.
        hours: of a month.
    """

    load: float = 0.5
    least_pods: int = 2
    partitions_a_pod: int = 2
    record_bytes: int = 700
    body_bytes: int = 750
    head_bytes: int = 300
    core_hour: float = 0.04
    gib_hour: float = 0.005
    hours: int = 730


@dataclass(frozen=True)
class Demand:
    """What is wanted; a ``batch`` is the most events of a request, 1 is one each."""

    events_per_second: int
    batch: int
    latency_seconds: float


@dataclass(frozen=True)
class Plan:
    """What it takes, of all pods together unless said otherwise."""

    demand: Demand
    requests_per_second: float
    events_in_flight: float
    users: int
    event_us: float
    pod_per_second: float
    bound: str
    pods: int
    max_in_flight: int
    connections: int
    partitions: int
    cores: float
    memory_gib: float
    broker_mb_per_second: float
    api_mb_per_second: float
    waiting_after_kill: float
    caught_up_seconds: float | None
    month: float


def plan_of(demand: Demand, figures: Figures, assumed: Assumptions) -> Plan:
    """All of it; ``caught_up_seconds`` is None where the pods that inherit have nothing to spare."""
    rate, latency = demand.events_per_second, demand.latency_seconds
    event_us = _event_us(demand, figures)
    bound, pod_rate = _pod_rate(demand, figures, event_us)
    pods = max(assumed.least_pods, ceil(rate / (assumed.load * pod_rate)))
    share = rate / pods
    together = min(demand.batch, max(1.0, share * _MAX_WAIT_SECONDS))
    requests = rate / together
    in_flight = _max_in_flight(requests, pods, latency, figures, assumed)
    memory_gib = pods * (2 * _LIMITS.buffer / _MIB + 128) / 1024
    waiting = share * figures.takeover_seconds
    left_rate = min(pod_rate, in_flight * together * figures.in_flight_share / latency)
    partitions = max(6, pods * assumed.partitions_a_pod)
    heirs = min(pods - 1, ceil(partitions / pods))
    spare = heirs * left_rate - share * (heirs + 1)
    return Plan(
        demand=demand,
        requests_per_second=requests,
        events_in_flight=rate * latency,
        users=ceil(requests * latency),
        event_us=event_us,
        pod_per_second=pod_rate,
        bound=bound,
        pods=pods,
        max_in_flight=in_flight,
        connections=pods * in_flight,
        partitions=partitions,
        cores=rate * event_us / 1e6,
        memory_gib=memory_gib,
        broker_mb_per_second=rate * assumed.record_bytes / 1e6,
        api_mb_per_second=(rate * assumed.body_bytes + requests * assumed.head_bytes) / 1e6,
        waiting_after_kill=waiting,
        caught_up_seconds=waiting / spare if spare > 0 else None,
        month=(pods * assumed.core_hour + memory_gib * assumed.gib_hour) * assumed.hours,
    )


def _max_in_flight(requests: float, pods: int, latency: float, figures: Figures, assumed: Assumptions) -> int:
    """Of one pod: for its share when another is gone, and as much again; no more than was tried."""
    share = requests / max(1, pods - 1)
    wanted = ceil(share / assumed.load * latency)
    return int(min(max(Destination.model_fields["max_in_flight"].default, wanted), figures.in_flight))


def _event_us(demand: Demand, figures: Figures) -> float:
    """Arrays were measured without latency only: they are charged what latency adds to an event alone."""
    slow = demand.latency_seconds > _QUICK_SECONDS
    single = figures.single_100_ms_us if slow else figures.single_20_ms_us
    return single if demand.batch == 1 else figures.array_us * single / figures.single_us


def _pod_rate(demand: Demand, figures: Figures, event_us: float) -> tuple[str, float]:
    """What one pod can do, and what keeps it from more."""
    latency = demand.latency_seconds
    bounds = {
        "CPU": min(
            1e6 / event_us, figures.single_per_second if demand.batch == 1 else figures.array_per_second
        ),
        "in flight": figures.in_flight * demand.batch * figures.in_flight_share / latency,
        "room": _LIMITS.records_in_flight / latency,
    }
    bound = min(bounds, key=lambda name: bounds[name])
    return bound, bounds[bound]


@dataclass(frozen=True)
class Queues:
    """What it takes at RabbitMQ: queues with one active consumer each, and how many messages each has out."""

    demand: Demand
    queues: int
    prefetch: int


def queues_of(demand: Demand, figures: Figures, assumed: Assumptions) -> Queues:
    """By what one quorum queue gave; the prefetch is Little's law for twice a queue's share."""
    queues = ceil(demand.events_per_second / (assumed.load * figures.queue_per_second))
    share = demand.events_per_second / queues
    return Queues(demand, queues, max(500, ceil(share / assumed.load * demand.latency_seconds)))
