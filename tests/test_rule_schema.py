"""The schemas of rule files and their tests, held against the parser over the same files."""

import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bridge.cli.rule_schema import cases_schema, rules_schema
from bridge.cli.schema import schema_text
from bridge.errors import ConfigError
from bridge.located_yaml import parse_yaml, read_yaml
from bridge.rules.cases import parse_cases, read_cases
from bridge.rules.lint.codes import LINTS, example_file
from bridge.rules.parse import parse_rules

ROOT = Path(__file__).parents[1]
TABLE: dict[str, Any] = read_yaml(ROOT / "tests" / "rules" / "wrong_files.yaml").value
WRONG = {
    case["name"]: case["text"] if "text" in case else TABLE["good"].replace(case["old"], case["new"])
    for case in TABLE["cases"]
}
PAGES = [ROOT / "docs" / name for name in ("rules.md", "rules-cookbook.md")]
EXAMPLES = [text for page in PAGES for text in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)]
FILES = [*(ROOT / "config" / "rules").glob("*.yaml"), *(ROOT / "tests" / "bench").glob("*.yaml")]
RULES = Draft202012Validator(rules_schema())
CASES = Draft202012Validator(cases_schema())

ONLY_THE_PARSER = {
    "unquoted expressions: a schema sees values, not how they are written": (
        *("smart quotes outer", "template plain", "unq index", "unq flow q", "unq hash", "unq hash str"),
        *("unq and", "date param", "ts literal", "quote at end only"),
    ),
    "whether a name of a zone is one, and a regular expression can be read": (
        *("tz", "tz offset", "tz abbr", "tz utc7", "bad regex"),
    ),
    "names against one another": ("index let",),
}
"""Where the schema deliberately takes what the parser refuses. The other way round there is nothing."""


@pytest.mark.parametrize("name", ["rules", "cases"])
def test_the_copies_for_editors_are_what_is_generated(name: str) -> None:
    """``filum-bridge schema rules > config/schema/rules.schema.json`` brings them up to date."""
    schema = {"rules": rules_schema, "cases": cases_schema}[name]()
    Draft202012Validator.check_schema(schema)
    assert (ROOT / "config" / "schema" / f"{name}.schema.json").read_text() == schema_text(schema)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_shipped_rule_file_is_valid(path: Path) -> None:
    """An editor underlines nothing in it."""
    assert [error.message for error in RULES.iter_errors(read_yaml(path).value)] == []


@pytest.mark.parametrize("text", EXAMPLES)
def test_a_documented_rule_file_is_valid(text: str) -> None:
    """Those of the docs too."""
    assert [error.message for error in RULES.iter_errors(parse_yaml(text, "x").value)] == []


@pytest.mark.parametrize("lint", LINTS, ids=lambda lint: lint.code)
def test_what_only_the_linter_judges_is_valid(lint: Any) -> None:
    """The schema is about shape."""
    for lines in (lint.wrong, lint.right):
        assert RULES.is_valid(parse_yaml(example_file(lines), "x").value)


@pytest.mark.parametrize("name", WRONG)
def test_the_schema_refuses_what_the_parser_refuses(name: str) -> None:
    """Over the whole table of wrong files; what YAML itself refuses reaches neither."""
    try:
        located = parse_yaml(WRONG[name], "x")
    except ConfigError:
        return
    file, reader = parse_rules(located)
    parse_cases(reader, [rule.name for rule in file.rules])
    differs = name in {case for names in ONLY_THE_PARSER.values() for case in names}
    assert RULES.is_valid(located.value) == (not reader.errors or differs)


def test_shapes_that_differ_are_in_the_table() -> None:
    """So that the list above cannot go stale."""
    assert {case for names in ONLY_THE_PARSER.values() for case in names} <= WRONG.keys()


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("tests: [{given: {event: {}}, expect: []}]", True),
        ("tests: [{name: n, rule: r, given: {value: null}, expect: {error: x}}]", True),
        ("tests: [{given: {op: d, before: {}, meta: {headers: {a: b}, offset: 5}}, expect: []}]", True),
        ("tests: [{expect: []}]", False),
        ("tests: [{given: {}, expect: 5}]", False),
        ("tests: [{given: {evnt: 5}, expect: []}]", False),
        ("tests: [{given: {value: 1, event: 1}, expect: []}]", False),
        ("tests: [{given: {meta: {offset: x}}, expect: []}]", False),
        ("tests: [{given: {}, expect: [{event_tpye: track}]}]", False),
        ("tests: [{given: {}, expect: [{event_params: {A: 1}}]}]", False),
        ("tests: [{given: {}, expect: [{event_params: [{key: A, value: {str: b}}]}]}]", False),
        ("rules: []", False),
        ("[]", False),
    ],
)
def test_cases_files(text: str, valid: bool, tmp_path: Path) -> None:
    """Schema and parser agree on them."""
    path = tmp_path / "x.cases.yaml"
    path.write_text(text)
    _, reader = read_cases(path, ["r"])
    assert CASES.is_valid(parse_yaml(text, "x").value) is (not reader.errors) is valid


@pytest.mark.parametrize(
    "path", sorted((ROOT / "config" / "rules").glob("*.yaml")), ids=lambda path: path.name
)
def test_editors_are_told_where_the_schema_lies(path: Path) -> None:
    """In the first line, as the YAML language server reads it."""
    first = path.read_text().splitlines()[0]
    schema = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert schema
    assert (path.parent / schema[1]).resolve() == ROOT / "config" / "schema" / "rules.schema.json"
