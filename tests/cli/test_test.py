"""`filum-bridge test`: runs the tests of rule files."""

import hashlib
import hmac
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import typer
from typer.testing import CliRunner, Result

from bridge.cli import test as command
from bridge.errors import ConfigErrors, UsageError

RULES = """\
from: {topics: [t]}
secrets: {k: {env: TEST_TEST_SECRET}}
rules:
  - name: r
    when: "event.x == 1"
    emit: [{event_type: track, event_name: E, user_id: "pii.hmac(event.id)"}]
tests:
  - {name: nothing, given: {event: {x: 2}}, expect: []}
"""
FAILING = '  - {name: "b\\u0007d", given: {event: {x: 3}}, expect: {error: boom}}\n'


def run(*arguments: str | Path) -> Result:
    app = typer.Typer()
    app.command()(command.test)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return path


def test_passing_tests_exit_0(rules: Path) -> None:
    """With a summary, and the rules that no test reaches."""
    result = run(rules)
    assert result.exit_code == 0
    assert result.output.endswith("1 passed, 0 failed\n")
    assert "no test passes the `when` of rule r" in result.output


def test_branches_without_a_test_are_told(rules: Path) -> None:
    """With their places and a count; they do not fail."""
    output = run(rules).output
    assert f"uncovered: {rules}:5:11: no test makes the `when` of rule r true\n" in output
    assert f"uncovered: {rules}:6:12: no test gives emit[0] of rule r, E\n" in output
    assert "1 of 3 branches covered\n" in output


def test_watching_a_file_that_does_not_exist_is_wrong_usage(tmp_path: Path) -> None:
    """It would wait for ever for a name that was mistyped."""
    assert isinstance(run("--watch", tmp_path / "nope.yaml").exception, UsageError)


def test_failing_tests_exit_1(rules: Path) -> None:
    """Each is told with file, line, name and what is different."""
    rules.write_text(RULES + FAILING)
    result = run(rules)
    assert result.exit_code == 1
    assert f"FAILED {rules}:9:5: " in result.output
    assert "expected a fault with 'boom'" in result.output
    assert result.output.endswith("1 passed, 1 failed\n")


def test_an_unset_secret_is_replaced_by_its_name(rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the tests need no secrets; a set one is used."""
    payload = "{event_type: track, event_name: E, user_id: %s}"
    test = "  - {given: {event: {x: 1, id: a}}, expect: [%s]}\n"
    for key in ("TEST_TEST_SECRET", "s3cret"):
        digest = hmac.new(key.encode(), b"a", hashlib.sha256).hexdigest()
        rules.write_text(RULES + test % (payload % digest))
        assert run(rules).exit_code == 0
        monkeypatch.setenv("TEST_TEST_SECRET", "s3cret")


def test_junit_for_ci(rules: Path, tmp_path: Path) -> None:
    """One case each, failures with their text, and no characters that XML has not."""
    rules.write_text(RULES + FAILING)
    target = tmp_path / "results.xml"
    assert run(rules, "--junit", target).exit_code == 1
    root = ET.parse(target).getroot()  # noqa: S314 - our own file
    suite = root[0]
    assert (root.tag, suite.get("tests"), suite.get("failures")) == ("testsuites", "2", "1")
    text = suite[1][0].text or ""
    assert text.startswith(f"{rules}:9:5\n")
    assert "boom" in text
    # What junit-10.xsd knows: elsewhere a file with more is refused.
    known = {
        "testsuites": set(),
        "testsuite": {"name", "tests", "failures", "errors", "time"},
        "testcase": {"name", "classname", "time"},
        "failure": {"message"},
    }
    for element in root.iter():
        assert set(element.keys()) == known[element.tag]
    assert re.fullmatch(r"[0-9]{0,3}\.[0-9]{0,3}", suite.get("time") or "")


def test_rules_that_do_not_compile_are_wrong_configuration(rules: Path, tmp_path: Path) -> None:
    """Exit code 2, as for a file that does not exist."""
    rules.write_text(RULES.replace("event.x", "evnt.x"))
    assert isinstance(run(rules).exception, ConfigErrors)
    assert isinstance(run(tmp_path / "nope.yaml").exception, UsageError)


def test_only_tests_of_a_name_are_run(rules: Path) -> None:
    """In either case, also by the rule that a test names; what they do not reach is no gap then."""
    rules.write_text(RULES + FAILING + "  - {name: more, rule: r, given: {event: {x: 5}}, expect: []}\n")
    for text, count in (("NOTH", 1), ("R", 1), ("more", 1)):
        output = run(rules, "-k", text).output
        assert output == f"{count} passed, 0 failed\n"
    assert isinstance(run(rules, "-k", "nobody").exception, UsageError)


def test_too_few_branches_fail_where_that_is_asked(rules: Path) -> None:
    """One of three is covered."""
    assert run(rules, "--fail-under", "33").exit_code == 0
    result = run(rules, "--fail-under", "34")
    assert result.exit_code == 1
    assert result.output.endswith("33 % of branches covered, 34 % wanted\n")


def test_results_that_cannot_be_written_are_wrong_usage(rules: Path, tmp_path: Path) -> None:
    """A folder that is not there."""
    assert isinstance(run(rules, "--junit", tmp_path / "no" / "x.xml").exception, UsageError)


def test_help_has_examples() -> None:
    """What to type."""
    assert "filum-bridge test config/bridge.yaml" in run("--help").output
