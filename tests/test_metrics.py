"""What is counted is shown, under the names that dashboards use."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text

from bridge.metric_families import FAMILIES
from bridge.metrics import OVERFLOW, Board, Snapshot, exposition
from bridge.model import Outcome, Reason
from bridge.send.answers import failure_of
from bridge.send.verdict import Answer, judge


def board(**settings: int) -> Board:
    clock = iter(range(100, 1000))
    return Board(monotonic=lambda: float(next(clock)), now=lambda: 1_700_000_000.0, **settings)


def samples(snapshot: Snapshot) -> Iterator[tuple[str, dict[str, str], float]]:
    for family in parse_text(exposition(snapshot)[0].decode()):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value


def shown(snapshot: Snapshot, name: str, **labels: str) -> float | None:
    return next((v for n, found, v in samples(snapshot) if n == name and found == labels), None)


DESIGNED = """
records_consumed_total{source} records_settled_total{source,outcome} records_given_back_total{source,kind}
records_skipped_total{source} records_unaccounted records_in_flight{source}
events_created_total{rule,event_type} events_total{rule,event_type,destination,outcome}
events_waiting{destination,state} buffer_bytes{source} requests_total{destination,code}
request_duration_seconds delivery_latency_seconds{source} event_age_seconds
retries_total{destination,reason} dead_letters_total{source,reason} dead_letter_failures_total
rule_faults_total{rule,reason} rule_duration_seconds{rule} consumer_lag{source,topic,partition}
oldest_unsettled_timestamp_seconds{source} partitions_assigned{source} partitions_paused{source}
rebalances_total{source,kind} commits_total{source,outcome} commit_metadata_bytes{source}
commit_metadata_ignored_total{source,reason} commit_age_seconds{source} offsets_lost_total{source}
dead_letter_budget{rule,destination}
lanes_blocked{destination} timestamp_fallback_total{source} event_id_weak_total{source} loop_lag_seconds
consumer_thread_last_progress_timestamp_seconds{source} concurrency_limit{destination}
requests_in_flight{destination} breaker_state{destination} stalled{source,destination,reason}
source_connected{source} last_delivery_timestamp_seconds{destination} rules_info{hash}
config_reloads_total{outcome} config_last_reload_successful build_info
"""
ADDED = "schema_fetches_total{outcome} partitions_unordered{source}"


def test_every_designed_name_is_declared_with_its_labels() -> None:
    """Names and labels are an interface; only ``build_info`` adds labels of its own."""
    designed = dict(re.findall(r"(\w+)(?:\{([\w,]+)\})?", DESIGNED + ADDED))
    declared = {name: ",".join(family.labels) for name, family in FAMILIES.items()}
    assert {**declared, "build_info": ""} == designed


def test_counting_is_an_addition_to_a_cell() -> None:
    """A cell fetched once counts for good; asking again gives the same cell."""
    b = board()
    cell = b.counter("records_settled_total", source="shop", outcome="delivered")
    cell.value += 2
    b.counter("records_settled_total", outcome="delivered", source="shop").value += 1
    assert shown(b.publish(), "bridge_records_settled_total", source="shop", outcome="delivered") == 3


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("no_such_total", {}),
        ("records_in_flight", {"source": "shop"}),
        ("records_settled_total", {"source": "shop"}),
        ("records_consumed_total", {"source": "shop", "topic": "x"}),
        ("records_settled_total", {"source": "shop", "outcome": "lost"}),
    ],
)
def test_undeclared_names_and_labels_are_refused(name: str, labels: dict[str, str]) -> None:
    """A typo is found by the first test that runs the line, if not by the type checker."""
    with pytest.raises(KeyError):
        board().counter(name, **labels)  # type: ignore[arg-type]


def test_a_snapshot_is_one_instant() -> None:
    """What is counted after it does not show in it, also not in histograms."""
    b = board()
    cell, spread = b.counter("records_consumed_total", source="shop"), b.histogram("event_age_seconds")
    cell.value += 1
    spread.observe(1)
    snapshot = b.publish()
    cell.value += 1
    spread.observe(1)
    assert snapshot.value("records_consumed_total", source="shop") == 1
    assert shown(snapshot, "bridge_event_age_seconds_count") == 1
    assert b.latest() is snapshot
    assert b.publish().value("records_consumed_total", source="shop") == 2


def test_a_snapshot_knows_when_it_was_taken() -> None:
    """Liveness compares the monotonic time."""
    b = board()
    first, second = b.publish(), b.publish()
    assert (second.taken_seconds - first.taken_seconds, first.taken_at_seconds) == (1, 1_700_000_000)


def test_known_series_begin_at_zero() -> None:
    """``rate()`` sees the first error only if there was a zero before it."""
    b = board()
    b.prepare(source="shop")
    b.prepare(rule="r", destination="default")
    snapshot = b.publish()
    for outcome in Outcome:
        assert shown(snapshot, "bridge_records_settled_total", source="shop", outcome=outcome) == 0
    for reason in Reason:
        assert shown(snapshot, "bridge_dead_letters_total", source="shop", reason=reason) == 0
    assert shown(snapshot, "bridge_dead_letter_failures_total") == 0
    assert shown(snapshot, "bridge_delivery_latency_seconds_count", source="shop") == 0
    key = {"rule": "r", "destination": "default", "event_type": "track", "outcome": "delivered"}
    assert shown(snapshot, "bridge_events_total", **key) == 0


@pytest.mark.parametrize("name", [n for n, one in FAMILIES.items() if one.kind == "counter" and one.closed])
def test_what_may_never_happen_begins_at_zero_too(name: str) -> None:
    """So that ``rate()`` sees the first refused reload, the first rebalance, the first fault."""
    b = board()
    for labels in ({"source": "s"}, {"rule": "r"}, {"destination": "d"}, {"rule": "r", "destination": "d"}):
        b.prepare(**labels)
    values = [list(row.values()) for row, _ in b.publish().rows(name)]  # type: ignore[arg-type]
    for label, allowed in FAMILIES[name].closed.items():
        assert {row[FAMILIES[name].labels.index(label)] for row in values} == set(allowed)


def test_every_label_of_a_counter_is_known_or_foreseen() -> None:
    """Its values come from the configuration or a set of ours."""
    for one in FAMILIES.values():
        assert one.kind != "counter" or one.open_labels <= {"source", "rule", "destination"}, one.name


def test_answers_and_failures_are_foreseen() -> None:
    """Of HTTP's codes those that mean something here: the first 401 or 429 is seen by ``rate()``."""
    errors = (httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ReadTimeout, httpx.ConnectError, httpx.ReadError)
    failures = {failure_of(error("")) for error in errors}
    retries = {judge(Answer(status), lambda: datetime.now(UTC)).reason for status in range(200, 600)}
    assert failures <= set(FAMILIES["requests_total"].foreseen["code"])
    assert failures | retries - {"ok", "refused"} <= set(FAMILIES["retries_total"].foreseen["reason"])
    b = board()
    b.prepare(destination="d")
    assert shown(b.publish(), "bridge_requests_total", destination="d", code="429") == 0
    assert shown(b.latest(), "bridge_retries_total", destination="d", reason="server_error") == 0


