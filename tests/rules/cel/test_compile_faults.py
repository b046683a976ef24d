"""What is refused before it runs, where the fault points, and what it suggests."""

from __future__ import annotations

import pytest

from bridge.rules.cel import CompileFault, Environment, Limits, Unit, standard_functions

ENVIRONMENT = Environment(
    ["event", "meta"],
    standard_functions(secrets={"main": lambda: b"a", "other": lambda: b"b"}),
    {"maps": {"region": {"VND": "domestic"}}},
)


def fault(text: str, limits: Limits | None = None) -> CompileFault:
    """The fault of compiling ``text``."""
    with pytest.raises(CompileFault) as caught:
        Unit(ENVIRONMENT, filename="<test>", limits=limits).expression(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "pointed", "message", "hint"),
    [
        ("evnt.a", "evnt", "unknown variable 'evnt'", "did you mean 'event'?"),
        ("true || evnt.a", "evnt", "unknown variable 'evnt'", "did you mean 'event'?"),
        ("event.name.lowerAsci()", "lowerAsci", "unknown function 'lowerAsci'", "did you mean 'lowerAscii'?"),
        (
            "event.name.lowerascii()",
            "lowerascii",
            "unknown function 'lowerascii'",
            "did you mean 'lowerAscii'?",
        ),
        ("event.items.filtr(i, i > 1)", "filtr", "unknown function 'filtr'", "did you mean 'filter'?"),
        ("math.greatst(1, 2)", "greatst", "unknown function 'math.greatst'", "did you mean 'math.greatest'?"),
        ("sting(event.id)", "sting", "unknown function 'sting'", "did you mean 'string'?"),
        ("trim(event.name)", "trim", "unknown function 'trim'", "write x.trim()"),
        ("event.id.string()", "string", "unknown function 'string'", "write string(x)"),
        ("event.name.trim(1)", "trim", "trim takes 0 argument(s), not 1", ""),
        ("pii.mask(event.phone)", "mask", "pii.mask takes 2 argument(s), not 1", ""),
        ("event.items.map(i, j)", "j", "unknown variable 'j'", ""),
        ("event.items.map(i.x, 1)", "x", "expected a simple name", ""),
        ("event.items.all(i, i, true)", "i", "'i' is named twice", ""),
        ("has(event)", "event", "has() takes a field", "write has(a.b); for keys: 'k' in a"),
        ("event.items.filter(i, true, i)", "filter", "filter() takes a name and a test", ""),
        ("cel.bind(x, 1)", "bind", "cel.bind() takes a name, a value and a body", ""),
        ("maps.regon['VND']", "regon", "no 'regon' in maps", "did you mean 'region'?"),
        ("pii.hmac('x', 'mian')", "'mian'", "unknown secret 'mian'", "did you mean 'main'?"),
        ("pii.hmac('x', event.key)", "key", "this argument must be written out", ""),
        ("pii.hmac('x')", "hmac", "pii.hmac takes 2 argument(s), not 1", ""),
        ("phone.e164(event.phone, 'vn')", "'vn'", "unknown region 'vn'", "did you mean 'VN'?"),
        ("event.x.matches('(')", "'('", "not a regular expression of RE2: missing ): (", ""),
        (
            "event.x.matches('(?=a)')",
            "'(?=a)'",
            "not a regular expression of RE2: invalid perl operator: (?=",
            "",
        ),
        (
            "uuid.v5('dnx', event.id)",
            "'dnx'",
            "the namespace is no UUID",
            "a UUID, or one of dns, url, oid, x500",
        ),
        ("time.format(meta.timestamp, '%Y')", "format", "time.format takes 3 argument(s), not 2", ""),
        ("event.a = 1", "=", "unexpected character '='", "use == to compare"),
        ("event.a & true", "&", "unexpected character '&'", "use && for and"),
        ("'open", "'open", "text without an end", "the closing quote is missing"),
        ("'a\\q'", "\\q", "unknown escape \\q", "write \\\\ for a backslash"),
        ("event.let.x.for + let", "let", "'let' is a reserved word", ""),
        ("1 + ", "", "unexpected end of expression", "expected a value"),
        ("(1 + 2", "", "unexpected end of expression", "expected ')'"),
        ("1 2", "2", "unexpected '2'", ""),
        ("size(event,)", ")", "unexpected ')'", "expected a value"),
        ("event.in", "in", "unexpected 'in'", "expected a field's name"),
        ("9223372036854775808", "9223372036854775808", "number does not fit into 64 bits", ""),
        (
            "18446744073709551616u",
            "18446744073709551616u",
            "number does not fit into an unsigned 64 bits",
            "",
        ),
    ],
)
def test_fault_points_and_suggests(text: str, pointed: str, message: str, hint: str) -> None:
    """A fault names what is wrong, covers just those characters, and offers the nearest remedy."""
    found = fault(text)
    where = text.rindex(pointed) if pointed else len(text)
    assert (found.message, found.hint) == (message, hint)
    assert (found.offset, found.length) == (where, max(len(pointed), 1))


