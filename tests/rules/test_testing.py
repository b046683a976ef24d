"""The tests of rule files: what they run, and what they say when they fail."""

import gzip
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from bridge.config import Limits
from bridge.decode import decode
from bridge.errors import ConfigErrors
from bridge.rules.testing import Report, Result, run_tests, same

RULES = """\
from: {topics: [t]}
rules:
  - name: a
    when: "event.?type != optional.of('none')"
    emit: [{event_type: track, event_name: A, user_id: event.id, event_params: {N: {double: event.n}}}]
  - name: b
    from: {queues: [q]}
    emit: [{event_type: track, event_name: B, user_id: event.id, timestamp: event.at}]
tests:
"""
A = "{event_type: track, event_name: A, user_id: x, event_params: [{key: N, value: {double_value: 5}}]}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rules.yaml"


def run(path: Path, *tests: str) -> Report:
    path.write_text(RULES + "".join(f"  - {test}\n" for test in tests), "utf-8")
    return run_tests([path], None, Limits(), str, decode)


def one(path: Path, test: str) -> Result:
    (result,) = run(path, test).results
    return result


def test_event_id_and_default_timestamp_are_not_compared(path: Path) -> None:
    """Unless they are written."""
    given = "{event: {id: x, n: 5}, meta: {timestamp: 5}}"
    assert one(path, f"{{given: {given}, expect: [{A}]}}").passed
    written = A.replace("user_id: x", 'user_id: x, timestamp: "1970-01-01T00:00:00.005Z"')
    assert one(path, f"{{given: {given}, expect: [{written}]}}").passed
    wrong = written.replace("005Z", "006Z")
    assert not one(path, f"{{given: {given}, expect: [{wrong}]}}").passed
    named = A.replace("user_id: x", "user_id: x, event_id: z")
    assert '+    "event_id": "' in one(path, f"{{given: {given}, expect: [{named}]}}").problem


def test_a_timestamp_of_the_rule_is_compared(path: Path) -> None:
    """It is part of the payload that the rule makes."""
    test = "{given: {event: {id: x, at: '2024-07-15T07:58:13Z'}, meta: {queue: q}}, expect: [%s]}"
    assert not one(path, test % "{event_type: track, event_name: B, user_id: x}").passed
    full = "{event_type: track, event_name: B, user_id: x, timestamp: '2024-07-15T07:58:13Z'}"
    assert one(path, test % full).passed


def test_a_failed_test_shows_the_difference(path: Path) -> None:
    """Line by line, with what is equal around it; equal numbers look equal."""
    result = one(path, f"{{name: n, given: {{event: {{id: y, n: 5}}}}, expect: [{A}]}}")
    assert '-    "user_id": "x"' in result.problem
    assert '+    "user_id": "y"' in result.problem
    assert "5.0" not in result.problem
    assert (result.name, result.line) == ("n", 10)


def test_an_expected_fault_is_found_by_its_text(path: Path) -> None:
    """And a fault where payloads were expected is told."""
    assert one(path, "{given: {event: {id: x}}, expect: {error: \"no such key 'n'\"}}").passed
    assert "no such key 'n'" in one(path, "{given: {event: {id: x}}, expect: []}").problem
    assert "no fault" in one(path, "{given: {event: {id: x, n: 1}}, expect: {error: boom}}").problem


def test_expecting_nothing_means_nothing(path: Path) -> None:
    """`expect: []` fails when a payload comes out."""
    assert one(path, "{given: {event: {type: none}}, expect: []}").passed
    assert not one(path, "{given: {event: {id: x, n: 1}}, expect: []}").passed


def test_rule_runs_that_rule_alone(path: Path) -> None:
    """Whatever its topic."""
    payload = "{event_type: track, event_name: B, user_id: x, timestamp: '2024-07-15T07:58:13Z'}"
    test = f"{{rule: b, given: {{event: {{id: x, at: '2024-07-15T07:58:13Z'}}}}, expect: [{payload}]}}"
    assert one(path, test).passed


def test_a_stream_without_rules_fails_the_test(path: Path) -> None:
    """A misspelt topic must not pass for `expect: []`."""
    assert (
        "no rule of this file reads the topic tt"
        in one(path, "{given: {event: 1, meta: {topic: tt}}, expect: []}").problem
    )


def test_a_value_goes_through_decoder_and_envelope(path: Path) -> None:
    """As text, inline, or null."""
    assert one(path, f'{{given: {{value: \'{{"id": "x", "n": 5}}\'}}, expect: [{A}]}}').passed
    assert one(path, f"{{given: {{value: {{id: x, n: 5}}}}, expect: [{A}]}}").passed
    assert one(path, "{given: {value: '{'}, expect: {error: truncated}}").passed
    assert one(path, "{given: {value: null}, expect: []}").passed


