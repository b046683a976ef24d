"""Rule sets: which rules a stream has, and what they make of a record together."""

from typing import Any

from bridge.model import Applied, Filtered, OnError, Poison, Reason, Scope
from bridge.rules import StreamRules
from tests.rules.workshop import Workshop, a_record

RULE = """\
  - name: {name}
    when: "{when}"
    emit: [{{event_type: track, event_name: {name}, user_id: event.id, timestamp: none}}]
{more}"""


def rule(name: str, when: str = "true", more: str = "") -> str:
    return RULE.format(name=name, when=when, more=f"    {more}\n" if more else "")


def file(*rules: str, top: str = "from: {topics: [t]}") -> str:
    return f"{top}\nrules:\n{''.join(rules)}"


def names(made: Any) -> list[str]:
    assert isinstance(made, Applied)
    return [event.rule for event in made.events]


def test_all_matching_rules_apply_in_file_order(workshop: Workshop) -> None:
    """Not only the first."""
    text = file(rule("b"), rule("a", "event.id == 'x'"), rule("c", "false"))
    assert names(workshop.apply(text, {"id": "x"})) == ["b", "a"]


def test_a_record_that_no_rule_accepted_is_filtered(workshop: Workshop) -> None:
    """With the reason."""
    assert workshop.apply(file(rule("a", "false")), {}) == Filtered("no_rule")


def test_a_rule_is_the_unit_of_failure(workshop: Workshop) -> None:
    """A fault sends none of its rule's events; other rules of the record go on."""
    two = (
        rule("two")
        .replace("emit: [", "emit: [{event_type: identify, user_id: event.id}, ")
        .replace("user_id: event.id, timestamp", "user_id: event.gone, timestamp")
    )
    made = workshop.apply(file(rule("one"), two, rule("three")), {"id": "x"})
    assert names(made) == ["one", "three"]
    assert isinstance(made, Applied)
    assert [(fault.rule, fault.reason, fault.on_error) for fault in made.faults] == [
        ("two", Reason.RULE_FAULT, OnError.DEAD_LETTER)
    ]
    assert made.faults[0].error == "rules.yaml:8:107 two.emit[1].user_id: no such key 'gone'"


def test_a_missing_field_in_when_is_a_fault(workshop: Workshop) -> None:
    """Write `.?` where a field may be absent."""
    fault = workshop.fault(file(rule("a", "event.type == 'x'", "on_error: drop")), {})
    assert fault.error == "rules.yaml:4:18 a.when: no such key 'type'"
    assert fault.on_error is OnError.DROP
    assert workshop.apply(file(rule("a", "event.?type == optional.of('x')")), {}) == Filtered("no_rule")


def test_when_must_be_a_bool(workshop: Workshop) -> None:
    """A text is not true."""
    assert "expected bool, got string" in workshop.fault(file(rule("a", "event.id")), {"id": "x"}).error


def test_faults_hold_no_payload(workshop: Workshop) -> None:
    """Names of fields and types only."""
    event = {"id": {"secret": "hunter2"}, "n": "hunter2"}
    for when in ("true", "event.n > 5", "event.id.x == 1", "int(event.n) == 1", "event.n in event.id"):
        made = workshop.apply(file(rule("a", when)), event)
        assert isinstance(made, Applied | Filtered)
        if isinstance(made, Applied):
            assert "hunter2" not in made.faults[0].error


def test_each_rule_sees_its_own_envelope(workshop: Workshop) -> None:
    """One record, two readings; asked for once each."""
    asked: list[str] = []

    def unwrap(envelope: str) -> Scope:
        asked.append(envelope)
        return Scope({"id": envelope}, op="c")

    text = file(rule("a"), rule("b", "op == 'c'", "envelope: debezium"), rule("c"))
    made = StreamRules(workshop.rules(text).rules).apply(a_record(), unwrap)
    assert isinstance(made, Applied)
    assert [event.user_id for event in made.events] == ["auto", "debezium", "auto"]
    assert asked == ["auto", "debezium"]