def test_message_and_hint_in_text() -> None:
    """The text of a fault holds its hint."""
    assert str(fault("evnt")) == "unknown variable 'evnt' (did you mean 'event'?)"
    assert str(fault("1 2")) == "unexpected '2'"


def test_length_limit() -> None:
    """A long expression is refused before it is read."""
    assert fault("1" * 11, Limits(expression_chars=10)).message == "expression is longer than 10 characters"
    assert fault("(" * 4097).message == "expression is longer than 4096 characters"


@pytest.mark.parametrize(
    "text",
    [
        "(" * 2000 + "1" + ")" * 2000,
        "!" * 3000 + "true",
        "[" * 1000,
        "1" + "+1" * 60,
        "event" + ".a" * 60,
        "-(" * 900,
    ],
)
def test_depth_limit(text: str) -> None:
    """Deep nesting of any sort is a fault with a remedy, never a RecursionError."""
    found = fault(text)
    assert (found.message, found.hint) == ("expression is nested deeper than 50", "split it with let")


def test_wide_is_not_deep() -> None:
    """Chains of && and long lists do not count as nesting."""
    unit = Unit(ENVIRONMENT, filename="<test>")
    assert unit.expression(" && ".join(["true"] * 300)).type == "bool"
    assert unit.expression(f"[{', '.join(['1'] * 300)}]").type == "list"


def test_long_chain_of_calls_compiles_fast() -> None:
    """Every call of a chain is looked at once: doubled work would never end here."""
    Unit(ENVIRONMENT, filename="<test>").expression("event.a" + ".trim()" * 40)


def test_constant_map_fields_may_be_asked_for() -> None:
    """Asking whether a constant map has a field is no fault, and its keys are looked up at run time."""
    unit = Unit(ENVIRONMENT, filename="<test>")
    unit.expression("has(maps.other) ? maps.?other.orValue({}) : maps.region[?event.c]")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1", "int"),
        ("1u", "uint"),
        ("1.5 + 1", "double"),
        ("1 + 2", "int"),
        ("event.a + 1", "dyn"),
        ("'a' + 'b'", "string"),
        ("string(event.a)", "string"),
        ("event.a == 1", "bool"),
        ("event.?a", "optional"),
        ("event.?a.orValue(1)", "dyn"),
        ("event.items.map(i, i)", "list"),
        ("{'a': 1}", "map"),
        ("null", "null"),
        ("time.ms(event.t)", "timestamp"),
        ("time.ms(1) - time.ms(2)", "dyn"),
        ("event.a ? 'x' : 'y'", "string"),
        ("event.a ? 'x' : 1", "dyn"),
        ("cel.bind(x, 1, x + 1)", "int"),
        ("b'a'", "bytes"),
        ("duration('1s')", "duration"),
    ],
)
def test_static_types(text: str, kind: str) -> None:
    """What is known of a result before it runs."""
    assert Unit(ENVIRONMENT, filename="<test>").expression(text).type == kind


def test_all_faults_of_an_expression_are_told() -> None:
    """In the order of the text, so that one run of the checker is enough."""
    found = fault("evnt.a + sting(event.b) + meta.c.trim(1)")
    told = [one.message for one in (found, *found.others)]
    assert told == ["unknown variable 'evnt'", "unknown function 'sting'", "trim takes 0 argument(s), not 1"]
