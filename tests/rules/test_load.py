"""Rule files: every fault is collected, and told where it stands."""

from pathlib import Path

import pytest

from bridge.config import Destination, Secret
from bridge.errors import ConfigErrors, RuleFileError
from bridge.located_yaml import parse_yaml
from bridge.rules import compile_files
from bridge.rules.load import digest_of
from bridge.rules.parse import parse_rules
from tests.rules.workshop import Workshop

GOOD = """\
from: {topics: [t]}
rules:
  - name: r
    when: "event.type == 'a'"
    emit:
      - event_type: track
        event_name: E
        user_id: "event.id"
"""


def test_all_faults_of_all_files_are_told_at_once(workshop: Workshop) -> None:
    """One run of `check` shows everything, in the order of files and lines."""
    first = GOOD.replace("event.id", "evnt.id").replace("event_name: E", "event_nam: E")
    errors = workshop.errors(first, "rules: 5", "a: [")
    assert all(isinstance(error, RuleFileError) for error in errors)
    assert [(Path(error.path).name, error.line) for error in errors] == [
        *[("rules.yaml", 6), ("rules.yaml", 7), ("rules.yaml", 8)],
        *[("rules1.yaml", 1), ("rules2.yaml", 1)],
    ]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("rules:", "rulse:", "1:1 needs a list of `rules`"),
        ("    when", "    wehn", "4:5 unknown key `wehn`|did you mean `when`?"),
        ("event.type", "event.typ(1)", "4:18 unknown function 'typ'|"),
        ("'a'", "'a", "4:26 text without an end"),
        ("topics: [t]", "topics: []", "1:16 must name at least one"),
        ("topics: [t]", "topics: ['^[']", "1:17 not a regular expression"),
        ("topics: [t]", "queues: ['^q']", "1:17 a queue is named in full"),
        ("{topics: [t]}", "{source: s}", "1:7 needs `topics` or `queues`"),
        ("from: {topics: [t]}\n", "", "2:5 needs a `from`"),
        ("name: r", "name: r r", "3:11 must be letters, digits"),
        ("  - name: r\n    when", "  - when", "3:5 needs a `name`"),
        (
            "event_type: track",
            "event_type: trakc",
            "6:21 must be one of identify, track|",
        ),
        ("        event_name: E\n", "", "6:9 track needs an `event_name`"),
        ('        user_id: "event.id"\n', "", "6:9 needs `user_id` or `anonymous_id`"),
        ('"event.id"', "event.a + 1", '8:18 an expression must be quoted|write "event.a + 1"'),
        ('"event.id"', "5", '8:18 must be an expression in quotes|write "5"'),
        ('"event.id"', '""', "8:18 must be an expression, and is empty"),
        ('"event.id"', "[1]", "8:18 must be an expression in quotes"),
        ('"event.id"', '"before.id"', "8:19 unknown variable 'before'|only under `envelope: debezium`"),
    ],
)
def test_a_fault_has_line_column_and_hint(workshop: Workshop, old: str, new: str, problem: str) -> None:
    """One case for each thing that a file can get wrong."""
    text = GOOD.replace(old, new)
    assert text != GOOD
    told = [f"{error.line}:{error.column} {error.problem}|{error.hint}" for error in workshop.errors(text)]
    assert any(one.startswith(problem) for one in told), told


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("timezone: Asia/Saigonn", "unknown time zone `Asia/Saigonn`|did you mean `Asia/Saigon`?"),
        ("envelope: debezum", "must be one of auto, none, cloudevents, debezium|did you mean `debezium`?"),
        ("on_error: dead-letter", "must be one of dead_letter, drop, stop|did you mean `dead_letter`?"),
        ("maps: {a: 5}", "must be a mapping|"),
        ("secrets: {k: abc}", "must be a mapping|"),
        ("secrets: {k: {env: A, file: b}}", "a secret is {env: NAME} or {file: PATH}|"),
        ("secrets: {k: {env: NOT_SET}}", "the environment variable NOT_SET is not set|"),
    ],
)
def test_what_stands_at_the_top_is_checked(workshop: Workshop, line: str, problem: str) -> None:
    """Once, at the top."""
    told = [f"{error.problem}|{error.hint}" for error in workshop.errors(f"{line}\n{GOOD}")]
    assert problem in told


def test_an_error_inside_a_block_scalar_is_told_in_its_line(workshop: Workshop) -> None:
    """Folded and literal blocks are mapped back to the file."""
    text = GOOD.replace("\"event.type == 'a'\"", ">-\n      event.a == 1 &&\n      evnt.b")
    assert workshop.problem(text).startswith("6:7 unknown variable 'evnt'")


def test_maps_are_known_at_load(workshop: Workshop) -> None:
    """An unknown map is a fault of the file, an unknown key of the record."""
    text = f"maps: {{region: {{VND: home}}}}\n{GOOD}"
    hint = workshop.problem(text.replace("event.id", "maps.regoin[event.id]"))
    assert "did you mean 'region'" in hint
    assert (
        "no such key"
        in workshop.fault(text.replace("event.id", "maps.region[event.id]"), {"type": "a", "id": "X"}).error
    )


def test_rule_names_are_unique_over_all_files(workshop: Workshop) -> None:
    """Metrics and redrive know a rule by its name."""
    errors = workshop.errors(GOOD, GOOD)
    assert [(error.line, error.problem) for error in errors] == [(3, "another rule is called `r`")]
    assert "rules.yaml" in errors[0].hint