TEXT = "{event_type: track, event_name: T, user_id: ann}"
TEXT_RULE = """\
  - name: t
    from: {topics: [lines]}
    emit: [{event_type: track, event_name: T, user_id: "event.split(';')[0]"}]
"""
WRAPPED = """\
  - name: w
    from: {topics: [events]}
    when: "cloudevent.?type.orValue('') == 'opened'"
    emit: [{event_type: track, event_name: W, user_id: event.id}]
"""


def with_rule(path: Path, rule: str, *tests: str) -> list[str]:
    """The problems of tests beside a further rule."""
    path.write_text(
        RULES.replace("tests:\n", f"{rule}tests:\n") + "".join(f"  - {t}\n" for t in tests), "utf-8"
    )
    report = run_tests([path], None, Limits(), str, decode)
    return [result.problem for result in report.results]


def test_the_rules_of_a_text_topic_are_tested_with_text(path: Path) -> None:
    """`decode` says how the source reads its bodies; JSON where it is not said."""
    value = "value: 'ann;5', meta: {topic: lines}"
    good = f"{{given: {{decode: text, {value}}}, expect: [{TEXT}]}}"
    json_body = f"{{given: {{{value}}}, expect: {{error: malformed}}}}"
    tombstone = "{given: {decode: text, value: null, meta: {topic: lines}}, expect: []}"
    assert with_rule(path, TEXT_RULE, good, json_body, tombstone) == ["", "", ""]


def test_a_compressed_body_is_given_in_base64(path: Path) -> None:
    """With the encoding that AMQP's property would say, or a header of Kafka."""
    packed = b64encode(gzip.compress(b'{"id": "x", "n": 5}')).decode()
    said = f"value_base64: {packed}, content_encoding: gzip"
    header = f"value_base64: {packed}, meta: {{headers: {{content-encoding: gzip}}}}"
    assert one(path, f"{{given: {{{said}}}, expect: [{A}]}}").passed
    assert one(path, f"{{given: {{{header}}}, expect: [{A}]}}").passed
    assert one(path, f"{{given: {{value_base64: {packed}}}, expect: {{error: not UTF-8}}}}").passed
    wrong = "{given: {value: {id: x}, content_encoding: br}, expect: {error: content encoding `br`}}"
    assert one(path, wrong).passed


def test_the_content_type_tells_a_cloudevent(path: Path) -> None:
    """As AMQP's property does; headers go under `meta`."""
    body = "value: {specversion: '1.0', id: e, source: /a, type: opened, data: {id: x}}"
    meta = "meta: {topic: events}"
    payload = "{event_type: track, event_name: W, user_id: x}"
    told = f"{{given: {{{body}, content_type: application/cloudevents+json, {meta}}}, expect: [{payload}]}}"
    untold = f"{{given: {{{body}, {meta}}}, expect: []}}"
    assert with_rule(path, WRAPPED, told, untold) == ["", ""]


def test_cases_beside_the_file_run_too(path: Path) -> None:
    """X.cases.yaml holds only tests for X.yaml."""
    cases = path.with_name("rules.cases.yaml")
    nothing = "{name: o, given: {event: {type: none}}, expect: []}"
    cases.write_text("tests: [{name: c, given: {event: {type: none}}, expect: []}]")
    report = run(path, nothing)
    assert [(result.name, Path(result.path).name, result.passed) for result in report.results] == [
        ("o", "rules.yaml", True),
        ("c", "rules.cases.yaml", True),
    ]
    cases.write_text("tests: []\nrules: []\n")
    with pytest.raises(ConfigErrors, match="unknown key `rules`"):
        run(path, nothing)


def test_rules_that_no_test_reached_are_named(path: Path) -> None:
    """A rule whose `when` was never true is untested."""
    assert run(path, "{given: {event: {type: none}}, expect: []}").untested == ["a", "b"]
    assert run(path, f"{{given: {{event: {{id: x, n: 5}}}}, expect: [{A}]}}").untested == ["b"]


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (1451000, 1451000.0, True),
        (True, 1, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ([1, 2], [2, 1], False),
        ([1], [1, 1], False),
        ("1", 1, False),
        (None, False, False),
        ({"a": None}, {}, False),
    ],
)
def test_payloads_are_compared_as_json(left: Any, right: Any, equal: bool) -> None:
    """Numbers by value, objects without order, and true is not 1."""
    assert same(left, right) is equal
