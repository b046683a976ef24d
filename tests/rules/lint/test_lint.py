"""The linter: each check speaks where it should, and is silent beside that."""

import pytest

from bridge.config import Limits
from bridge.located_yaml import parse_yaml
from bridge.rules.lint import Finding, lint_files
from bridge.rules.parse import parse_rules

RULE = """\
from: {topics: [t]}
rules:
  - name: r
    when: "true"
    emit:
      - event_type: track
        event_name: E
        user_id: "event.id"
        event_params:
          P: {double: "event.p"}
"""


def lint(*texts: str) -> list[Finding]:
    files = []
    for index, text in enumerate(texts):
        file, reader = parse_rules(parse_yaml(text, f"rules{index}.yaml"))
        assert not reader.errors, reader.errors
        files.append(file)
    return lint_files(files, Limits())


def told(*texts: str) -> list[str]:
    return [f"{one.line}:{one.column} {one.severity} {one.code}: {one.message}" for one in lint(*texts)]


def codes(*texts: str) -> list[str]:
    return [one.code for one in lint(*texts)]


def with_when(when: str, lets: str = "") -> str:
    between = f"    let: {lets}\n" if lets else ""
    return RULE.replace('    when: "true"\n', f'    when: "{when}"\n{between}')


def with_param(param: str) -> str:
    return RULE.replace('{double: "event.p"}', param)


def with_id(user_id: str) -> str:
    return RULE.replace('"event.id"', f'"{user_id}"')


def test_a_good_rule_is_silent() -> None:
    """No finding at all."""
    assert told(RULE) == []


@pytest.mark.parametrize(
    ("param", "message"),
    [
        ("{int: \"event.a ? 'x' : [1]\"}", "expected int, and this is always list or string"),
        ('{string: "1 + event.a"}', "expected string, and this is always double or int"),
        ('{datetime: "event.a ? 1 : 2.5"}', "expected datetime, and this is always double or int"),
        ("{double: \"event.a ? 'x' : 'y' + event.b\"}", "expected double, and this is always string"),
    ],
)
def test_a_value_that_never_fits_is_an_error(param: str, message: str) -> None:
    """Also where the generated code knows no single type."""
    (one,) = told(with_param(param))
    assert one == f"10:{one.split(' ')[0].split(':')[1]} error type-mismatch: {message}"


@pytest.mark.parametrize(
    "param",
    [
        '{int: "event.a ? 1 : event.b"}',
        '{int: "event.?a"}',
        '{int: "event.a > 1"}',
        '{double: "1 + event.a"}',
        '{double: "null"}',
        "{string: \"'a' + event.b\"}",
        '{string: "optional.ofNonZeroValue(event.a).optMap(e, e + 1)"}',
    ],
)
def test_a_value_that_may_fit_is_silent(param: str) -> None:
    """What is absent is left out, and what only run time knows is not guessed."""
    assert told(with_param(param)) == []


def test_an_outcome_that_never_fits_is_a_warning_at_its_place() -> None:
    """The other outcomes may be right."""
    text = with_param("{int: \"event.?n.orValue('0')\"}")
    assert told(text) == [
        "10:38 warning type-may-mismatch: this outcome is always string, and int is expected"
    ]
    assert lint(text)[0].hint == "wrap it in int(…)"
    assert told(with_param('{int: "event.?n.orValue(0)"}')) == []


def test_lets_carry_their_kinds() -> None:
    """A let is as certain as its expression."""
    text = with_when("true", "{n: \"event.a ? 'x' : 'y'\"}").replace('double: "event.p"', 'double: "n"')
    assert codes(text) == ["type-mismatch"]
    assert codes(text.replace("'y'", "event.y")) == []


def test_a_when_that_is_no_bool() -> None:
    """An optional is none, which the hint says how to mend."""
    (one,) = lint(with_when("event.?flag"))
    assert (one.line, one.column, one.severity, one.code) == (4, 12, "error", "type-mismatch")
    assert one.message == "expected bool, and this is always optional"
    assert ".orValue(" in one.hint
    assert codes(with_when("event.?flag.orValue(false)")) == []