def test_a_rule_overrides_the_top_of_its_file(workshop: Workshop) -> None:
    """All five, and the rest is inherited."""
    top = "timezone: UTC\nenvelope: none\ndestination: a\non_error: drop\n"
    own = "    from: {queues: [q]}\n    timezone: Asia/Tokyo\n    envelope: auto\n"
    own += "    destination: b\n    on_error: stop\n"
    text = f"{top}{GOOD}{GOOD[GOOD.index('  - name') :].replace('name: r', 'name: s')}{own}"
    first, second = (one.rule for one in workshop.rules(text).rules)
    assert (first.reads.topics, first.timezone, first.envelope, first.destination, first.on_error) == (
        *(("t",), "UTC", "none", "a", "drop"),
    )
    assert (second.reads.queues, second.timezone, second.envelope, second.destination, second.on_error) == (
        *(("q",), "Asia/Tokyo", "auto", "b", "stop"),
    )


def test_destinations_are_judged_where_they_are_known(workshop: Workshop) -> None:
    """With the nearest name; a rule that names none needs `default`."""
    workshop.rules(f"destination: nowhere\n{GOOD}")
    workshop.destinations = {"crm": Destination(url="http://x/e", write_key=Secret(env="K"))}
    assert workshop.problem(f"destination: cmr\n{GOOD}") == "1:14 no destination `cmr`|did you mean `crm`?"
    assert workshop.problem(GOOD).startswith("3:5 no destination `default`")


def test_sources_are_judged_where_they_are_known(tmp_path: Path, workshop: Workshop) -> None:
    """`from: {source: …}` names one of the configuration."""
    path = tmp_path / "x.yaml"
    path.write_text(GOOD.replace("{topics: [t]}", "{source: shpo, topics: [t]}"))
    with pytest.raises(ConfigErrors) as caught:
        compile_files([path], None, workshop.limits, str, sources=["shop"])
    assert "no source `shpo`" in str(caught.value)
    assert caught.value.errors[0].hint == "did you mean `shop`?"


def test_aliases_are_allowed_and_tags_are_not(workshop: Workshop) -> None:
    """An alias is what it names; a tag would build something."""
    aliased = GOOD.replace('"event.id"', '&id "event.id"') + "        anonymous_id: *id\n"
    assert workshop.payloads(aliased, {"type": "a", "id": "x"})[0]["anonymous_id"] == "x"
    assert "tags" in workshop.problem(GOOD.replace("name: r", "name: !!str r"))


def _hash(text: str) -> str:
    file, _ = parse_rules(parse_yaml(text, "x.yaml"))
    return digest_of([file])


def test_the_hash_is_of_what_the_files_mean() -> None:
    """Comments, layout and tests do not change it; expressions and the order of parameters do."""
    assert _hash(GOOD) == _hash(f"# hello\n{GOOD}\ntests: []\n")
    assert _hash(GOOD) == _hash(GOOD.replace("{topics: [t]}", "\n  topics:\n  - t"))
    assert _hash(GOOD) != _hash(GOOD.replace("'a'", "'b'"))
    params = GOOD + "        event_params: {A: event.a, B: event.b}\n"
    assert _hash(params) != _hash(params.replace("A: event.a, B: event.b", "B: event.b, A: event.a"))


@pytest.mark.parametrize(
    ("test", "problem"),
    [
        ("{expect: []}", "a test needs `given`"),
        ("{given: {evnt: 1}, expect: []}", "unknown key `evnt`"),
        ("{given: {value: 1, event: 1}, expect: []}", "give either `value` or the variables of scope"),
        ("{given: {event: 1, value_base64: ''}, expect: []}", "give either `value_base64` or the variables"),
        ("{given: {value: 1, value_base64: ''}, expect: []}", "give either `value` or `value_base64`"),
        ("{given: {value_base64: '%'}, expect: []}", "must be base64"),
        ("{given: {value_base64: 5}, expect: []}", "must be base64"),
        ("{given: {value: 1, decode: xml}, expect: []}", "must be `json` or `text`"),
        ("{given: {value: 1, content_type: 5}, expect: []}", "must be text"),
        ("{given: {event: 1, decode: text}, expect: []}", "`decode` is said of a body: give `value`"),
        ("{given: {event: 1}, expect: 5}", "must be a list of payloads, or {error: TEXT}"),
        ("{given: {event: 1}, expect: [], rule: rr}", "no rule `rr` in this file"),
        ("{given: {meta: {tpoic: t}}, expect: []}", "unknown key `tpoic`"),
        ("{given: {meta: {key: 5}}, expect: []}", "must be text"),
        ("{given: {meta: {offset: x}}, expect: []}", "must be a whole number"),
        (
            "{given: {meta: {timestamp: x}}, expect: []}",
            "must be an ISO time with offset, or ms since",
        ),
    ],
)
def test_tests_are_checked_for_their_shape(workshop: Workshop, test: str, problem: str) -> None:
    """A test that cannot be read is a fault of the file, not a test that passes."""
    told = workshop.errors(f"{GOOD}tests:\n  - {test}\n")
    assert len(told) == 1
    assert told[0].problem.startswith(problem)