def test_preparing_again_keeps_what_was_counted() -> None:
    """A reload prepares the rules that stayed once more."""
    b = board()
    b.prepare(source="shop")
    b.counter("records_consumed_total", source="shop").value += 5
    b.prepare(source="shop")
    assert b.snapshot().value("records_consumed_total", source="shop") == 5


def test_a_gauge_is_absent_until_it_is_set() -> None:
    """An unknown lag must not look like no lag."""
    b = board()
    b.prepare(source="shop")
    assert shown(b.publish(), "bridge_records_in_flight", source="shop") is None
    b.gauge("records_in_flight", source="shop").value = 4
    assert shown(b.publish(), "bridge_records_in_flight", source="shop") == 4
    b.remove("records_in_flight", source="shop")
    assert shown(b.publish(), "bridge_records_in_flight", source="shop") is None


def test_a_watched_number_is_asked_at_each_snapshot() -> None:
    """What others count anyway need not be counted twice."""
    b, numbers = board(), [1, 2]
    b.watch("buffer_bytes", numbers.pop, source="shop")
    b.watch("offsets_lost_total", lambda: 7, source="shop")
    first = b.publish()
    assert first.value("buffer_bytes", source="shop") == 2
    assert first.value("offsets_lost_total", source="shop") == 7
    assert b.publish().value("buffer_bytes", source="shop") == 1