def test_an_id_of_a_list() -> None:
    """Nobody is called that."""
    assert codes(with_id("event.a ? [1] : [2]")) == ["type-mismatch"]
    assert codes(with_id("event.?a")) == []


@pytest.mark.parametrize("user_id", ["''", "null", "optional.none()"])
def test_an_event_about_nobody(user_id: str) -> None:
    """Every such event would be the fault no_identity; another id may save it."""
    assert codes(with_id(user_id)) == ["no-identity"]
    both = with_id(user_id).replace(
        "        event_params", '        anonymous_id: "event.a"\n        event_params'
    )
    assert codes(both) == []


@pytest.mark.parametrize(
    "when",
    [
        "'a' + 1 == event.a",
        "event.?a + 1 > 2",
        "event.?a > 1",
        "event.a > [1]",
        "event.a - 'b' == 1",
        "size(1) == 1",
        "event.?a.startsWith('x')",
    ],
)
def test_an_operator_that_never_works(when: str) -> None:
    """An error; no record can make it work."""
    (one,) = lint(with_when(when))
    assert (one.severity, one.code) == ("error", "operand-kinds")


@pytest.mark.parametrize(
    "when",
    [
        "'a' + event.b == event.a",
        "event.?a.orValue(0) + 1.5 > 2",
        "1 < 2.5 || event.a",
        "size(event.a) == 1",
        "event.a.startsWith('x')",
        "time.ms(event.a) - time.ms(event.b) > duration('1s')",
        "time.ms(event.a) + duration('1s') > time.ms(event.b)",
        "event.a.exists(size, size + 1 > 2)",
    ],
)
def test_an_operator_that_may_work(when: str) -> None:
    """No guesses."""
    assert codes(with_when(when)) == []


def test_kinds_that_are_never_equal() -> None:
    """The trap of `.?`: an optional equals no text."""
    (one,) = told(with_when("event.?type == 'a'"))
    assert one == "4:24 warning never-equal: optional never equals string, so this is always false"
    assert codes(with_when("event.?type in ['a', 'b']")) == ["never-equal"]
    assert codes(with_when("event.?type == optional.of('a') || event.a == 'a' || 1 == 1.0")) == []


@pytest.mark.parametrize(
    ("param", "found"),
    [
        ('{double: "size(event.a) / 2"}', True),
        ('{double: "event.a / 100"}', True),
        ('{double: "event.a / 100.0"}', False),
        ('{double: "double(event.a) / 100"}', False),
        ('{double: "event.a / event.b"}', False),
        ('{int: "size(event.a) / 2"}', False),
        ('"string(7 / 2)"', True),
    ],
)
def test_a_division_of_whole_numbers(param: str, found: bool) -> None:
    """Told where it is certain, or where a double is declared and one side is written out as an int."""
    assert codes(with_param(param)) == ["integer-division"] * found


def test_a_division_in_a_let_of_a_double() -> None:
    """Where a double uses it; an int may want it cut."""
    text = with_when("true", '{a: "event.p / 100", b: "a"}').replace('double: "event.p"', 'double: "b"')
    assert told(text) == [
        "5:23 warning integer-division: where both are whole numbers, this division cuts the fraction off"
    ]
    assert codes(text.replace("double:", "int:")) == []


def test_the_remedy_of_a_division_is_double() -> None:
    """In words to type."""
    assert "double(x)" in lint(with_param('{double: "event.a / 100"}'))[0].hint


@pytest.mark.parametrize(
    ("pattern", "found"), [("^[0-9]+", False), ("a", False), ("(a|b)+c", True), (".*x", True)]
)
def test_a_regex_for_the_slow_engine(pattern: str, found: bool) -> None:
    """In every function that takes one; a computed one is not judged."""
    for call in (f"event.a.matches('{pattern}')", f"regex.extract(event.a, '{pattern}').hasValue()"):
        assert codes(with_when(call)) == ["slow-regex"] * found
    assert codes(with_when("event.a.matches(event.b)")) == []


