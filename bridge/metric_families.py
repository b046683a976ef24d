"""Every series of the bridge, as data: name, type, help, labels, and the closed sets of labels.

Names are given without the prefix ``bridge_``. They are an interface: dashboards and alerts use them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bridge.model import Outcome, Reason

PREFIX = "bridge_"

CounterName = Literal[
    "records_consumed_total",
    "records_settled_total",
    "records_given_back_total",
    "records_skipped_total",
    "events_created_total",
    "events_total",
    "requests_total",
    "retries_total",
    "dead_letters_total",
    "dead_letter_failures_total",
    "rule_faults_total",
    "schema_fetches_total",
    "rebalances_total",
    "commits_total",
    "commit_metadata_ignored_total",
    "offsets_lost_total",
    "timestamp_fallback_total",
    "event_id_weak_total",
    "config_reloads_total",
]
GaugeName = Literal[
    "records_unaccounted",
    "records_in_flight",
    "events_waiting",
    "buffer_bytes",
    "consumer_lag",
    "oldest_unsettled_timestamp_seconds",
    "partitions_assigned",
    "partitions_paused",
    "partitions_unordered",
    "commit_metadata_bytes",
    "commit_age_seconds",
    "dead_letter_budget",
    "lanes_blocked",
    "loop_lag_seconds",
    "consumer_thread_last_progress_timestamp_seconds",
    "concurrency_limit",
    "requests_in_flight",
    "breaker_state",
    "stalled",
    "source_connected",
    "last_delivery_timestamp_seconds",
    "rules_info",
    "config_last_reload_successful",
    "build_info",
]
HistogramName = Literal[
    "request_duration_seconds",
    "delivery_latency_seconds",
    "event_age_seconds",
    "rule_duration_seconds",
]
MetricName = CounterName | GaugeName | HistogramName


@dataclass(frozen=True, slots=True)
class Family:
    """One metric.

    ``closed`` maps a label to all values it may have, ``foreseen`` to those that begin at 0 although there
    may be others; the other labels come from the config.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    closed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    foreseen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    bounds: tuple[float, ...] = ()

    @property
    def open_labels(self) -> frozenset[str]:
        """The labels whose values only the configuration knows."""
        return frozenset(self.labels) - self.closed.keys() - self.foreseen.keys()


_EVENT_TYPES = {"event_type": ("identify", "track")}
_RECORD_OUTCOMES = {"outcome": tuple(outcome.value for outcome in Outcome)}
_EVENT_OUTCOMES = {"outcome": ("delivered", "dead_lettered", "abandoned")}
_FETCHES = {"outcome": ("ok", "unusable", "unknown", "unavailable")}
_REASONS = {"reason": tuple(reason.value for reason in Reason)}
_FAULTS = {
    "reason": (
        Reason.RULE_FAULT.value,
        Reason.NO_IDENTITY.value,
        Reason.INVALID_PAYLOAD.value,
        Reason.TOO_LARGE.value,
        Reason.UNDECODABLE.value,
    )
}
_GIVEN_BACK = {"kind": ("revoked", "lost")}
_REBALANCES = {"kind": ("assigned", "revoked", "lost")}
_COMMITS = {"outcome": ("ok", "failed", "fenced")}
_RELOADS = {"outcome": ("ok", "refused")}

_FAILURES = ("network", "connect", "connect_timeout", "pool_timeout", "timeout")
_RETRIES = {
    "reason": (
        *_FAILURES,
        *("server_error", "rate_limit", "too_early", "multi_status", "auth", "address", "html"),
    )
}
_CODES = {
    "code": (
        *_FAILURES,
        *("200", "400", "401", "403", "404", "408", "413", "422", "429", "500", "502", "503", "504"),
    )
}