def test_a_gauge_replaced_as_a_whole_forgets_old_series() -> None:
    """The lag of a partition that went to another replica is not ours to show."""
    b = board()
    b.replace("consumer_lag", {("shop", "orders", "0"): 5, ("shop", "orders", "1"): 6})
    b.replace("consumer_lag", {("shop", "orders", "1"): 4})
    assert b.snapshot().rows("consumer_lag") == [({"source": "shop", "topic": "orders", "partition": "1"}, 4)]
    with pytest.raises(KeyError):
        b.replace("consumer_lag", {("shop",): 1})


def test_series_beyond_the_cap_share_one() -> None:
    """No input can make the exposition grow without a bound, and nothing counted is lost."""
    b = board(max_series=2)
    for code in ("200", "400", "500", "502"):
        b.counter("requests_total", destination="d", code=code).value += 1
    snapshot = b.publish()
    assert snapshot.value("requests_total", destination=OVERFLOW, code=OVERFLOW) == 2
    assert snapshot.total("requests_total") == 4
    b.replace("consumer_lag", {("s", "t", str(number)): 1 for number in range(5)})
    assert b.snapshot().total("consumer_lag") == 5


def test_sums_over_labels() -> None:
    """The status page adds up by source."""
    b = board()
    b.counter("records_settled_total", source="a", outcome="delivered").value += 2
    b.counter("records_settled_total", source="a", outcome="filtered").value += 3
    b.counter("records_settled_total", source="b", outcome="filtered").value += 9
    assert b.snapshot().total("records_settled_total", source="a") == 5
    assert b.snapshot().value("records_settled_total", source="c", outcome="filtered") == 0


@pytest.mark.parametrize(
    ("value", "bucket", "below"), [(0.005, "0.005", None), (0.0051, "0.01", "0.005"), (99, "+Inf", "30.0")]
)
def test_a_bound_belongs_to_its_bucket(value: float, bucket: str, below: str | None) -> None:
    """Prometheus' ``le`` means less or equal; buckets are cumulative."""
    b = board()
    b.histogram("request_duration_seconds").observe(value)
    snapshot = b.publish()
    assert shown(snapshot, "bridge_request_duration_seconds_bucket", le=bucket) == 1
    assert shown(snapshot, "bridge_request_duration_seconds_bucket", le="+Inf") == 1
    if below:
        assert shown(snapshot, "bridge_request_duration_seconds_bucket", le=below) == 0
    assert shown(snapshot, "bridge_request_duration_seconds_sum") == value


def test_clocks_that_disagree_make_no_negative_time() -> None:
    """A producer's clock may be ahead; a sum that falls would look like a restart."""
    b = board()
    b.histogram("event_age_seconds").observe(-5)
    assert shown(b.publish(), "bridge_event_age_seconds_sum") == 0


def test_label_values_are_escaped() -> None:
    """A rule's name may hold anything a YAML key may."""
    b = board()
    b.counter("rule_faults_total", rule='a"b\n\\c', reason="rule_fault").value += 1
    assert shown(b.publish(), "bridge_rule_faults_total", rule='a"b\n\\c', reason="rule_fault") == 1


def test_both_formats_are_served() -> None:
    """Plain text by default, OpenMetrics to those who ask; the process's own metrics are part of both."""
    b = board()
    b.prepare(source="shop")
    b.replace("rules_info", {("abc",): 1})
    text, kind = exposition(b.publish())
    assert kind.startswith("text/plain; version=0.0.4")
    assert b"process_resident_memory_bytes" in text
    assert b"python_gc_objects_collected_total" in text
    assert not re.search(rb"_created[ {]", text)
    body, kind = exposition(b.latest(), "application/openmetrics-text; version=1.0.0,text/plain;q=0.5")
    assert kind.startswith("application/openmetrics-text; version=1.0.0")
    assert body.endswith(b"# EOF\n")
    assert b'bridge_rules_info{hash="abc"} 1.0\n' in body


def test_the_build_says_its_version() -> None:
    """One series, always 1."""
    (row,) = board().latest().rows("build_info")
    assert row[1] == 1
    assert row[0]["version"]
