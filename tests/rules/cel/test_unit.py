"""Many expressions in one function: lets, constants, places of faults, and what generated code may hold."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.rules.cel import BUDGET, Budget, CompileFault, Environment, EvalFault, Local, Location, Unit
from bridge.rules.cel.codegen import Generator
from bridge.rules.cel.environment import LocalLike
from bridge.rules.cel.unit import single_function

SUITE = Path(__file__).parent / "conformance"


def two_expressions() -> tuple[Unit, Any]:
    """A unit whose function gives a pair of two expressions' values."""
    unit = Unit(Environment(["event"]), filename="<pair>")
    parts = [unit.expression("event.a.b + 1").node, unit.expression("event.items.map(i, i.qty)").node]
    return unit, unit.build(single_function(["v_event"], ast.Tuple(parts, ast.Load())))


@pytest.mark.parametrize(
    ("event", "place", "message"),
    [
        ({"items": []}, Location(0, 6), "no such key 'a'"),
        ({"a": {}, "items": []}, Location(0, 8), "no such key 'b'"),
        ({"a": {"b": "x"}, "items": []}, Location(0, 10), "+ does not take (string, int)"),
        ({"a": {"b": 1}}, Location(1, 6), "no such key 'items'"),
        ({"a": {"b": 1}, "items": [{"qty": 1}, {}]}, Location(1, 21), "no such key 'qty'"),
        ({"a": {"b": 1}, "items": 5}, Location(1, 6), "cannot loop over int"),
    ],
)
def test_faults_have_places(event: dict[str, Any], place: Location, message: str) -> None:
    """A fault at run time leads back to the expression and the character."""
    unit, function = two_expressions()
    with pytest.raises(Exception) as caught:  # noqa: PT011 -- raw exceptions are what is translated
        function(event, Budget())
    found = unit.fault(caught.value)
    assert found is not None
    assert (found.message, unit.locate(caught.value)) == (message, place)


def test_absorbed_faults_keep_their_place() -> None:
    """A fault that && held back points at its own operand."""
    text = "event.a == 1 && event.b == 1"
    unit = Unit(Environment(["event"]), filename="<and>")
    function = unit.build(single_function(["v_event"], unit.expression(text).node))
    with pytest.raises(KeyError) as caught:
        function({"a": 1}, Budget())
    assert unit.locate(caught.value) == Location(0, text.index("b"))
    with pytest.raises(KeyError) as caught:
        function({"b": 1}, Budget())
    assert unit.locate(caught.value) == Location(0, text.index("a"))


def test_every_line_of_a_long_expression() -> None:
    """Offsets are exact however many expressions and characters come before."""
    unit = Unit(Environment(["event"]), filename="<long>")
    for _ in range(200):
        unit.expression("'" + "x" * 3000 + "' == event.a")
    text = " " * 4000 + "event.gone"
    function = unit.build(single_function(["v_event"], unit.expression(text).node))
    with pytest.raises(KeyError) as caught:
        function({}, Budget())
    assert unit.locate(caught.value) == Location(200, 4006)


def test_lets_are_spliced_in() -> None:
    """A local is a Python name or a factory of nodes, made anew for every use."""
    unit = Unit(Environment(["event"]), filename="<lets>")
    calls: list[int] = []

    def compute() -> int:
        calls.append(1)
        return 20

    thunk = unit.constant(compute)
    factory = lambda: ast.Call(ast.Name(thunk.id, ast.Load()), [], [])  # type: ignore[attr-defined]  # noqa: E731
    names: dict[str, LocalLike] = {
        "lazy": factory,
        "ready": "l_ready",
        "typed": Local(factory, "int", fails=False),
    }
    code = unit.expression("event.on ? lazy + lazy + ready : typed", locals=names)
    function = unit.build(single_function(["v_event", "l_ready"], code.node))
    assert function({"on": True}, 2, Budget()) == 42
    assert len(calls) == 2
    assert function({"on": False}, 2, Budget()) == 20


def test_loop_names_shadow_lets_and_are_not_captured() -> None:
    """A loop name wins over a let of its name, and cannot be seen by what a let splices in."""
    unit = Unit(Environment([]), filename="<shadow>")
    code = unit.expression("[1].map(a, a + b)", locals={"a": "a", "b": lambda: ast.Name("a", ast.Load())})
    assert unit.build(single_function(["a"], code.node))(100, Budget()) == [101]


