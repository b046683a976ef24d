"""The index of rules by literal: nothing is told apart by it but the time that it takes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.model import Applied, Filtered, Poison, Scope
from bridge.rules import StreamRules
from bridge.rules.cel import Environment, Unit
from bridge.rules.index import Key, key_of
from bridge.rules.ruleset import CompiledRule
from tests.rules.workshop import Workshop, a_record

A, AB = Key(("type",), frozenset("a")), Key(("type",), frozenset("ab"))


@pytest.mark.parametrize(
    ("when", "key"),
    [
        ("event.type == 'a'", A),
        ("'a' == event['type']", A),
        ("event.type in ['a', 'b']", AB),
        ("event.type == 'a' || event.type == 'b'", AB),
        ("event.order.type == 'a'", Key(("order", "type"), frozenset("a"))),
        ("event.n > 1 && has(event.x) && event.type == 'a' && event.items.size() > 1", A),
        ("event.x != 'y' && event.type == 'a'", A),
        ("event.type != 'a'", None),
        ("event.?type == 'a'", None),
        ("event == 'a'", None),
        ("event.type == 1", None),
        ("event.type in ['a', 1]", None),
        ("event.type in event.types", None),
        ("meta.type == 'a'", None),
        ("event.type == 'a' || event.kind == 'b'", None),
        ("event.type == 'a' || event.n > 1", None),
        ("!(event.type == 'a')", None),
        ("event.type == 'a' ? true : false", None),
        ("event.items.all(i, i > 1) && event.type == 'a'", None),
        ("event.x == event.y && event.type == 'a'", None),
    ],
)
def test_what_is_indexed(when: str, key: Key | None) -> None:
    """Only literals of a plain path, behind nothing that could use up the budget."""
    unit = Unit(Environment(["event", "meta"]), filename="<when>")
    assert key_of(unit.expression(when).checked) == key


PARTS = (
    "event.type == 'a'",
    "event.type in ['a', 'b']",
    "(event.type == 'b' || event.type == 'c')",
    "event.n > 1",
    "event.kind == 'a'",
    "event.order.type == 'a'",
    "event.?type.orValue('a') == 'a'",
    "event.items.all(i, i.n > 0)",
    "event.n == event.m",
)
WHENS = st.lists(st.sampled_from(PARTS), min_size=1, max_size=3).map(" && ".join)
VALUES = st.sampled_from(["a", "b", "c", "z", "", 1, 1.5, None, True, [], ["a"], {"type": "a"}, {"n": 1}])
EVENTS = VALUES | st.dictionaries(st.sampled_from(["type", "kind", "n", "m", "order", "items"]), VALUES)
RULE = """\
  - name: r{index}
    envelope: {envelope}
    when: "{when}"
    emit: [{{event_type: track, event_name: E, user_id: "'u'", timestamp: none}}]
"""


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    whens=st.lists(st.tuples(WHENS, st.sampled_from(["none", "auto"])), min_size=1, max_size=6),
    events=st.lists(EVENTS, min_size=1, max_size=8),
    refused=st.sampled_from([None, "none", "auto"]),
)
def test_with_and_without_the_index_everything_is_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    whens: list[tuple[str, str]],
    events: list[Any],
    refused: str | None,
) -> None:
    """Events, their order, faults and their texts, and why nothing came out."""
    text = "from: {topics: [t]}\nrules:\n" + "".join(
        RULE.format(index=index, when=when, envelope=envelope) for index, (when, envelope) in enumerate(whens)
    )
    rules = Workshop(tmp_path_factory.mktemp("rules")).rules(text).rules
    plain = [replace(one, key=None) for one in rules]
    for event in events:
        assert _made(rules, event, refused) == _made(plain, event, refused)


def _made(
    rules: tuple[CompiledRule, ...] | list[CompiledRule], event: Any, refused: str | None
) -> Applied | Poison | Filtered:
    def unwrap(envelope: str) -> Scope | Filtered:
        return Filtered("tombstone") if envelope == refused else Scope(event)

    return StreamRules(rules).apply(a_record(), unwrap)


def test_a_rule_that_cannot_fit_is_not_run(workshop: Workshop) -> None:
    """Its function would tell."""
    text = "from: {topics: [t]}\nrules:\n" + RULE.format(
        index=0, envelope="auto", when="event.type == 'a' && event.gone == 1"
    )
    (rule,) = workshop.rules(text).rules
    ran: list[Any] = []

    def run(turn: Any) -> bool:
        ran.append(turn)
        return False

    rules = StreamRules([replace(rule, run=run)])

    rules.apply(a_record(), lambda envelope: Scope({"type": "b"}))
    assert not ran
    rules.apply(a_record(), lambda envelope: Scope({"type": "a"}))
    rules.apply(a_record(), lambda envelope: Scope({}))
    assert len(ran) == 2
