"""Ids, times, context and fan-out: the payload around its parameters."""

import json
import uuid
from typing import Any

import msgspec
import pytest

from bridge.config import Destination, Limits, Secret
from bridge.model import Applied, Reason, Stream
from bridge.rules import event_id_of
from bridge.rules.identity import NAMESPACE
from tests.rules.workshop import Workshop, a_record

HEAD = """\
from: {topics: [t]}
timezone: Asia/Ho_Chi_Minh
rules:
  - name: r
"""


def track(*lines: str) -> str:
    """One rule with one track event."""
    body = "".join(f"        {line}\n" for line in lines)
    return f"{HEAD}    emit:\n      - event_type: track\n        event_name: E\n{body}"


def test_properties_come_in_the_order_of_the_api_document(workshop: Workshop) -> None:
    """event_type event_name user_id anonymous_id timestamp context event_params, then event_id."""
    text = track(
        "event_params: {P: \"'x'\"}",
        'context: {c: "1"}',
        "anonymous_id: \"'a'\"",
        "user_id: \"'u'\"",
        'timestamp: "event.t"',
    )
    made = workshop.apply(text, {"t": "2024-07-15T07:58:13Z"})
    assert isinstance(made, Applied)
    assert list(json.loads(made.events[0].body)) == [
        *("event_type", "event_name", "user_id", "anonymous_id", "timestamp"),
        *("context", "event_params", "event_id"),
    ]


def test_absent_properties_are_absent(workshop: Workshop) -> None:
    """No nulls, no empty objects."""
    text = track(
        'user_id: "event.id"', 'anonymous_id: "event.?a"', "timestamp: none", 'context: {x: "event.?x"}'
    )
    payload = workshop.payloads(text + '        event_params: {P: "event.?p"}\n', {"id": "u"})[0]
    assert payload.keys() == {"event_type", "event_name", "user_id", "event_id"}


def test_identify_is_always_called_identify(workshop: Workshop) -> None:
    """Its event_name cannot be set."""
    text = f"{HEAD}    emit: [{{event_type: identify, user_id: event.id}}]\n"
    assert workshop.payloads(text, {"id": "u"})[0]["event_name"] == "Identify"
    errors = workshop.errors(text.replace("identify,", "identify, event_name: X,"))
    assert "cannot be set" in errors[0].problem


@pytest.mark.parametrize(("value", "wire"), [("u", "u"), (77, "77"), (-(2**63), str(-(2**63)))])
def test_ids_are_text_and_ints_become_text(workshop: Workshop, value: Any, wire: str) -> None:
    """A database id may be a number."""
    assert workshop.payloads(track("user_id: event.id"), {"id": value})[0]["user_id"] == wire


@pytest.mark.parametrize("value", [None, ""])
def test_an_empty_id_leaves_the_property_out(workshop: Workshop, value: Any) -> None:
    """The other id is enough."""
    text = track('user_id: "event.?id"', "anonymous_id: event.a")
    payload = workshop.payloads(text, {"id": value, "a": "anon"})[0]
    assert "user_id" not in payload
    assert payload["anonymous_id"] == "anon"


def test_neither_id_is_the_fault_no_identity(workshop: Workshop) -> None:
    """With a reason of its own, told at the emit."""
    fault = workshop.fault(track('user_id: "event.?id"'), {})
    assert fault.reason is Reason.NO_IDENTITY
    assert fault.error == "rules.yaml:6:9 r.emit[0]: neither user_id nor anonymous_id has a value"


@pytest.mark.parametrize("value", [True, 1.0, 2**63, ["u"]])
def test_other_ids_are_faults(workshop: Workshop, value: Any) -> None:
    """Nothing is turned into text by guesswork."""
    assert workshop.fault(track("user_id: event.id"), {"id": value}).reason is Reason.RULE_FAULT


