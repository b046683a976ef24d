"""`filum-bridge check`: every problem with its place, offline."""

import json
import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from bridge.cli.check import check
from bridge.cli.sarif import DESCRIPTIONS
from bridge.errors import UsageError
from tests.send.http1.certificates import Authority, Pair

RULES = """\
from: {topics: [shop.orders]}
rules:
  - name: r
    emit: [{event_type: track, event_name: E, user_id: event.id}]
"""
CONFIG = """\
sources:
  - {name: f, type: file, path: in.jsonl}
destinations:
  default: {url: "http://127.0.0.1:1/events", write_key: {env: CHECK_TEST_UNSET}}
dead_letters: {type: file, path: dead.jsonl}
rules: [rules/*.yaml]
"""


def run(*arguments: str | Path) -> Result:
    app = typer.Typer()
    app.command()(check)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules" / "orders.yaml"
    path.parent.mkdir()
    path.write_text(RULES)
    return path


@pytest.fixture
def config(tmp_path: Path, rules: Path) -> Path:
    path = tmp_path / "bridge.yaml"
    path.write_text(CONFIG)
    return path


def test_a_good_rule_file_passes(rules: Path) -> None:
    """Exit code 0 and a count."""
    result = run(rules)
    assert result.exit_code == 0
    assert "0 errors, 0 warnings (1 rule files, 1 rules)" in result.output


def test_a_problem_is_shown_in_its_line_with_a_caret(rules: Path) -> None:
    """As a compiler does; exit code 1."""
    rules.write_text(RULES.replace("event.id", "evnt.id"))
    result = run(rules)
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert lines[0] == f"{rules}:4:56: error: unknown variable 'evnt'"
    assert lines[2].index("^") - lines[1].index("evnt") == 0
    assert "hint: did you mean 'event'?" in result.output


def test_problems_as_json(rules: Path) -> None:
    """One object each, for scripts."""
    assert json.loads(run(rules, "--format", "json").output) == []
    rules.write_text(RULES.replace("event.id", "evnt.id"))
    (problem,) = json.loads(run(rules, "--format", "json").output)
    assert (problem["severity"], problem["path"], problem["line"], problem["column"]) == (
        "error",
        str(rules),
        4,
        56,
    )


def test_problems_as_workflow_annotations(rules: Path) -> None:
    """GitHub's grammar, with its escapes."""
    rules.write_text(RULES.replace("event.id", "evnt.id"))
    expected = f"::error file={rules},line=4,col=56::unknown variable 'evnt' (did you mean 'event'?)\n"
    assert run(rules, "--format", "github").output == expected


def test_a_config_brings_its_rules(config: Path, rules: Path) -> None:
    """Named as an argument or by --config; faults of both are told."""
    assert run(config).exit_code == 0
    assert run("--config", config).exit_code == 0
    rules.write_text(RULES + "    destination: crm\n")
    assert "no destination `crm`" in run(config).output
    assert run(rules).exit_code == 0


def test_rules_of_a_broken_config_are_checked_too(config: Path, rules: Path) -> None:
    """One run tells everything."""
    config.write_text(CONFIG.replace("dead_letters", "dead_leters"))
    rules.write_text(RULES.replace("event.id", "evnt.id"))
    output = run(config).output
    assert "dead_leters" in output
    assert "unknown variable 'evnt'" in output


def test_an_unset_secret_is_a_warning(config: Path, rules: Path) -> None:
    """A pipeline checks what it has no secrets for; `run` refuses it."""
    rules.write_text("secrets: {k: {env: CHECK_TEST_PII}}\n" + RULES)
    result = run(config)
    assert result.exit_code == 0
    assert "warning: the environment variable CHECK_TEST_UNSET is not set" in result.output
    assert "warning: the environment variable CHECK_TEST_PII is not set" in result.output


def certified(config: Path, ca: Path, pair: Pair) -> Result:
    """A check of a configuration that names these files, all of them at one RabbitMQ."""
    tls = json.dumps({"ca": str(ca), "cert": str(pair.cert), "key": str(pair.key)})
    source = f"{{name: f, type: rabbitmq, url: 'amqps://r', queues: [q], unmatched: filter, tls: {tls}}}"
    letters = f"{{type: rabbitmq, queue: letters, url: 'amqps://r', tls: {tls}}}"
    text = CONFIG.replace("{name: f, type: file, path: in.jsonl}", source)
    config.write_text(text.replace("{type: file, path: dead.jsonl}", letters))
    return run(config, "--format", "json")


