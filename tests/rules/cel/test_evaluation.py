"""What expressions give on data, and their faults."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from bridge.rules.cel import Budget, Environment, EvalFault, Limits, Unit, evaluate, python_name
from bridge.rules.cel.unit import single_function

EVENT: dict[str, Any] = {
    "id": 7,
    "big": 2**63,
    "total": 1.5,
    "on": True,
    "name": "An",
    "none": None,
    "items": [{"qty": 2, "price": 1.5}, {"qty": 1, "price": 3}],
    "many": list(range(200)),
    "nested": {"a": {"b": 1}},
}


def run(text: str) -> Any:
    """The value of ``text`` over ``EVENT``."""
    return evaluate(text, {"event": EVENT})


def fault(text: str) -> EvalFault:
    """The fault of ``text`` over ``EVENT``."""
    with pytest.raises(EvalFault) as caught:
        run(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("event.items.map(i, i.qty * i.price).sum()", 6.0),
        ("event.items.map(i, i.qty).sum()", 3),
        ("event.items.map(i, i.qty > 1, i.price)", [1.5]),
        ("event.items.filter(i, i.qty > 1).size()", 1),
        ("event.items.sortBy(i, i.qty)[0].qty", 1),
        ("event.id + event.total", 8.5),
        ("event.total * 2", 3.0),
        ("event.?gone.orValue('x')", "x"),
        ("event.?gone.?deep.orValue('x')", "x"),
        ("event.none.?deep.orValue('x')", "x"),
        ("event.?none.orValue('x')", None),
        ("event.?name.orValue(1 / 0)", "An"),
        ("has(event.gone)", False),
        ("has(event.none.deep)", False),
        ("has(event.nested.a.b)", True),
        ("event.on == 1", False),
        ("event.on == true", True),
        ("1 == 1.0 && 1u == 1", True),
        ("[true] == [1]", False),
        ("1 in [true]", False),
        ("true in {1: 2}", False),
        ("1 in {true: 2}", False),
        ("{1: 2} == {true: 2}", False),
        ("{1: 2}[?true].hasValue()", False),
        ("event.name in ['Binh', 'An']", True),
        ("event.id in ['7']", False),
        ("event.items in [1, event.items]", True),
        ("event.gone == 1 || true", True),
        ("event.gone == 1 && false", False),
        ("event.items.exists(i, i.gone == 1 || i.qty == 1)", True),
        ("[1, 2].map(x, [3].map(x, x + 1))", [[4], [4]]),
        ("[1, 2].map(x, [10].map(y, x + y)[0])", [11, 12]),
        ("cel.bind(event, 1, event + 1)", 2),
        ("{'b': 1, 'a': 2}.map(k, k)", ["b", "a"]),
        ("{'a': 1}.transformMapEntry(k, v, {v: k})", {1: "a"}),
        ("event['nested']['a'].b", 1),
        ("event.many[-0]", 0),
        ("-7 / 2 == -3 && -7 % 2 == -1", True),
        ("event.name.matches('^A')", True),
    ],
)
def test_values(text: str, expected: Any) -> None:
    """An expression gives this value over JSON data."""
    found = run(text)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("text", "message", "kind"),
    [
        ("event.gone", "no such key 'gone'", "missing"),
        ("event['gone']", "no such key 'gone'", "missing"),
        ("event.none.deep", "no such key 'deep' in null", "missing"),
        ("event.name.deep", "no such key 'deep' in string", "type"),
        ("event.id.deep", "no such key 'deep' in int", "type"),
        ("event.items.deep", "no such key 'deep' in list", "type"),
        ("event.total['deep']", "no such key 'deep' in double", "type"),
        ("event.first == 1 && event.second == 1", "no such key 'first'", "missing"),
        ("event.items.exists(i, i.gone == i.qty || event.none.x)", "no such key 'gone'", "missing"),
        ("event.many[200]", "index 200 is out of range of a list of 200", "missing"),
        ("event.many[-1]", "index -1 is out of range of a list of 200", "missing"),
        ("event[event.name]", "no such key, of type string", "missing"),
        ("event.many[event.on]", "a list has no element of index type bool", "type"),
        ("event.name[0]", "cannot take an element of string", "type"),
        ("optional.none().value()", "value() of an absent optional", "missing"),
        ("event.on + 1", "+ does not take (bool, int)", "type"),
        ("event.id + 'a'", "+ does not take (int, string)", "type"),
        ("1u + 1", "+ does not take (uint, int)", "type"),
        ("event.on < 1", "< does not take (bool, int)", "type"),
        ("event.id.trim()", "trim does not take (int)", "type"),
        ("size(1)", "size does not take (int)", "type"),
        ("event.id ? 1 : 2", "expected bool, not int", "type"),
        ("!event.id", "expected bool, not int", "type"),
        ("event.id && true", "expected bool, not int", "type"),
        ("event.id.map(x, x)", "cannot loop over int", "type"),
        ("event.id / 0", "division by zero", "divide"),
        ("event.id % 0", "modulus by zero", "divide"),
        ("9223372036854775807 + event.id", "int does not fit into 64 bits", "overflow"),
        ("event.big + 1.0", "int does not fit into 64 bits", "overflow"),
        ("string(event.big)", "int does not fit into 64 bits", "overflow"),
        ("int('x')", "text is no int", "conversion"),
        ("{event.name: 1, 'An': 2}", "a map's key stands twice", "argument"),
        (
            "event.many.map(x, event.many.map(y, y).sum()).sum()",
            "too many loop steps for one evaluation",
            "budget",
        ),
        ("[1, 'a'].sum()", "+ does not take (int, string)", "type"),
        ("[1, 'a'].sort()", "cannot sort by int, string", "type"),
    ],
)
def test_faults(text: str, message: str, kind: str) -> None:
    """A fault says what is wrong without the data, and of which sort it is."""
    found = fault(text)
    assert (found.message, found.kind, found.missing) == (message, kind, kind == "missing")


def test_an_empty_budget_is_not_absorbed() -> None:
    """Neither || nor exists() makes an empty budget good."""
    loop = "event.many.map(x, event.many.map(y, y)).size() == 1"
    assert fault(f"{loop} || true").kind == "budget"
    assert fault(f"[1, 2].exists(z, {loop} || z == 2)").kind == "budget"


def limited(text: str, limits: Limits, bindings: dict[str, Any]) -> Any:
    """The value of ``text`` under other limits."""
    unit = Unit(Environment(bindings), filename="<test>", limits=limits)
    parameters = [python_name(name) for name in bindings]
    function = unit.build(single_function(parameters, unit.expression(text).node))
    return function(*bindings.values(), Budget(limits.steps))


@pytest.mark.parametrize(
    "text",
    [
        "s + s",
        "s.replace('a', 'bbb')",
        "s.replace('', 'bbb')",
        "[s, s].join()",
        "'%s%s'.format([s, s])",
        "'%s'.format([[s, s]])",
        "'%s'.format([{s: s}])",
        "'%x'.format([s])",
        "l + l",
        "[l, l].flatten()",
        "lists.range(70)",
        "strings.quote(s + 'aaa')",
        "base64.encode(bytes(s))",
        "json.encode(s + 'aaa')",
        "json.encode([l, l])",
        "regex.replace(s, 'a', 'bbb')",
        "regex.replace(s, '(a)', '\\\\1\\\\1\\\\1')",
        "'é'.replace('é', s) + 'ééé'",
    ],
)
def test_results_are_capped(text: str) -> None:
    """Whatever builds a text or list stops at the limit."""
    with pytest.raises(EvalFault) as caught:
        limited(text, Limits(string_bytes=64), {"s": "a" * 60, "l": [0] * 60})
    assert caught.value.kind == "budget"


@pytest.mark.parametrize(
    "text",
    [
        "s.replace('', s)",
        "[s, s, s, s].join(s + s).replace('a', s)",
        "lists.range(2000).map(x, s).join()",
        "'%s'.format([lists.range(2000).map(x, s)])",
        "regex.replace(s, 'a', s)",
        "regex.replace(s, '(a)', '\\\\1' + s)",
    ],
)
def test_large_results_are_never_made(text: str) -> None:
    """A result that is too large is refused before it takes memory."""
    tracemalloc.start()
    try:
        with pytest.raises(EvalFault):
            limited(text, Limits(), {"s": "a" * 2000})
        assert tracemalloc.get_traced_memory()[1] < 1_500_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "text",
    [
        "many.all(x, x in many)",
        "many.map(x, many.sum()).size()",
        "many.map(x, many == other).size()",
        "many.map(x, lists.range(1000)).size()",
        "many.map(x, text.split('')).size()",
        "many.map(x, text.matches('a$')).size()",
        "many.map(x, pii.sha256(text)).size()",
        "objects.distinct()",
    ],
)
def test_work_inside_loops_is_paid_for(text: str) -> None:
    """What takes long on large values takes steps, so that no rule takes long on a large message."""
    bindings = {
        "many": list(range(1000)),
        "other": list(range(1000)),
        "text": "a" * 60_000,
        "objects": [{"a": n} for n in range(1000)],
    }
    with pytest.raises(EvalFault) as caught:
        limited(text, Limits(), bindings)
    assert caught.value.kind == "budget"


def test_deep_data() -> None:
    """Deep data compares as far as Python recurses, and beyond that faults."""
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(EvalFault) as caught:
        evaluate("a == b", {"a": deep, "b": [[deep]]})
    assert caught.value.kind == "budget"


@pytest.mark.parametrize("exact", [True, False])
def test_unchecked_names_are_faults_where_they_are_evaluated(exact: bool) -> None:
    """The official suite asks for it: an unknown name that is never needed does no harm."""
    assert evaluate("gone || true", checked=False, exact=exact) is True
    assert evaluate("true ? 1 : gone.size()", checked=False, exact=exact) == 1
    with pytest.raises(EvalFault, match="unknown variable 'gone'"):
        evaluate("gone || false", checked=False, exact=exact)


def test_an_int_beside_a_double_is_ordered_as_a_double() -> None:
    """As in the official suite; and what does not fit into 64 bits is a fault, not a Python error."""
    assert run("9007199254740993 <= 9007199254740992.0") is True
    assert run("event.id < 7.5 && 7.5 > event.id && event.total < 2") is True
    assert run("event.big > event.id") is True
    assert fault("event.big > 1.5").kind == "overflow"


def test_what_the_fast_shape_spent_is_given_back() -> None:
    """A budget means the same in both shapes, although the loop runs twice."""
    text = "event.items.all(i, i.qty > 0 && i.gone == 1) || event.on"
    unit = Unit(Environment(["event"]), filename="<twice>")
    node = unit.shaped(unit.expression(text))
    run_it = unit.build(single_function([python_name("event")], node))
    budget = Budget(2)
    assert run_it(EVENT, budget) is True
    assert budget.left == 0
