"""`filum-bridge check`: every problem with its place, offline."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from bridge.cli.check import check
from bridge.errors import UsageError

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


def test_help_has_examples() -> None:
    """What to type."""
    assert "filum-bridge check config/bridge.yaml" in run("--help").output