# A promise such as "delivered within 5 s" needs 5 s as a bound; latencies reach hours in an outage.
_REQUEST_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0)
_LATENCY_BOUNDS = (
    *(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
    *(60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0),
)
_RULE_BOUNDS = (1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 5e-2, 0.1, 0.5)


def _counter(
    name: CounterName,
    text: str,
    *labels: str,
    closed: Mapping[str, tuple[str, ...]] | None = None,
    foreseen: Mapping[str, tuple[str, ...]] | None = None,
) -> Family:
    return Family(name, "counter", text, labels, closed or {}, foreseen or {})


def _gauge(name: GaugeName, text: str, *labels: str) -> Family:
    return Family(name, "gauge", text, labels)


def _histogram(name: HistogramName, text: str, bounds: tuple[float, ...], *labels: str) -> Family:
    return Family(name, "histogram", text, labels, bounds=bounds)


_ALL = (
    _counter("records_consumed_total", "Records handed over by the source's consumer.", "source"),
    _counter(
        "records_settled_total",
        "Records that are done with, by the worst outcome of their events.",
        *("source", "outcome"),
        closed=_RECORD_OUTCOMES,
    ),
    _counter(
        "records_given_back_total",
        "Records that another member or a later delivery takes over (revoked, lost, requeued, channel gone).",
        *("source", "kind"),
        closed=_GIVEN_BACK,
    ),
    _counter("records_skipped_total", "Records finished before, by the offset map.", "source"),
    _gauge("records_unaccounted", "Records consumed and not settled, given back, skipped or in flight: 0."),
    _gauge("records_in_flight", "Records with an open ticket.", "source"),
    _counter("events_created_total", "Events that rules made.", *("rule", "event_type"), closed=_EVENT_TYPES),
    _counter(
        "events_total",
        "Events that came to an end.",
        *("rule", "event_type", "destination", "outcome"),
        closed={**_EVENT_TYPES, **_EVENT_OUTCOMES},
    ),
    _gauge("events_waiting", "Events not yet final, by what they wait for.", "destination", "state"),
    _gauge("buffer_bytes", "Bytes of records in flight.", "source"),
    _counter(
        "requests_total",
        "Requests that ended, by status or kind of failure.",
        *("destination", "code"),
        foreseen=_CODES,
    ),
    _histogram("request_duration_seconds", "Time of one request.", _REQUEST_BOUNDS),
    _histogram(
        "delivery_latency_seconds", "From the broker's timestamp to acceptance.", _LATENCY_BOUNDS, "source"
    ),
    _histogram("event_age_seconds", "From the event's own time to acceptance.", _LATENCY_BOUNDS),
    _counter("retries_total", "Attempts after the first.", *("destination", "reason"), foreseen=_RETRIES),
    _counter("dead_letters_total", "Dead letters confirmed.", *("source", "reason"), closed=_REASONS),
    _counter("dead_letter_failures_total", "Dead letters that could not be written; they are tried again."),
    _counter(
        "rule_faults_total",
        "Records a rule could not turn into events.",
        *("rule", "reason"),
        closed=_FAULTS,
    ),
    _counter("schema_fetches_total", "Questions to the schema registry.", "outcome", closed=_FETCHES),
    _histogram(
        "rule_duration_seconds",
        "Time of one rule on one record; one record in 61 is timed.",
        _RULE_BOUNDS,
        "rule",
    ),
    _gauge("consumer_lag", "Records behind the end of the partition.", "source", "topic", "partition"),
    _gauge("oldest_unsettled_timestamp_seconds", "Broker time of the oldest record in flight.", "source"),
    _gauge("partitions_assigned", "Partitions or queues this replica has.", "source"),
    _gauge("partitions_paused", "Of these, the ones not read now.", "source"),
    _gauge("partitions_unordered", "Of these, queues whose order across replicas is not promised.", "source"),
    _counter("rebalances_total", "Assignments and revocations.", "source", "kind", closed=_REBALANCES),
    _counter("commits_total", "Commits of positions.", "source", "outcome", closed=_COMMITS),
    _gauge("commit_metadata_bytes", "Size of the largest commit metadata.", "source"),
    _counter(
        "commit_metadata_ignored_total",
        "Commit metadata of no use: foreign, too new, corrupt, of another log.",
        *("source", "reason"),
        closed={"reason": ("foreign", "too_new", "corrupt", "other_log")},
    ),
    _gauge("commit_age_seconds", "Time since the last commit that was accepted.", "source"),
    _counter("offsets_lost_total", "Positions the broker no longer had.", "source"),
    _gauge("dead_letter_budget", "Dead letters a rule may still cause.", "rule", "destination"),
    _gauge("lanes_blocked", "Lanes that wait because their destination is blocked.", "destination"),
    _counter("timestamp_fallback_total", "Events without any time of their own.", "source"),
    _counter("event_id_weak_total", "Records without a lasting identity.", "source"),
    _gauge("loop_lag_seconds", "How late the loop's last turn was."),
    _gauge("consumer_thread_last_progress_timestamp_seconds", "Last turn of the consumer thread.", "source"),
    _gauge("concurrency_limit", "Requests that may be in flight.", "destination"),
    _gauge("requests_in_flight", "Requests that are in flight.", "destination"),
    _gauge("breaker_state", "0 closed, 1 half open, 2 open.", "destination"),
    _gauge("stalled", "1 while something waits for this reason.", "source", "destination", "reason"),
    _gauge("source_connected", "1 while the broker is connected.", "source"),
    _gauge("last_delivery_timestamp_seconds", "Time of the last acceptance.", "destination"),
    _gauge("rules_info", "1 for the rules in force.", "hash"),
    _counter("config_reloads_total", "Reloads of rules and configuration.", "outcome", closed=_RELOADS),
    _gauge("config_last_reload_successful", "1 when the last reload was taken."),
    _gauge("build_info", "1 for this version.", "version", "python"),
)

FAMILIES: Mapping[str, Family] = {family.name: family for family in _ALL}