def test_files_of_certificates_are_looked_at(config: Path, tmp_path: Path) -> None:
    """Missing, no PEM, a key of another certificate: warnings, for a bridge may run elsewhere."""
    authority = Authority(tmp_path)
    good, other = authority.issue("good"), authority.issue("other")
    for ca, pair, told in (
        (authority.cert, good, {}),
        (tmp_path / "none.pem", good, {"tls.ca": "none.pem is not there"}),
        (config, good, {"tls.ca": "bridge.yaml cannot be used"}),
        (authority.cert, Pair(good.cert, other.key), {"tls.cert": "key values mismatch"}),
        (authority.cert, Pair(good.cert, tmp_path / "none.key"), {"tls.key": "none.key is not there"}),
    ):
        result = certified(config, ca, pair)
        assert result.exit_code == 0
        found = [one for one in json.loads(result.output) if one["code"] == "certificate-file"]
        places = [f"{where}.{key}" for where in ("sources[0]", "dead_letters") for key in told]
        assert [one["where"] for one in found] == places
        assert all(words in one["problem"] for one in found for words in told.values())
        assert all(one["line"] and one["hint"] for one in found)


def test_cases_beside_a_rule_file_are_checked(rules: Path) -> None:
    """Their shape, not their outcome; a cases file stands for its rule file."""
    cases = rules.with_name("orders.cases.yaml")
    cases.write_text("tests: [{given: {evnt: 1}, expect: []}]\n")
    for path in (rules, cases):
        result = run(path)
        assert result.exit_code == 1
        assert f"{cases}:1:18: error: unknown key `evnt`" in result.output


def test_a_file_that_does_not_exist_is_wrong_usage(tmp_path: Path) -> None:
    """Which is exit code 2."""
    result = run(tmp_path / "nope.yaml")
    assert isinstance(result.exception, UsageError)
    assert result.exception.exit_code == 2


def test_a_configured_topic_without_a_rule_is_an_error(config: Path, rules: Path) -> None:
    """Unless the source says `unmatched: filter`; told where the topic stands."""
    source = "{name: k, type: kafka, brokers: 'localhost:1', group: g, topics: [shop.orders, shop.carts]}"
    text = CONFIG.replace("{name: f, type: file, path: in.jsonl}", source)
    config.write_text(text)
    result = run(config)
    assert result.exit_code == 1
    assert (
        f"{config}:2:{2 + text.splitlines()[1].index(' shop.carts')}: error: no rule names the topic"
        in result.output
    )
    config.write_text(text.replace("group: g,", "group: g, unmatched: filter,"))
    assert run(config).exit_code == 0


def test_the_dead_letters_own_topic_is_no_source(config: Path, rules: Path) -> None:
    """Also where only a rule names it."""
    source = "{name: k, type: kafka, brokers: 'localhost:1', group: g}"
    letters = "dead_letters: {type: kafka, topic: shop.orders}"
    text = CONFIG.replace("{name: f, type: file, path: in.jsonl}", source)
    config.write_text(text.replace("dead_letters: {type: file, path: dead.jsonl}", letters))
    assert "dead letters" in run(config).output


def test_a_warning_of_the_linter_does_not_fail(rules: Path) -> None:
    """An error of it does; each with its code."""
    rules.write_text(RULES.replace("event_name: E", "event_name: Call Created"))
    result = run(rules, "--format", "json")
    assert result.exit_code == 0
    assert [(one["severity"], one["code"]) for one in json.loads(result.output)] == [
        ("warning", "system-event-name")
    ]
    rules.write_text(RULES.replace("event.id", "\"''\""))
    assert run(rules).exit_code == 1


def test_what_the_compiler_told_the_linter_does_not_repeat(rules: Path) -> None:
    """One place, one error."""
    rules.write_text(RULES.replace("event.id", "'[1]'"))
    result = run(rules)
    assert "1 errors, 0 warnings" in result.output


def test_the_files_that_come_along_have_nothing_to_tell() -> None:
    """The linter is no nuisance: the sample rules are without a finding."""
    folder = Path(__file__).parents[2] / "config" / "rules"
    result = run(*sorted(folder.glob("*.yaml")))
    assert "0 errors, 0 warnings" in result.output