@pytest.mark.parametrize(
    ("given", "wire"),
    [
        ("2024-07-15T07:58:13Z", "2024-07-15T07:58:13Z"),
        ("2021-07-26T17:10:55.096Z", "2021-07-26T17:10:55.096Z"),
        ("2021-07-26T17:10:55.1Z", "2021-07-26T17:10:55.1Z"),
        ("2021-07-26T17:10:55.0969Z", "2021-07-26T17:10:55.096Z"),
        ("2024-07-15T14:58:13+07:00", "2024-07-15T07:58:13.000Z"),
        ("2024-07-15T14:58:13+0700", "2024-07-15T07:58:13.000Z"),
        ("2024-07-15t07:58:13z", "2024-07-15T07:58:13.000Z"),
        ("2024-07-15 14:58:13", "2024-07-15T07:58:13.000Z"),
        ("2024-07-15 14:58", "2024-07-15T07:58:00.000Z"),
        ("2024-07-15", "2024-07-14T17:00:00.000Z"),
        (None, "2024-07-15T07:58:13.000Z"),
    ],
)
def test_timestamps_are_in_the_wire_form(workshop: Workshop, given: Any, wire: str) -> None:
    """Text in form passes unchanged, all else becomes UTC with three digits; null takes the broker's time."""
    record = a_record(timestamp_ms=1721030293000)
    payload = workshop.payloads(track("user_id: \"'u'\"", "timestamp: event.t"), {"t": given}, record=record)[
        0
    ]
    assert payload["timestamp"] == wire


@pytest.mark.parametrize("text", ["2024-02-30T00:00:00Z", "20240715", "now", "", "2024-07-15T25:00:00Z"])
def test_what_is_no_time_is_a_fault(workshop: Workshop, text: str) -> None:
    """Also text that only looks as if it were in form."""
    assert (
        workshop.fault(track("user_id: \"'u'\"", "timestamp: event.t"), {"t": text}).reason
        is Reason.RULE_FAULT
    )


def test_a_time_without_offset_needs_a_timezone(workshop: Workshop) -> None:
    """There is no default zone to be wrong about."""
    text = track("user_id: \"'u'\"", "timestamp: event.t").replace("timezone: Asia/Ho_Chi_Minh\n", "")
    assert "no `timezone`" in workshop.fault(text, {"t": "2024-07-15 14:58:13"}).error


@pytest.mark.parametrize(
    ("local", "wire"),
    [
        ("2024-10-27 02:30:00", "2024-10-27T00:30:00.000Z"),
        ("2024-03-31 02:30:00", "2024-03-31T01:30:00.000Z"),
    ],
)
def test_clock_changes(workshop: Workshop, local: str, wire: str) -> None:
    """A repeated hour means the first, a missing hour is moved forward."""
    text = track("user_id: \"'u'\"", "timestamp: event.t").replace("Asia/Ho_Chi_Minh", "Europe/Berlin")
    assert workshop.payloads(text, {"t": local})[0]["timestamp"] == wire


def test_without_timestamp_the_envelope_s_time_counts_then_the_broker_s(workshop: Workshop) -> None:
    """An outage must not move events in time."""
    text = track("user_id: \"'u'\"")
    record = a_record(timestamp_ms=1721030293096)
    ours = workshop.payloads(text, {}, record=record, time="2024-01-01T00:00:00Z")[0]
    assert ours["timestamp"] == "2024-01-01T00:00:00Z"
    assert workshop.payloads(text, {}, record=record)[0]["timestamp"] == "2024-07-15T07:58:13.096Z"


def test_without_any_time_the_property_is_left_out_and_counted(workshop: Workshop) -> None:
    """Never the time of reading."""
    made = workshop.apply(track("user_id: \"'u'\""), {})
    assert isinstance(made, Applied)
    assert b"timestamp" not in made.events[0].body
    assert made.timestamp_fallbacks == 1
    assert made.events[0].time_ms is None


def test_a_faulty_rule_counts_no_fallback(workshop: Workshop) -> None:
    """None of its events exists."""
    text = track("user_id: event.id") + "      - {event_type: identify, user_id: event.gone}\n"
    made = workshop.apply(text, {"id": "u"})
    assert isinstance(made, Applied)
    assert made.faults
    assert made.timestamp_fallbacks == 0


def test_timestamp_none_leaves_it_out_uncounted(workshop: Workshop) -> None:
    """Said is not missing."""
    made = workshop.apply(track("user_id: \"'u'\"", "timestamp: none"), {}, record=a_record(timestamp_ms=1))
    assert isinstance(made, Applied)
    assert b"timestamp" not in made.events[0].body
    assert made.timestamp_fallbacks == 0


def test_a_cloudevent_with_a_broken_time_is_a_fault(workshop: Workshop) -> None:
    """Its event would move in time silently."""
    assert "CloudEvent's time" in workshop.fault(track("user_id: \"'u'\""), {}, time="soon").error