def test_locals_must_be_names() -> None:
    """Text that is no Python name is refused."""
    with pytest.raises(ValueError, match="is no Python name"):
        Unit(Environment([]), filename="<bad>").expression("a", locals={"a": "a.b"})


def test_assign_gives_statements() -> None:
    """An expression can be computed into a local of the function."""
    unit = Unit(Environment(["event"]), filename="<assign>")
    body = [*unit.expression("event.a + 1").assign("p_0"), ast.Return(ast.Name("p_0", ast.Load()))]
    definition = single_function(["v_event"], ast.Constant(None))
    definition.body = body
    assert unit.build(definition)({"a": 1}, Budget()) == 2


def test_foreign_exceptions_are_not_hidden() -> None:
    """A defect of the program is no fault of an expression."""
    unit = Unit(Environment(["event"]), filename="<foreign>")

    def broken() -> None:
        raise KeyError("program")

    node = ast.Call(unit.constant(broken), [], [])
    code = unit.expression("event", locals={"event": lambda: node})
    function = unit.build(single_function([], code.node))
    with pytest.raises(KeyError) as caught:
        function(Budget())
    assert unit.fault(caught.value) is None
    assert unit.fault(ValueError("elsewhere")) is None
    assert unit.locate(ValueError("elsewhere")) is None


def test_the_callers_own_nodes_are_no_expression() -> None:
    """What fails in the code around expressions is a defect, and has no place in one."""
    unit = Unit(Environment(["event"]), filename="<around>")
    around = ast.Subscript(unit.constant({}), unit.expression("event.a").node, ast.Load())
    with pytest.raises(KeyError) as caught:
        unit.build(single_function(["v_event"], around))({"a": 1}, Budget())
    assert (unit.fault(caught.value), unit.locate(caught.value)) == (None, None)


def test_faults_pass_through() -> None:
    """A fault translates to itself."""
    unit = Unit(Environment([]), filename="<same>")
    same = EvalFault("x")
    assert unit.fault(same) is same


def suite_expressions() -> list[str]:
    """Every expression of the conformance suite."""
    files = (path for path in SUITE.glob("*.json") if path.name != "misses.json")
    return [case["expr"] for path in files for case in json.loads(path.read_text())]


ALLOWED = (
    *(ast.Constant, ast.Name, ast.Load, ast.Store, ast.Call, ast.Starred, ast.Subscript, ast.Tuple, ast.List),
    *(ast.Dict, ast.Lambda, ast.arguments, ast.arg, ast.ListComp, ast.DictComp, ast.comprehension, ast.IfExp),
    *(ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.Compare, ast.cmpop),
)


def assert_tame(node: ast.expr) -> None:
    """Only these nodes, only prefixed names: no attribute, no builtin, nothing the user named."""
    for inner in ast.walk(node):
        assert isinstance(inner, ALLOWED), ast.dump(inner)
        if isinstance(inner, ast.Name):
            assert inner.id == BUDGET or inner.id[0] in "vrfcx", inner.id
            assert inner.id[1] in "_0123456789", inner.id


def test_generated_code_is_tame() -> None:
    """No expression of the whole suite generates an attribute access or an unprefixed name."""
    names = {"x", "y", "a", "a.b", "a.b.c"}
    count = 0
    for text in suite_expressions():
        try:
            assert_tame(Unit(Environment(names), filename="<suite>").expression(text).node)
        except CompileFault:
            continue
        count += 1
    assert count > 1400


@pytest.mark.parametrize(
    "text",
    [
        "event.__class__",
        "event.items.map(__class__, __class__)",
        "event.`__class__`",
        "cel.bind(__builtins__, 1, __builtins__)",
        "'{0.__class__}'.format([event])",
        "event.items.map(v_event, v_event)",
    ],
)
def test_python_cannot_be_reached(text: str) -> None:
    """Names that mean something to Python are names like any other."""
    unit = Unit(Environment(["event"]), filename="<escape>")
    code = unit.expression(text)
    assert_tame(code.node)
    function = unit.build(single_function(["v_event"], code.node))
    try:
        assert function({"items": [1]}, Budget()) in ([1], 1, "{0.__class__}")
    except KeyError as error:
        assert error.args == ("__class__",)  # noqa: PT017 -- either outcome is fine, but no other