def test_samples_tell_fields_that_no_record_has(rules: Path, tmp_path: Path) -> None:
    """In the shape of the file source; tombstones and blank lines are passed over."""
    samples = tmp_path / "samples.jsonl"
    samples.write_text(
        '{"topic": "shop.orders", "json": {"idd": 1}}\n\n{"topic": "shop.orders", "value": null}\n'
    )
    result = run(rules, "--samples", samples)
    assert result.exit_code == 0
    assert f"{rules}:4:62: warning: no sample has `event.id` (1 looked at)" in result.output
    assert "hint: did you mean `idd`?" in result.output
    samples.write_text('{"topic": "shop.orders", "value": "{\\"id\\": 1}"}\n')
    assert "0 errors, 0 warnings" in run(rules, "--samples", samples).output


def test_samples_that_cannot_be_read_are_told_with_their_line(rules: Path, tmp_path: Path) -> None:
    """A line that is no record is an error, a body that is no JSON a warning, no file wrong usage."""
    samples = tmp_path / "samples.jsonl"
    good = '{"topic": "shop.orders", "json": {"id": 1}}'
    samples.write_text(f'{good}\n{{"topic": 5}}\n{{"topic": "shop.orders", "value": "{{"}}\n')
    output = run(rules, "--samples", samples).output
    assert f"{samples}:2:1: error: no record line" in output
    assert f"{samples}:3:1: warning: this sample cannot be decoded" in output
    assert isinstance(run(rules, "--samples", tmp_path / "nope").exception, UsageError)


def test_samples_are_decoded_as_their_source_says(config: Path, rules: Path, tmp_path: Path) -> None:
    """Text is no broken JSON."""
    source = "{name: k, type: kafka, brokers: 'localhost:1', group: g, topics: [shop.orders], decode: text}"
    config.write_text(CONFIG.replace("{name: f, type: file, path: in.jsonl}", source))
    rules.write_text(RULES.replace("event.id", "event"))
    samples = tmp_path / "samples.jsonl"
    samples.write_text('{"topic": "shop.orders", "value": "hello"}\n')
    assert "this sample" not in run(config, "--samples", samples).output


def test_problems_as_sarif(rules: Path) -> None:
    """The parts of SARIF 2.1.0 that code scanning needs, each where the standard wants it."""
    rules.write_text(
        RULES.replace("event_name: E, user_id: event.id", "event_name: Call Created, user_id: evnt.id")
    )
    result = run(rules, "--format", "sarif")
    assert result.exit_code == 1
    log = json.loads(result.output)
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (one_run,) = log["runs"]
    driver = one_run["tool"]["driver"]
    assert driver["name"] == "filum-bridge"
    assert one_run["columnKind"] == "unicodeCodePoints"
    (found,) = one_run["results"]
    assert driver["rules"][found["ruleIndex"]]["id"] == found["ruleId"] == "invalid"
    assert all(rule["shortDescription"]["text"] for rule in driver["rules"])
    assert (found["level"], found["message"]["text"]) == (
        "error",
        "unknown variable 'evnt' (did you mean 'event'?)",
    )
    place = found["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == rules.as_uri()
    assert place["region"]["startLine"] == 4
    assert rules.read_text().splitlines()[3][place["region"]["startColumn"] - 1 :].startswith("evnt.id")


def test_sarif_of_nothing_wrong_and_of_a_relative_path(
    rules: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An empty list of results is a result; relative paths stay so, with escapes."""
    assert json.loads(run(rules, "--format", "sarif").output)["runs"][0]["results"] == []
    monkeypatch.chdir(tmp_path)
    rules.rename(tmp_path / "my rules.yaml")
    Path("my rules.yaml").write_text(RULES.replace("event_name: E", "event_name: Call Created"))
    (found,) = json.loads(run("my rules.yaml", "--format", "sarif").output)["runs"][0]["results"]
    assert found["level"] == "warning"
    assert found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "my%20rules.yaml"


def test_every_code_has_a_description() -> None:
    """A code that the linter writes and SARIF does not know would be a crash."""
    folder = Path(__file__).parents[2] / "bridge"
    files = [*(folder / "rules" / "lint").glob("*.py"), *(folder / "cli").glob("*.py")]
    sources = "".join(path.read_text() for path in files)
    calls = r"(?:view\.inside|view\.key|findings\.warn|Finding)\(\s*\"([a-z-]+)\""
    found = set(re.findall(calls, sources))
    assert len(found) > 15
    assert found <= DESCRIPTIONS.keys()


def test_help_has_examples() -> None:
    """What to type."""
    assert "filum-bridge check config/bridge.yaml" in run("--help").output