def test_the_event_carries_its_time_in_ms(workshop: Workshop) -> None:
    """For the age of events."""
    made = workshop.apply(track("user_id: \"'u'\"", "timestamp: event.t"), {"t": "2021-07-26T17:10:55.096Z"})
    assert isinstance(made, Applied)
    assert made.events[0].time_ms == 1627319455096


def test_context_takes_any_json(workshop: Workshop) -> None:
    """None and null are left out, what is inside a value stays."""
    text = track(
        "user_id: \"'u'\"", "timestamp: none", 'context: {a: event.a, b: "event.?b", c: event.c, n: event.n}'
    )
    event: dict[str, Any] = {"a": {"x": [1, None, 1.5, True]}, "c": [], "n": None}
    assert workshop.payloads(text, event)[0]["context"] == {"a": event["a"], "c": []}


@pytest.mark.parametrize("value", [float("nan"), [2**64], {"a": float("inf")}])
def test_context_refuses_what_json_cannot_say(workshop: Workshop, value: Any) -> None:
    """NaN, infinity, and ints beyond 64 bits, however deep."""
    fault = workshop.fault(track("user_id: \"'u'\"", "context: {a: event.a}"), {"a": value})
    assert "r.emit[0].context.a: " in fault.error


FAN = track(
    "for_each: {item: event.items, index: n}", "user_id: item.who", 'event_params: {N: {int: "n + 1"}}'
)


def test_for_each_gives_one_event_an_element(workshop: Workshop) -> None:
    """The element is `item`, its place has the name that was given."""
    made = workshop.apply(FAN, {"items": [{"who": "a"}, {"who": "b"}]})
    assert isinstance(made, Applied)
    assert [(one.user_id, one.emit_index, one.element_index) for one in made.events] == [
        ("a", 0, 0),
        ("b", 0, 1),
    ]
    assert b'"int_value":2' in made.events[1].body


def test_an_empty_list_is_filtered(workshop: Workshop) -> None:
    """A record without events must settle."""
    assert workshop.payloads(FAN, {"items": []}) == []


def test_a_fault_in_one_element_sends_none(workshop: Workshop) -> None:
    """The rule is the unit of failure."""
    assert "no such key 'who'" in workshop.fault(FAN, {"items": [{"who": "a"}, {}]}).error


def test_for_each_over_no_list_is_a_fault(workshop: Workshop) -> None:
    """A map or a text is not taken apart."""
    assert "expected list, got map" in workshop.fault(FAN, {"items": {}}).error


def test_events_of_a_record_are_bounded(workshop: Workshop) -> None:
    """The limit itself is allowed."""
    workshop.limits = Limits(events_per_record=3)
    items = [{"who": "a"}] * 4
    assert len(workshop.payloads(FAN, {"items": items[:3]})) == 3
    assert "more than 3 events" in workshop.fault(FAN, {"items": items}).error


def test_events_are_counted_over_all_rules(workshop: Workshop) -> None:
    """The rule that goes beyond the limit is at fault, those before it are not."""
    workshop.limits = Limits(events_per_record=1)
    text = track("user_id: event.id", "timestamp: none")
    made = workshop.apply(text + text[text.index("  - name") :].replace("name: r", "name: s"), {"id": "u"})
    assert isinstance(made, Applied)
    assert [event.rule for event in made.events] == ["r"]
    assert [fault.rule for fault in made.faults] == ["s"]


def test_payloads_are_bounded(workshop: Workshop) -> None:
    """A payload beyond the limit is too large, with a reason of its own."""
    workshop.limits = Limits(payload=200)
    fault = workshop.fault(track("user_id: event.id"), {"id": "x" * 200})
    assert fault.reason is Reason.TOO_LARGE
    assert "limits.payload is 200" in fault.error


def _ids(made: Any) -> list[str]:
    assert isinstance(made, Applied)
    return [one.event_id for one in made.events]


def test_the_event_id_is_a_uuid5_of_what_lasts(workshop: Workshop) -> None:
    """Identity of the record, rule, emit, element; the same on every re-send."""
    record = a_record(timestamp_ms=5)
    made = workshop.apply(FAN, {"items": [{"who": "a"}, {"who": "b"}]}, record=record)
    names = [f"position:shop:t:3:7:5\nr\n0\n{element}" for element in (0, 1)]
    assert _ids(made) == [str(uuid.uuid5(NAMESPACE, name)) for name in names]
    assert isinstance(made, Applied)
    assert msgspec.json.decode(made.events[0].body)["event_id"] == _ids(made)[0]