@pytest.mark.parametrize(
    "when",
    [
        "false",
        "event.a && false",
        "1 > 2",
        "event.t == 'a' && event.t == 'b'",
        "event.t in ['a', 'b'] && event.t == 'c'",
        "event.t == 'a' && event.t != 'a'",
        "event.t == 'a' && !(event.t in ['a', 'b'])",
        "event.t == 'a' && (event.x == 1 && event['t'] == 'a') && event.t == 'b'",
        "(event.t == 'a' || event.t == 'b') && event.t == 'c'",
        "event.ok && !event.ok",
        "has(event.a) && !has(event.a)",
        "event.n > 5 && event.n < 5",
        "event.n > 5 && event.n <= 5",
        "event.n == 3 && event.n > 5",
        "event.n == 1 && event.n == true",
        "event.?t.orValue('') == 'a' && event.?t.orValue('') == 'b'",
        "(false || 1 == 2) || event.t in []",
        "event.a ? false : 'a' == 'b'",
        "'a' == event.t && event.t == 'b'",
        "5 < event.n && event.n < 3",
    ],
)
def test_a_when_that_can_never_be_true(when: str) -> None:
    """Constants, and literals that contradict one another on one path."""
    (one,) = lint(with_when(when))
    assert (one.severity, one.code) == ("warning", "never-true")


@pytest.mark.parametrize(
    "when",
    [
        "event.t == 'a' || event.t == 'b'",
        "event.t in ['a', 'b'] && event.t == 'b'",
        "event.t == 'a' && event.u == 'b'",
        "event.t == 'a' && event.?t == optional.of('a')",
        "event.n >= 5 && event.n <= 5",
        "event.n > 5 && event.n != 6",
        "event.n == 1 && event.n == 1.0",
        "!(event.t == 'a' && event.t == 'b')",
        "(event.t == 'a' || event.n == 1) && event.t == 'b'",
        "event.a[0] == 'a' && event.a[1] == 'b'",
        "event.l.exists(x, x == 'a') && event.l.exists(x, x == 'b')",
        "event.t != 'a' && event.t != 'b'",
        "event.n < 5 && event.m > 5",
        "!(event.t == 'a' || event.t == 'b') && event.t == 'c'",
        "(event.t == 'a' || event.t != 'b') && event.t == 'c'",
        "event.a.x == 'a' && event.b.x == 'b'",
        "5 < event.n && event.n < 7",
    ],
)
def test_a_when_that_may_be_true(when: str) -> None:
    """Nothing is concluded that a record could refute."""
    assert codes(with_when(when)) == []


def test_a_when_is_looked_at_through_its_lets() -> None:
    """A let named alone, and a let as the subject."""
    assert codes(with_when("ok", "{ok: \"event.t == 'a' && event.t == 'b'\"}")) == ["never-true"]
    lets = '{t: "event.t", ok: "t == \'a\' && event.x"}'
    assert codes(with_when("ok && t == 'b'", lets)) == ["never-true"]
    assert codes(with_when("ok && t == 'a'", lets)) == []


def test_lets_of_lets_are_looked_into_once() -> None:
    """However often they are named: time grows with the file, not with its expansion."""
    lets = ", ".join([*(f'l{n}: "l{n + 1} && l{n + 1} || l{n + 1}"' for n in range(40)), 'l: "l0"'])
    chain = lets.split(", ")
    chain = ['l40: "event.x"', *reversed(chain[:-1])]
    assert codes(with_when("l0 && l0", "{" + ", ".join(chain) + "}")) == []
    chain[0] = "l40: \"event.t == 'a' && event.t == 'b'\""
    assert codes(with_when("l0 && l0", "{" + ", ".join(chain) + "}")) == ["never-true"]


def test_two_rules_that_say_the_same() -> None:
    """All rules that match apply, so each event would leave twice."""
    other = RULE.replace("name: r", "name: s")
    (one,) = lint(RULE, other)
    assert (one.path, one.line, one.code) == ("rules1.yaml", 3, "duplicate-rule")
    assert "`r`" in one.message
    for old, new in (
        ("event.id", "event.key"),
        ("[t]", "[u]"),
        ("event_name: E", "event_name: F"),
        ("P:", "Q:"),
    ):
        assert codes(RULE, other.replace(old, new)) == []


