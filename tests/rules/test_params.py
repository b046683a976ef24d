"""Parameters: what each declared type takes, and what `default` serves."""

from typing import Any

import pytest

from bridge.model import Applied
from tests.rules.workshop import Workshop


def test_a_bare_expression_is_a_string(workshop: Workshop) -> None:
    """The short form of the commonest type."""
    assert workshop.param('"event.x"', {"x": "Hà Nội"}) == {"string_value": "Hà Nội"}


@pytest.mark.parametrize(
    ("param", "value", "wire"),
    [
        ("{string: event.x}", "a", {"string_value": "a"}),
        ("{string: event.x}", "", {"string_value": ""}),
        ("{int: event.x}", 5, {"int_value": 5}),
        ("{int: event.x}", True, {"int_value": 1}),
        ("{int: event.x}", False, {"int_value": 0}),
        ("{int: event.x}", -(2**63), {"int_value": -(2**63)}),
        ("{double: event.x}", 1.5, {"double_value": 1.5}),
        ("{double: event.x}", 1451000, {"double_value": 1451000.0}),
        ("{datetime: event.x}", "2024-07-15T07:58:13Z", {"datetime_value": "2024-07-15T07:58:13.000Z"}),
        ("{datetime: event.x}", "2024-07-15", {"datetime_value": "2024-07-14T17:00:00.000Z"}),
    ],
)
def test_each_type_takes_its_values(workshop: Workshop, param: str, value: Any, wire: dict[str, Any]) -> None:
    """bool→int only where int is declared, int→double where double is."""
    assert workshop.param(param, {"x": value}) == wire


def test_a_double_of_whole_value_stays_a_double_on_the_wire(workshop: Workshop) -> None:
    """1451000 is sent as 1451000.0: the same number to a JSON parser, and typed."""
    made = workshop.apply(
        """\
from: {topics: [t]}
rules:
  - name: r
    emit: [{event_type: track, event_name: E, user_id: "'u'", event_params: {P: {double: event.x}}}]
""",
        {"x": 1451000},
    )
    assert isinstance(made, Applied)
    assert b'"double_value":1451000.0' in made.events[0].body


@pytest.mark.parametrize(
    ("param", "value", "problem"),
    [
        ("event.x", 5, "expected string, got int (use string(…))"),
        ("event.x", True, "expected string, got bool (use string(…))"),
        ("event.x", ["a"], "expected string, got list (join it, or use json.encode(…))"),
        ("event.x", {"a": 1}, "expected string, got map (use json.encode(…))"),
        ("{int: event.x}", 1.0, "expected int, got double"),
        ("{int: event.x}", "1", "expected int, got string"),
        ("{int: event.x}", 2**63, "int beyond 64 bits"),
        ("{double: event.x}", True, "expected double, got bool"),
        ("{double: event.x}", "1.5", "expected double, got string"),
        ("{double: event.x}", 2**70, "int beyond 64 bits"),
        ("{double: event.x}", float("nan"), "NaN and infinity cannot be sent"),
        ("{double: event.x}", float("inf"), "NaN and infinity cannot be sent"),
        ("{datetime: event.x}", 1721030293, "expected datetime, got int"),
        ("{datetime: event.x}", "yesterday", "not an ISO 8601 time"),
        ("{datetime: event.x}", "2024-13-01", "an impossible date or time"),
    ],
)
def test_anything_else_is_a_fault(workshop: Workshop, param: str, value: Any, problem: str) -> None:
    """And the text names types, never values."""
    assert workshop.param_fault(param, {"x": value}) == problem


@pytest.mark.parametrize("kind", ["string", "int", "double", "datetime"])
@pytest.mark.parametrize("event", [{}, {"x": None}])
def test_none_and_null_leave_the_parameter_out(workshop: Workshop, kind: str, event: dict[str, Any]) -> None:
    """An optional without a value, or a null: no parameter, and none left: no event_params."""
    assert workshop.param(f'{{{kind}: "event.?x"}}', event) is None


def test_a_missing_field_is_a_fault(workshop: Workshop) -> None:
    """No silent nulls."""
    assert workshop.param_fault("event.x", {}) == "no such key 'x'"


@pytest.mark.parametrize("expression", ["event.x", '"event.?x"', '"event.y.z"'])
def test_default_serves_missing_none_and_null(workshop: Workshop, expression: str) -> None:
    """All three ways in which a value is not there."""
    param = f"{{string: {expression}, default: web}}"
    assert workshop.param(param, {"y": {}}) == {"string_value": "web"}
    assert workshop.param(param, {"x": None, "y": {"z": None}}) == {"string_value": "web"}


def test_default_serves_no_other_fault(workshop: Workshop) -> None:
    """A wrong type and a division by zero stay faults."""
    assert "expected string" in workshop.param_fault("{string: event.x, default: web}", {"x": 5})
    assert "zero" in workshop.param_fault('{int: "1 / event.x", default: 7}', {"x": 0})


@pytest.mark.parametrize(
    ("param", "wire"),
    [
        ("{int: event.x, default: 7}", {"int_value": 7}),
        ("{int: event.x, default: true}", {"int_value": 1}),
        ("{double: event.x, default: 7}", {"double_value": 7.0}),
        (
            "{datetime: event.x, default: 2024-07-15T07:58:13Z}",
            {"datetime_value": "2024-07-15T07:58:13.000Z"},
        ),
    ],
)
def test_defaults_are_literals_of_the_type(workshop: Workshop, param: str, wire: dict[str, Any]) -> None:
    """Converted once, at load."""
    assert workshop.param(param, {}) == wire


@pytest.mark.parametrize(
    "param",
    [
        "{int: event.x, default: web}",
        "{string: event.x, default: 5}",
        "{double: event.x, default: .inf}",
        "{datetime: event.x, default: soon}",
        "{int: event.x, default: 9223372036854775808}",
    ],
)
def test_a_default_of_another_type_is_refused(workshop: Workshop, param: str) -> None:
    """At load, not at the first record that needs it."""
    assert "this default is no" in workshop.problem(_rule(param))


@pytest.mark.parametrize(
    ("param", "problem"),
    [
        ("{int: \"'x'\"}", "expected int, and this is always string"),
        ('"1 + 1"', "expected string, and this is always int|wrap it in string(…)"),
        ('{double: "event.a == 1"}', "expected double, and this is always bool"),
        ('{datetime: "[1]"}', "expected datetime, and this is always list"),
    ],
)
def test_a_type_that_can_never_fit_is_refused_at_load(workshop: Workshop, param: str, problem: str) -> None:
    """What is provable needs no record."""
    assert problem in workshop.problem(_rule(param))


def test_parameters_keep_the_order_of_the_file(workshop: Workshop) -> None:
    """The array is in the order in which people wrote it."""
    text = _rule("\"'1'\"") + "          A: \"'2'\"\n          0b: \"'3'\"\n"
    keys = [one["key"] for one in workshop.payloads(text, {})[0]["event_params"]]
    assert keys == ["P", "A", "0b"]


def test_hmac_uses_the_secret_of_the_file(workshop: Workshop) -> None:
    """HMAC-SHA-256, lower-case hex, over UTF-8."""
    digest = "78da91511e675587f5b9df78bedebaf5560da2abb88162ee875dcdf744951d9e"
    assert workshop.param('"pii.hmac(event.x)"', {"x": "a"}) == {"string_value": digest}


def _rule(param: str) -> str:
    return f"""\
from: {{topics: [t]}}
rules:
  - name: r
    emit:
      - event_type: track
        event_name: E
        user_id: "'u'"
        event_params:
          P: {param}
"""