TOKENS = st.sampled_from(
    [
        *"()[]{}.,?:!-+*/%<>",
        "==",
        "&&",
        "||",
        "in",
        "event",
        "x",
        "1",
        "2u",
        "1.5",
        "'a'",
        "b'a'",
        "null",
        "true",
        ".map(x, ",
        ".all(x, ",
        "has(event.a)",
        ".size()",
        ".?a",
        "[?",
        ".orValue(",
        "cel.bind(x, ",
        "`a-b`",
        "$",
        "'",
    ]
)


LEAVES = st.one_of(
    st.sampled_from(["1", "-2", "3u", "2.5", "'a'", "b'a'", "null", "true", "x", "[]", "{}", "type(1)"]),
    st.sampled_from(["event.a", "event.?b", "event.c[0]", "event", "event.c", "9223372036854775807"]),
    st.sampled_from(["timestamp(0)", "duration('1s')", "optional.none()"]),
)
OPERATORS = ["+", "-", "*", "/", "%", "==", "!=", "<", ">=", "&&", "||", "in"]
SHAPES = st.one_of(
    st.sampled_from(OPERATORS).map("({{}} {} {{}})".format),
    st.sampled_from(["{}.map(x, {})", "{}.all(x, {})", "{}.exists(i, x, {})", "{}.sortBy(x, {})"]),
    st.sampled_from(["{}[{}]", "{}[?{}]", "[{}, {}]", "{{{}: {}}}", "[?{}, {}]", "cel.bind(x, {}, {})"]),
    st.sampled_from(["{}.orValue({})", "{}.or({})", "{}.optMap(x, {})", "({} ? {} : 1)", "has({}.a) || {}"]),
    st.sampled_from(["-({}) + {}", "!({}) && {}", "size({}) + {}", "{}.transformMap(i, x, {})"]),
)
EXPRESSIONS = st.recursive(
    LEAVES, lambda part: st.tuples(SHAPES, part, part).map(lambda p: p[0].format(p[1], p[2]))
)


def assert_compiles_or_refuses(text: str) -> None:
    """It becomes tame code that gives a value or a fault with a place, or it is a compile fault."""
    unit = Unit(Environment(["event", "x"]), filename="<fuzz>")
    try:
        code = unit.expression(text)
    except CompileFault as fault:
        refused = fault.offset
    else:
        assert_tame(code.node)
        refused = place_of_fault(unit, unit.build(single_function(["v_event", "v_x"], code.node)))
    assert 0 <= refused <= len(text)


def place_of_fault(unit: Unit, function: Any) -> int:
    """The character that a built function faults at; 0 when it does not."""
    try:
        function({"a": 1, "c": [1, {"a": None}]}, "x", Budget())
    except Exception as caught:  # noqa: BLE001 -- all of them must translate
        exc = caught
    else:
        return 0
    assert unit.fault(exc) is not None, repr(exc)
    place = unit.locate(exc)
    assert place is not None
    return place.offset


@settings(max_examples=800, deadline=None)
@given(st.lists(TOKENS, max_size=14).map("".join))
def test_any_text_is_compiled_or_refused(text: str) -> None:
    """Whatever stands in a rule file is compiled or refused, and never breaks."""
    assert_compiles_or_refuses(text)


@settings(max_examples=800, deadline=None)
@given(EXPRESSIONS)
def test_any_expression_gives_a_value_or_a_fault(text: str) -> None:
    """Operators and macros take any values of any kinds, in any order."""
    assert_compiles_or_refuses(text)


def test_built_functions_have_no_builtins() -> None:
    """Generated code runs without Python's builtins."""
    unit = Unit(Environment([]), filename="<bare>")
    function = unit.build(single_function([], ast.Name("open", ast.Load())))
    with pytest.raises(NameError):
        function(Budget())


def test_every_kind_of_node_has_code() -> None:
    """A node without code is a defect, not a fault."""
    unit = Unit(Environment([]), filename="<node>")
    with pytest.raises(NotImplementedError):
        Generator(unit.environment, unit, {}, 2)._visit(object())  # noqa: SLF001
