"""Lets: computed at their first use, at most once, and only from earlier ones."""

import pytest

from bridge.config import Limits
from tests.rules.workshop import Workshop


def rule(lets: str, when: str, param: str = "\"'x'\"", more: str = "") -> str:
    return f"""\
from: {{topics: [t]}}
rules:
  - name: r
    when: "{when}"
    let: {{{lets}}}
    emit:
      - event_type: track
        event_name: E
        user_id: "'u'"
        timestamp: none
        event_params: {{P: {param}}}
{more}"""


def test_when_may_use_lets(workshop: Workshop) -> None:
    """In full, or behind a condition."""
    text = rule("a: event.x, b: a", "b == 1")
    assert len(workshop.payloads(text, {"x": 1})) == 1
    assert workshop.payloads(text, {"x": 2}) == []


@pytest.mark.parametrize(
    "when",
    [
        "event.type == 'a' && total > 0",
        "event.type == 'a' ? total > 0 : false",
        "[event.type].exists(t, t == 'a' && total > 0)",
    ],
)
def test_a_let_that_is_not_reached_is_not_computed(workshop: Workshop, when: str) -> None:
    """So its missing fields are no fault for records that it is not about."""
    text = rule('half: event.order.half, total: "half * 2"', when)
    assert workshop.payloads(text, {"type": "b"}) == []
    assert len(workshop.payloads(text, {"type": "a", "order": {"half": 1}})) == 1
    assert "no such key 'order'" in workshop.fault(text, {"type": "a"}).error


def test_an_unused_let_is_never_computed(workshop: Workshop) -> None:
    """It may even be one that would always fault."""
    assert workshop.payloads(rule("a: event.gone", "true"), {})


def test_a_let_may_be_null(workshop: Workshop) -> None:
    """Null is a value, not a reason to compute again."""
    assert workshop.payloads(
        rule("a: event.x", "(event.y && a == null) || a == null", "a"), {"x": None, "y": True}
    )


def test_a_let_under_a_default_is_served(workshop: Workshop) -> None:
    """A missing field in a let is a missing field; afterwards the let is tried again."""
    text = rule("a: event.x", "true", "{string: a, default: web}")
    payload = workshop.payloads(text, {})[0]
    assert payload["event_params"] == [{"key": "P", "value": {"string_value": "web"}}]
    more = '      - {event_type: track, event_name: F, user_id: "a"}\n'
    assert (
        "no such key 'x'"
        in workshop.fault(rule("a: event.x", "true", "{string: a, default: web}", more), {}).error
    )


def test_lets_serve_several_emits_and_loops(workshop: Workshop) -> None:
    """First used in a loop, then after it."""
    more = (
        "      - event_type: track\n        event_name: F\n        user_id: a\n"
        '        for_each: {item: "event.items"}\n        event_params: {Q: a}\n'
        "      - {event_type: track, event_name: G, user_id: a}\n"
    )
    text = rule("a: event.x", "true", "\"'x'\"", more)
    names = [
        (one["event_name"], one["user_id"]) for one in workshop.payloads(text, {"x": "v", "items": [1, 2]})
    ]
    assert names == [("E", "u"), ("F", "v"), ("F", "v"), ("G", "v")]


def test_a_let_is_computed_once(workshop: Workshop) -> None:
    """Twice would exceed the loop steps of this record."""
    steps = ", ".join(f'a{number}: "a{number - 1} + a{number - 1}"' for number in range(1, 12))
    text = rule(f'a0: "event.items.map(i, i).sum()", {steps}', "a11 == 2048 && (event.ok || a11 > 0)")
    assert workshop.payloads(text, {"items": [1], "ok": False})


@pytest.mark.parametrize("when", ["true", "event.go && a != []", "!event.go || a == [] || a != []"])
@pytest.mark.parametrize(
    "param", ['"a.join()"', "{string: a.x, default: web}", '"event.go ? a.join() : a.join()"']
)
def test_its_loops_are_paid_for_once(workshop: Workshop, when: str, param: str) -> None:
    """Wherever its first use stands; twice would exceed the loop steps of this record."""
    workshop.limits = Limits(loop_steps=15)
    more = '      - {event_type: track, event_name: F, user_id: "a.join()"}\n'
    text = rule('a: "event.l.map(i, i)"', when, param.replace("a.x", "event.gone"), more)
    text = text.replace("{string: event.gone", '{string: "a == [] ? event.gone : a.join()"')
    assert len(workshop.payloads(text, {"l": ["v"] * 10, "go": True})) == 2


def test_a_let_may_only_use_earlier_ones(workshop: Workshop) -> None:
    """So there are no circles."""
    assert "unknown variable 'b'" in workshop.problem(rule("a: b, b: event.x", "true"))


@pytest.mark.parametrize("name", ["event", "meta", "before", "op", "source", "cloudevent", "maps", "item"])
def test_nothing_may_shadow_the_scope(workshop: Workshop, name: str) -> None:
    """Not even names that this envelope does not have."""
    assert "is taken" in workshop.problem(rule(f"{name}: event.x", "true"))
    loop = rule("a: event.x", "true").replace(
        "        event_params", f"        for_each: {{item: event.l, index: {name}}}\n        event_params"
    )
    assert "is taken" in workshop.problem(loop)


@pytest.mark.parametrize("name", ["in", "true", "a-b", "1a", '"a b"'])
def test_a_let_needs_a_name_that_expressions_can_say(workshop: Workshop, name: str) -> None:
    """Words of the language and other characters are refused."""
    assert "cannot be a name" in workshop.problem(rule(f"{name}: event.x", "true")) or name == "true"


def test_a_loop_index_may_not_be_a_let(workshop: Workshop) -> None:
    """One name, one meaning."""
    text = rule("n: event.x", "true").replace(
        "        event_params", "        for_each: {item: event.l, index: n}\n        event_params"
    )
    assert "already a let" in workshop.problem(text)


def test_lets_know_nothing_of_loops(workshop: Workshop) -> None:
    """They are computed for the record."""
    assert "unknown variable 'item'" in workshop.problem(rule("a: item.x", "true"))


def test_loop_steps_are_bounded(workshop: Workshop) -> None:
    """One budget for a rule's evaluation."""
    text = rule('a: "event.l.map(i, event.l.map(j, i))"', "a != []")
    assert "too many loop steps" in workshop.fault(text, {"l": [1] * 200}).error