def test_what_no_rule_can_see_is_poison(workshop: Workshop) -> None:
    """And where others can see it, only the rules that cannot are at fault."""
    poison = Poison(Reason.UNDECODABLE, "no change event")
    debezium = rule("b", "true", "envelope: debezium")
    only = StreamRules(workshop.rules(file(debezium)).rules)
    assert only.apply(a_record(), lambda envelope: poison) == poison
    both = StreamRules(workshop.rules(file(rule("a"), debezium)).rules)
    made = both.apply(a_record(), lambda envelope: poison if envelope == "debezium" else Scope({"id": "x"}))
    assert names(made) == ["a"]
    assert isinstance(made, Applied)
    assert [(fault.rule, fault.reason) for fault in made.faults] == [("b", Reason.UNDECODABLE)]
    tombstone = Filtered("tombstone")
    assert both.apply(a_record(), lambda envelope: tombstone) == tombstone


def test_meta_says_what_the_broker_said(workshop: Workshop) -> None:
    """What it did not say is not there; bytes that are no text stay bytes."""
    record = a_record(
        key=b"k", headers=(("h", b"1"), ("h", b"2"), ("b", b"\xff")), timestamp_ms=1721030293096
    )
    when = (
        "meta.source == 'shop' && meta.topic == 't' && meta.partition == 3 && meta.offset == 7"
        " && meta.key == 'k' && meta.headers.h == '2' && type(meta.headers.b) == bytes && !has(meta.queue)"
        " && meta.timestamp == timestamp('2024-07-15T07:58:13.096Z')"
    )
    assert names(workshop.apply(file(rule("a", when)), {"id": "x"}, record=record)) == ["a"]


def test_from_names_streams_and_narrows_by_source(workshop: Workshop) -> None:
    """Topics, regexes, queues; by name over all sources, or of one."""
    rules = workshop.rules(
        file(
            rule("plain"),
            rule("regex", more="from: {topics: ['^shop\\..*']}"),
            rule("queue", more="from: {queues: [t, q]}"),
            rule("one", more="from: {source: shop, topics: [t, u]}"),
        )
    )

    def found(source: str, name: str, *, queue: bool = False) -> list[str]:
        stream = rules.of(source, name, queue=queue)
        return [one.rule.name for one in stream.rules] if stream else []

    assert found("shop", "t") == ["plain", "one"]
    assert found("other", "t") == ["plain"]
    assert found("other", "t", queue=True) == ["queue"]
    assert found("shop", "shop.orders") == ["regex"]
    assert found("shop", "my.shop.orders") == []
    assert rules.of("shop", "nothing", queue=False) is None
    assert rules.of("shop", "t", queue=False) is rules.of("shop", "t", queue=False)
    assert rules.stream_names("shop", "topics") == ["t", "u"]
    assert rules.stream_names("other", "topics") == ["t"]
    assert rules.stream_names("rabbit", "queues") == ["t", "q"]
    assert rules.patterns("shop") == ["^shop\\..*"]


def test_the_clock_times_each_rule_that_is_run(workshop: Workshop) -> None:
    """Also one that faults; what they make is forgotten. What the index passes over takes no time."""
    text = file(
        rule("a"), rule("b", "event.type == 'x'"), rule("c", "event.gone"), rule("d", "event.type == 'y'")
    )
    rules = StreamRules(workshop.rules(text).rules)
    times = iter([0.0, 1.0, 10.0, 12.0, 20.0, 23.0])

    taken = rules.clock(a_record(), lambda _: Scope({"type": "x", "id": "7"}), lambda: next(times))

    assert taken == [("a", 1.0), ("b", 2.0), ("c", 3.0)]


def test_the_clock_looks_under_each_envelope(workshop: Workshop) -> None:
    """A rule is timed with what it sees; one whose envelope refuses the record is not."""
    text = file(rule("a"), rule("b", more="envelope: debezium"))
    rules = StreamRules(workshop.rules(text).rules)
    scope = Scope({"id": "7"})

    taken = rules.clock(
        a_record(), lambda e: Filtered("tombstone") if e == "debezium" else scope, lambda: 0.0
    )

    assert taken == [("a", 0.0)]
