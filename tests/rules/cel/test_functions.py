"""The function table: its examples, and what its functions refuse."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.rules.cel import CompileFault, Environment, EvalFault, evaluate, standard_functions
from bridge.rules.cel.functions import Function

HOME = Environment(["x"], standard_functions(secrets={"key": lambda: b"secret"}, timezone="Asia/Ho_Chi_Minh"))
BARE = Environment(["x"], standard_functions(secrets={"a": lambda: b"1", "b": lambda: b"2"}))


def run(text: str, x: Any = None, environment: Environment = HOME) -> Any:
    """The value of ``text``, with ``x`` bound."""
    return evaluate(text, {"x": x}, environment)


def name_of(function: Function) -> str:
    """The test's name of a function."""
    return ("." if function.receiver else "") + function.name


@pytest.mark.parametrize("function", list(HOME.functions), ids=name_of)
def test_examples_are_true(function: Function) -> None:
    """The example of every function uses it, and is true."""
    assert f"{function.name}(" in function.example
    assert run(function.example) is True


@pytest.mark.parametrize("function", list(HOME.functions), ids=name_of)
def test_functions_are_documented(function: Function) -> None:
    """Every function has a line for a person."""
    assert function.doc.endswith(".")
    assert "\n" not in function.doc


@pytest.mark.parametrize("function", list(HOME.functions), ids=name_of)
@pytest.mark.parametrize(
    "value", [None, True, 1, 1.5, "x", b"x", [], {}, [None], -(2**70), float("nan")], ids=repr
)
def test_no_value_breaks_a_function(function: Function, value: Any) -> None:
    """Whatever the data hold, a function gives a value or a fault."""
    for overload in function.overloads:
        count = len(overload.parameters) - function.receiver
        name = f"x.{function.name}" if function.receiver else function.name
        try:
            run(f"{name}({', '.join(['x'] * count)})", value)
        except (EvalFault, CompileFault):
            continue


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("timestamp('2024-01-01 10:00:00')", datetime(2024, 1, 1, 3, tzinfo=UTC)),
        ("timestamp('2024-01-01')", datetime(2023, 12, 31, 17, tzinfo=UTC)),
        ("timestamp('2024-01-01T10:00:00')", datetime(2024, 1, 1, 3, tzinfo=UTC)),
        ("timestamp('2024-01-01T10:00:00.5Z')", datetime(2024, 1, 1, 10, 0, 0, 500_000, tzinfo=UTC)),
        ("timestamp('2024-01-01t10:00:00z')", datetime(2024, 1, 1, 10, tzinfo=UTC)),
        ("timestamp('2024-01-01 10:00:00+07:00')", datetime(2024, 1, 1, 3, tzinfo=UTC)),
        ("time.ms(1700000000123)", datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=UTC)),
        ("time.ms(1700000000123.9)", datetime(2023, 11, 14, 22, 13, 20, 123_900, tzinfo=UTC)),
        ("time.us(-1)", datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
        ("time.parse('02/01/2024', '%d/%m/%Y')", datetime(2024, 1, 1, 17, tzinfo=UTC)),
        ("time.parse('2024-01-02 +0100', '%Y-%m-%d %z')", datetime(2024, 1, 1, 23, tzinfo=UTC)),
        ("time.parse('2024-01-02', '%Y-%m-%d', 'UTC')", datetime(2024, 1, 2, tzinfo=UTC)),
        # A repeated hour means the first, a missing hour is moved forward.
        (
            "time.parse('2024-11-03 01:30', '%Y-%m-%d %H:%M', 'US/Eastern')",
            datetime(2024, 11, 3, 5, 30, tzinfo=UTC),
        ),
        (
            "time.parse('2024-03-10 02:30', '%Y-%m-%d %H:%M', 'US/Eastern')",
            datetime(2024, 3, 10, 7, 30, tzinfo=UTC),
        ),
        ("time.format(timestamp('2024-01-01T20:00:00Z'), '%d.%m.%Y %H:%M')", "02.01.2024 03:00"),
        ("time.format(timestamp('2024-01-01T20:00:00Z'), '%H', 'UTC')", "20"),
        ("string(timestamp('2024-01-01T20:00:00.120Z'))", "2024-01-01T20:00:00.12Z"),
        ("string(duration('-1.5s'))", "-1.5s"),
        ("duration('-90m').getHours()", -1),
        ("duration('1h2m3.456s').getMilliseconds()", 456),
        ("phone.e164('+84 (0)912 345 678', 'US')", "+84912345678"),
        ("phone.filum('0912345678', 'VN')", "84912345678"),
        ("pii.mask('ab', 5)", "ab"),
        ("pii.mask('abcde', 6)", "abcde"),
        ("pii.mask('abc', 0)", "***"),
        ("pii.sha256('é')", hashlib.sha256("é".encode()).hexdigest()),
        ("pii.hmac('é')", hmac.new(b"secret", "é".encode(), "sha256").hexdigest()),
        ("pii.hmac('é', 'key') == pii.hmac('é')", True),
        ("json.encode({'b': 1u, 'a': [timestamp(0), duration('1s'), b'x', 1.5, 'é']})", None),
        ("json.decode('[1, 2.0, null]')", [1, 2.0, None]),
        ("base64.decode('aGVsbG8')", b"hello"),
        ("[3, 1, 2].sortBy(e, -e)", [3, 2, 1]),
        ("[1, 2.0, 1.0, true, 'a', 'a'].distinct()", [1, 2.0, True, "a"]),
        ("['a', 'b'].distinct()", ["a", "b"]),
        ("[[1, [2]], [[3]]].flatten(2)", [1, 2, 3]),
        ("[].sum()", 0),
        ("[1.5, 1].sum()", 2.5),
        ("[duration('1s'), duration('2s')].sum() == duration('3s')", True),
        ("[1u, 2u].sum() == 3u", True),
        ("regex.replace('a-b-c', '-', '+', 1)", "a+b-c"),
        ("regex.replace('a-b', '-', '+', 0)", "a-b"),
        ("regex.replace('ab', '(a)(b)', '\\\\2\\\\1\\\\\\\\')", "ba\\"),
        ("regex.replace('banana', 'a*', 'x')", "xbxnxnx"),
        ("regex.extract('abc', 'd').hasValue()", False),
        ("regex.extractAll('k=1,l=2', '[a-z]=([0-9])')", ["1", "2"]),
        ("'a,b'.split('', 2)", ["a", ",b"]),
        ("'{}'.format([])", "{}"),
        ("string(1e21)", "1e+21"),
        ("string(-0.5)", "-0.5"),
    ],
)
def test_values(text: str, expected: Any) -> None:
    """A function gives this value."""
    if expected is None:
        expected = '{"b":1,"a":["1970-01-01T00:00:00Z","1s","eA==",1.5,"é"]}'
    assert run(text) == expected


