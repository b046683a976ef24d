"""Two shapes of one expression: the fast one never says anything that the exact one would not."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.model import Applied, Filtered
from bridge.rules.cel import FAULTS, Budget, Environment, EvalFault, Unit, evaluate
from bridge.rules.cel.unit import single_function
from bridge.rules.convert import to_condition
from tests.rules.workshop import Workshop

PARTS = (
    "event.a == 'x'",
    "event.b > 1",
    "event.c",
    "event.a.b == 'x'",
    "event.?c.orValue(false)",
    "event.b in ['x', 'y']",
    "!event.c",
    "event.items.all(i, i == 1)",
    "string(event.b) == '1'",
    "true",
)
LOGIC = st.recursive(
    st.sampled_from(PARTS),
    lambda parts: st.tuples(st.sampled_from([" && ", " || "]), st.lists(parts, min_size=2, max_size=3)).map(
        lambda pair: "(" + pair[0].join(pair[1]) + ")"
    ),
    max_leaves=6,
)
VALUES = st.sampled_from(["x", "y", 1, 2, 0.5, True, False, None, [1], [0, "x"], {"b": "x"}])
EVENTS = st.dictionaries(st.sampled_from(["a", "b", "c", "items"]), VALUES)
RULE = """\
from: {{topics: [t]}}
rules:
  - name: r
    when: "{when}"
    emit: [{{event_type: track, event_name: E, user_id: "'u'", timestamp: none}}]
"""


@cache
def _shapes(text: str) -> tuple[Any, Any]:
    unit = Unit(Environment(["event"]), filename="<logic>")
    compiled = unit.expression(text)
    exact = unit.build(single_function(["v_event"], compiled.node))
    fast = unit.build(single_function(["v_event"], compiled.fast)) if compiled.fast else None
    return exact, fast


@given(text=LOGIC, event=EVENTS)
def test_the_fast_shape_gives_the_exact_value_or_a_fault(text: str, event: dict[str, Any]) -> None:
    """Nothing but the faults that lead to the exact shape comes out of it."""
    exact, fast = _shapes(text)
    if fast is None:
        return
    try:
        value = fast(event, Budget())
    except FAULTS:
        return
    assert value is exact(event, Budget())


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=LOGIC, event=EVENTS)
def test_when_is_what_the_expression_is(workshop: Workshop, text: str, event: dict[str, Any]) -> None:
    """True, false, or the same fault."""
    made = workshop.apply(RULE.format(when=text), event)
    told = _told(text, event)
    if told is False:
        assert made == Filtered("no_rule")
    else:
        assert isinstance(made, Applied)
        assert len(made.events) == (told is True)
        assert all(fault.error.endswith(f"r.when: {told}") for fault in made.faults)


def _told(text: str, event: dict[str, Any]) -> object:
    """The value of a condition, or the text of its fault."""
    try:
        return to_condition(evaluate(text, {"event": event}))
    except EvalFault as fault:
        return fault.message


@pytest.mark.parametrize("text", ["event.c", "event.a == 'x'", "event.c ? true : false"])
def test_what_has_one_shape(text: str) -> None:
    """Only absorbed faults need a second one."""
    assert _shapes(text)[1] is None


def test_loops_are_paid_for_once(workshop: Workshop) -> None:
    """A `when` with loops runs in both shapes, and what the fast one spent is given back."""
    workshop.limits = workshop.limits.model_copy(update={"loop_steps": 10})
    when = "event.items.all(i, i == 1) && event.gone == 1 || event.c"
    made = workshop.apply(RULE.format(when=when), {"items": [1] * 8, "c": True})
    assert isinstance(made, Applied)
    assert len(made.events) == 1