@pytest.mark.parametrize("name", ["Survey Answered", "survey answered", "Conversation Assignee Changed"])
def test_an_event_name_of_filum_itself(name: str) -> None:
    """In any case of letters; the event would be taken for the platform's."""
    assert codes(RULE.replace("event_name: E", f"event_name: {name}")) == ["system-event-name"]
    assert codes(RULE.replace("event_name: E", f"event_name: Shop {name}")) == []


def test_parameters_that_differ_only_in_case_or_blanks() -> None:
    """YAML itself refuses a key twice."""
    text = with_param('"event.p"\n          "p ": "event.q"')
    (one,) = lint(text)
    assert (one.line, one.column, one.code) == (11, 11, "similar-parameters")
    assert codes(text.replace('"p "', '"p 2"')) == []


def test_keys_of_the_profile_have_one_spelling() -> None:
    """Only in identify."""
    identify = RULE.replace("event_type: track\n        event_name: E", "event_type: identify")
    text = identify.replace("P: {double", "email: {string")
    assert [(one.code, one.hint) for one in lint(text)] == [("profile-key", "write `Email`")]
    assert codes(text.replace("email:", "Email:")) == []
    assert codes(RULE.replace("P:", "email:")) == []


def test_lets_that_nothing_uses() -> None:
    """A let that only an unused let uses is unused too; a loop name hides a let."""
    lets = '{a: "event.a", b: "a + 1", c: "event.c"}'
    found = lint(with_when("c == 1 && event.l.exists(b, b > 1)", lets))
    assert [(one.code, one.message[-3:], one.line) for one in found] == [
        *(("unused-let", "`a`", 5), ("unused-let", "`b`", 5)),
    ]
    assert codes(with_when("b == c", lets)) == []
    bound = with_when("cel.bind(a, event.x, a == 1)", '{a: "event.a"}')
    assert codes(bound) == ["unused-let"]


def test_a_loop_name_is_not_the_let_of_its_name() -> None:
    """Its kind is its own."""
    assert codes(with_when("event.l.exists(n, n + 1 > 2) && n == event.x", "{n: \"'x'\"}")) == []


def test_maps_that_nothing_uses() -> None:
    """A map chosen by a computed name may be any of them."""
    text = f"maps: {{m: {{a: b}}, n: {{a: b}}}}\n{RULE}"
    assert [one.message for one in lint(text)] == ["nothing uses the map `m`", "nothing uses the map `n`"]
    assert codes(text.replace("event.id", "maps.m[event.id]")) == ["unused-map"]
    assert codes(text.replace("event.id", "maps.m[event.id] + maps['n'].a")) == []
    assert codes(text.replace("event.id", "maps[event.m].a")) == []


def test_secrets_that_nothing_uses() -> None:
    """The only one of a file need not be named."""
    text = f"secrets: {{k: {{env: K}}}}\n{RULE}"
    assert told(text) == ["1:11 warning unused-secret: nothing uses the secret `k`"]
    assert codes(text.replace("event.id", "pii.hmac(event.id)")) == []
    two = text.replace("{k:", "{j: {env: J}, k:").replace("event.id", "pii.hmac(event.id, 'k')")
    assert [one.message for one in lint(two)] == ["nothing uses the secret `j`"]


def test_fields_that_meta_has_not() -> None:
    """An optional one is harmless, and still a typing error."""
    (one,) = lint(with_when("meta.tpoic == 'a'"))
    assert (one.severity, one.code, one.hint) == ("error", "unknown-meta", "did you mean `topic`?")
    assert [one.severity for one in lint(with_when("meta.?tpoic.orValue('') == 'a'"))] == ["warning"]
    assert codes(with_when("meta.topic == 'a' && meta.headers.x == 'y'")) == []


def test_a_rule_that_does_not_compile_is_left_to_the_compiler() -> None:
    """The others are judged; what nothing uses cannot be known."""
    text = f"maps: {{m: {{a: b}}}}\n{RULE}{RULE[RULE.index('  - name') :].replace('name: r', 'name: s')}"
    text = text.replace("event.p", "event.p / 2", 1)
    broken = text[::-1].replace("di.tneve", "di.tnve", 1)[::-1]
    assert codes(broken) == ["integer-division"]