@pytest.mark.parametrize(
    ("text", "message", "kind"),
    [
        ("timestamp('yesterday')", "text is no timestamp", "conversion"),
        ("timestamp('2024-02-30T00:00:00Z')", "timestamp is out of range", "conversion"),
        ("timestamp('2024-01-01+07:00')", "text is no timestamp", "conversion"),
        ("timestamp(253402300800)", "timestamp is out of range", "overflow"),
        ("timestamp('0001-01-01')", "timestamp is out of range", "overflow"),
        ("time.ms(0.0 / 0.0)", "timestamp is out of range", "overflow"),
        ("time.parse('x', '%Y', 'UTC')", "text does not have the format of time.parse", "conversion"),
        ("timestamp('0001-01-01T00:00:00Z').getHours('-01:00')", "timestamp is out of range", "overflow"),
        ("timestamp(0).getHours(string(x))", "no such time zone", "argument"),
        ("duration('1 hour')", "text is no duration", "conversion"),
        ("phone.e164('12', 'VN')", "text is no possible phone number", "conversion"),
        ("phone.filum('call me', 'VN')", "text is no possible phone number", "conversion"),
        ("phone.e164('9' + '9'.replace('9', '99999999999999999999') + '0', 'VN')", "", "conversion"),
        ("pii.mask('abc', -1)", "pii.mask takes no negative number", "argument"),
        ("json.decode('{')", "text is no JSON", "conversion"),
        ("json.encode(1.0 / 0.0)", "JSON has no infinite numbers", "conversion"),
        ("[1].unwrapOpt()", "unwrap takes a list of optional, not of int", "type"),
        ("optional.unwrap([optional.none(), null])", "unwrap takes a list of optional, not of null", "type"),
        ("json.encode(optional.of(1))", "JSON has no optional", "type"),
        ("base64.decode('!')", "text is no base64", "conversion"),
        ("uuid.v5(string(x), 'a')", "the namespace is no UUID", "argument"),
        ("'a'.matches(string(x) + '(')", "not a regular expression of RE2", "argument"),
        ("regex.extract('a', '(a)(b)')", "the regular expression has more than one group", "argument"),
        ("regex.replace('a', 'a', '\\\\1')", "replacement has no group \\1", "argument"),
        ("[1, 2].slice(1, 3)", "slice 1 to 3 is out of range of a list of 2", "argument"),
        ("[1].flatten(-1)", "flatten takes no negative depth", "argument"),
        ("[].min()", "min of an empty list", "argument"),
        ("['a'].max()", "max does not take (string)", "type"),
        ("[1, 'a'].join()", "join takes a list of string, not of int", "type"),
        ("['a'].sum()", "sum does not take (string)", "type"),
        ("'abc'.charAt(4)", "index 4 is out of range of a text of 3", "argument"),
        ("'abc'.substring(2, 1)", "substring starts at 2, after its end 1", "argument"),
        ("'%d'.format(['x'])", "format clause %d does not take string", "type"),
        ("'%d %d'.format([1])", "format has more clauses than values", "argument"),
        ("'%y'.format([1])", "format has no clause '%y'", "argument"),
        ("'%.9999f'.format([1.0])", "format precision is too large", "argument"),
        ("math.bitShiftLeft(1, -1)", "shift by a negative number", "argument"),
        ("math.abs(-9223372036854775807 - 1)", "int does not fit into 64 bits", "overflow"),
        ("int(0.0 / 0.0)", "int does not fit into 64 bits", "overflow"),
        ("int('99999999999999999999999')", "text is no int", "conversion"),
        ("string(b'\\xff')", "bytes are no UTF-8", "conversion"),
        ("optional.of(1).optFlatMap(e, e)", "optFlatMap takes an optional, not int", "type"),
        ("[1].transformMapEntry(i, e, e)", "transformMapEntry makes maps, not int", "type"),
    ],
)
def test_faults(text: str, message: str, kind: str) -> None:
    """A function refuses what it cannot use, with a reason and its sort."""
    with pytest.raises(EvalFault) as caught:
        run(text, "+")
    assert caught.value.message == (message or "text is no possible phone number")
    assert caught.value.kind == kind