def test_whose_identity_counts(workshop: Workshop) -> None:
    """The envelope's, else queue and message id, else the nonce; position else."""
    text = track("user_id: \"'u'\"")
    queue = Stream("rabbit", "q", 0)
    records = {
        "position": a_record(),
        "moved": a_record(offset=8),
        "amqp": a_record(stream=queue, queue=True, message_id="m1", nonce="n1"),
        "nonce": a_record(stream=queue, queue=True, nonce="n1"),
    }
    ids = {name: _ids(workshop.apply(text, {}, record=record))[0] for name, record in records.items()}
    assert len(set(ids.values())) == 4
    again = a_record(stream=queue, queue=True, message_id="m1", nonce="n2", offset=99, redelivered=True)
    assert _ids(workshop.apply(text, {}, record=again))[0] == ids["amqp"]
    enveloped = [
        _ids(workshop.apply(text, {}, record=record, identity="x"))[0] for record in records.values()
    ]
    assert len(set(enveloped)) == 1


def test_event_id_can_be_left_out_of_the_payload(workshop: Workshop) -> None:
    """The destination decides; a dead letter has it all the same."""
    (with_id,) = _ids(workshop.apply(track("user_id: \"'u'\""), {}))
    settings = Destination(url="http://x/events", write_key=Secret(env="K"), event_id=False)
    workshop.destinations = {"default": settings}
    made = workshop.apply(track("user_id: \"'u'\""), {})
    assert isinstance(made, Applied)
    assert b"event_id" not in made.events[0].body
    assert made.events[0].event_id == ""
    assert event_id_of(a_record(), made.events[0]) == with_id


def test_a_lone_surrogate_is_a_fault(workshop: Workshop) -> None:
    """It has no UTF-8; the expression that gave it is named."""
    fault = workshop.fault(track("user_id: event.id"), {"id": "\ud800"})
    assert fault.reason is Reason.INVALID_PAYLOAD
    assert fault.error.endswith("emit[0].user_id: a text with a lone surrogate is not Unicode"), fault.error


def test_what_has_no_value_leaves_no_trace_in_the_payload(workshop: Workshop) -> None:
    """No key, no comma, and no empty context or parameters; the order is that of the rule."""
    rule = track(
        "user_id: 'event.?u'",
        "anonymous_id: 'event.?a'",
        "timestamp: none",
        "context: {x: 'event.?x', y: 'event.?y'}",
        "event_params: {p: 'event.?p', q: {int: 'event.?q'}, r: 'event.?r'}",
    )
    bodies = []
    for event in ({"a": "1"}, {"a": "1", "u": "2", "y": [1, "ä"], "q": 3}, {"a": "1", "x": None, "r": 'z"'}):
        made = workshop.apply(rule, event)
        assert isinstance(made, Applied)
        bodies.append(made.events[0].body.decode().split(',"event_id"')[0])
    head = '{"event_type":"track","event_name":"E"'
    assert bodies == [
        head + ',"anonymous_id":"1"',
        head + ',"user_id":"2","anonymous_id":"1","context":{"y":[1,"ä"]}'
        ',"event_params":[{"key":"q","value":{"int_value":3}}]',
        head + ',"anonymous_id":"1","event_params":[{"key":"r","value":{"string_value":"z\\""}}]',
    ]


def test_meta_is_whole_where_it_is_taken_whole(workshop: Workshop) -> None:
    """Only the fields that a rule names are filled in; a rule that takes all of it has all of it."""
    text = """\
from: {topics: [t]}
rules:
  - name: some
    emit:
      - event_type: track
        event_name: Some
        user_id: "'u'"
        timestamp: none
        event_params: {A: "meta.topic", B: {int: "meta['offset']"}, C: "has(meta.queue) ? 'q' : 'none'"}
  - name: whole
    emit:
      - event_type: track
        event_name: Whole
        user_id: "'u'"
        timestamp: none
        event_params: {A: {int: "size(meta)"}, B: "cel.bind(m, meta, m.topic)"}
"""
    some, whole = (payload["event_params"] for payload in workshop.payloads(text, {}))
    assert [one["value"] for one in some] == [
        {"string_value": "t"},
        {"int_value": 7},
        {"string_value": "none"},
    ]
    assert [one["value"] for one in whole] == [{"int_value": 5}, {"string_value": "t"}]
