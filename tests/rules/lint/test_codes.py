"""Every code of the linter: an example that is told, one that is not, and the comment that silences it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from bridge.cli.check import check
from bridge.rules.lint.codes import ERROR, LINTS, Lint, example_file, lints_page

ROOT = Path(__file__).parents[3]
COMMENT = "# filum-bridge: ignore"
by_code = pytest.mark.parametrize("lint", LINTS, ids=lambda lint: lint.code)
WARNINGS = [lint for lint in LINTS if lint.severity != ERROR and lint.wrong != lint.right]


def found(folder: Path, text: str, *options: str, sample: str = "") -> list[dict[str, Any]]:
    path = folder / "rules.yaml"
    path.write_text(text)
    if sample:
        (folder / "samples.jsonl").write_text(sample)
        options = (*options, "--samples", str(folder / "samples.jsonl"))
    app = typer.Typer()
    app.command()(check)
    result = CliRunner().invoke(app, [str(path), "--format", "json", *options])
    problems: list[dict[str, Any]] = json.loads(result.output)
    return problems


def codes(folder: Path, text: str, sample: str = "") -> list[str]:
    return [one["code"] for one in found(folder, text, sample=sample)]


@by_code
def test_the_wrong_example_is_told(lint: Lint, tmp_path: Path) -> None:
    """With the severity that the table says, and nothing else is."""
    told = found(tmp_path, example_file(lint.wrong), sample=lint.sample)
    extra = {"sample-line": ["no-sample"]}.get(lint.code, [])
    assert [one["code"] for one in told] in ([lint.code], [lint.code, *extra], [*extra, lint.code])
    assert next(one["severity"] for one in told if one["code"] == lint.code) == lint.severity


@by_code
def test_the_right_example_is_not_told(lint: Lint, tmp_path: Path) -> None:
    """It has no finding at all."""
    if lint.code != "sample-line":
        assert codes(tmp_path, example_file(lint.right), lint.sample) == []


def test_the_page_is_current() -> None:
    """Generated: ``filum-bridge schema lints > docs/lints.md``."""
    assert (ROOT / "docs" / "lints.md").read_text() == lints_page()


def test_every_code_that_is_told_is_in_the_table() -> None:
    """And none is in it that is not told."""
    files = [*(ROOT / "bridge" / "rules" / "lint").glob("*.py"), *(ROOT / "bridge" / "cli").glob("*.py")]
    sources = "".join(path.read_text() for path in files if path.name != "codes.py")
    listed = {lint.code for lint in LINTS}
    said = set(re.findall(r"\"([a-z]+-[a-z-]+)\"", sources)) & (listed - {"unused-map", "unused-secret"})
    assert {*said, "invalid", "unused-map", "unused-secret"} == listed
    assert [lint.code for lint in LINTS] == sorted(listed)


@pytest.mark.parametrize(
    "lint", [one for one in WARNINGS if one.code != "secret-unset"], ids=lambda one: one.code
)
def test_a_comment_above_the_line_silences_a_warning(lint: Lint, tmp_path: Path) -> None:
    """Of this code, in this line."""
    if lint.code == "ignore-comment":
        return
    text = example_file(lint.wrong)
    line = next(one for one in found(tmp_path, text, sample=lint.sample) if one["code"] == lint.code)["line"]
    lines = text.splitlines()
    lines.insert(line - 1, f"{COMMENT}[{lint.code}]")
    assert codes(tmp_path, "\n".join(lines), lint.sample) == []


RULE = example_file('let: {a: "event.a", b: "event.b"}\nwhen: "event.x == \'a\' && event.x == \'b\'"')


def test_a_comment_behind_the_line_silences_it_alone(tmp_path: Path) -> None:
    """Two lets in one line are both silenced; the `when` of another line is not."""
    line = '    let: {a: "event.a", b: "event.b"}'
    assert codes(tmp_path, RULE) == ["unused-let", "unused-let", "never-true"]
    text = RULE.replace(line, f"{line}  {COMMENT}[unused-let]")
    assert codes(tmp_path, text) == ["never-true"]


def test_a_comment_above_a_rule_silences_the_whole_rule(tmp_path: Path) -> None:
    """Several codes, blanks between; the next rule is judged again."""
    other = RULE[RULE.index("  - name") :].replace("example", "other").replace("Order Paid", "Other")
    text = RULE.replace("  - name", f"  {COMMENT}[ unused-let , never-true ]\n\n  # why\n  - name") + other
    assert codes(tmp_path, text) == ["unused-let", "unused-let", "never-true"]
    first = text.splitlines().index("  - name: other") + 1
    assert all(one["line"] > first for one in found(tmp_path, text))


def test_an_error_is_not_silenced(tmp_path: Path) -> None:
    """What can never work is to be mended."""
    text = RULE.replace('user_id: "event.customer.id"', f"user_id: \"''\"  {COMMENT}[no-identity]")
    assert "no-identity" in codes(tmp_path, text)


@pytest.mark.parametrize(
    ("comment", "message", "hint"),
    [
        (COMMENT, "this comment names no code", "ignore[CODE]"),
        (f"{COMMENT}[]", "this comment names no code", "ignore[CODE]"),
        ("# filum-bridge: disable[never-true]", "this comment names no code", "ignore[CODE]"),
        (f"{COMMENT}[nevr-true]", "no check is called `nevr-true`", "did you mean `never-true`?"),
        (f"{COMMENT}[slow-regex]", "this silences no `slow-regex`", "leave it out"),
    ],
)
def test_a_comment_that_does_nothing_is_told(comment: str, message: str, hint: str, tmp_path: Path) -> None:
    """It would hide the next mistake, or never have worked."""
    good = example_file('when: "event.x == 1"')
    (one,) = found(tmp_path, good.replace('== 1"', f'== 1"  {comment}'))
    assert (one["code"], one["line"], one["problem"]) == ("ignore-comment", 4, message)
    assert hint in one["hint"]


def test_a_comment_for_samples_has_its_use_without_them(tmp_path: Path) -> None:
    """They are not always at hand."""
    good = example_file('when: "event.x == 1"')
    assert codes(tmp_path, good.replace('== 1"', f'== 1"  {COMMENT}[sample-path]')) == []


def test_a_file_that_does_not_compile_has_no_idle_comments(tmp_path: Path) -> None:
    """Its rules were not judged."""
    good = example_file('when: "evnt.x == 1"')
    assert codes(tmp_path, good.replace('== 1"', f'== 1"  {COMMENT}[never-true]')) == ["invalid"]


def test_warnings_fail_only_when_strict(tmp_path: Path) -> None:
    """`--strict` is for pipelines."""
    path = tmp_path / "rules.yaml"
    app = typer.Typer()
    app.command()(check)
    for text, codes_of in ((RULE, [0, 1]), (example_file('when: "event.x == 1"'), [0, 0])):
        path.write_text(text)
        runs = [CliRunner().invoke(app, [str(path), *more]) for more in ([], ["--strict"])]
        assert [run.exit_code for run in runs] == codes_of