@pytest.mark.parametrize("text", ["timestamp('2024-01-01')", "timestamp('2024-01-01 10:00:00')"])
def test_times_without_offset_need_a_zone(text: str) -> None:
    """Without a default time zone, a text without offset is a fault."""
    with pytest.raises(EvalFault, match="no offset"):
        run(text, None, BARE)


def test_lone_surrogates_are_faults() -> None:
    """Text that is no Unicode is refused where it must be encoded."""
    texts = (
        "pii.sha256(x)",
        "x.matches('a')",
        "x.matches('a.*')",
        "json.encode(x)",
        "bytes(x)",
        "uuid.v5('dns', x)",
    )
    for text in texts:
        with pytest.raises(EvalFault):
            run(text, "\ud800")


def test_secrets_are_named_where_there_are_several() -> None:
    """With two secrets the name decides, and cannot be left out."""
    assert run("pii.hmac('x', 'a')", None, BARE) != run("pii.hmac('x', 'b')", None, BARE)
    with pytest.raises(CompileFault):
        run("pii.hmac('x')", None, BARE)


def test_a_json_of_shared_parts_stays_bounded() -> None:
    """A small value that holds another many times over does not grow without end."""
    text = "cel.bind(a, [1, 1], " * 1 + "a)"
    for _ in range(20):
        text = f"cel.bind(a, {text}, [a, a])"
    with pytest.raises(EvalFault, match="too large"):
        run(f"json.encode({text})")
    with pytest.raises(EvalFault, match="larger"):
        run(f"'%s'.format([{text}])")
