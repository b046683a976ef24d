"""``values.yaml`` is the one place where a value is described; each is tested by the chart's unit tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.helm.chart_docs import generated
from tests.helm.rendering import CHART, ROOT
from tests.helm.values_file import Value, read_values
from tests.helm.values_page import tables
from tests.helm.values_schema import schema_text

VALUES = read_values(CHART / "values.yaml")
SUITES = sorted((CHART / "tests").glob("*_test.yaml"))


@pytest.mark.parametrize("path", generated(), ids=lambda path: path.name)
def test_what_is_generated_is_up_to_date(path: Path) -> None:
    """``scripts/chart-docs`` after each change of a value or of the configuration."""
    assert path.read_text() == generated()[path], f"{path.relative_to(ROOT)}: run scripts/chart-docs"


def test_every_key_of_the_file_is_a_value() -> None:
    """The reader loses none: what it knows, put together again, is the file."""
    assert _together(VALUES) == YAML(typ="safe").load(CHART / "values.yaml")


def _together(values: list[Value]) -> dict[str, Any]:
    return {
        value.path[-1]: _together(value.children) if value.is_group else value.default for value in values
    }


def test_every_value_is_set_by_a_unit_test() -> None:
    """A switch that no test turns may do nothing, and nobody would know."""
    turned = {path for suite in SUITES for path in _turned(YAML(typ="safe").load(suite))}
    leaves = {one.path for value in VALUES for one in value.all() if not one.is_group}
    # Dashboards are files, which the suites do not know: test_chart.py turns their switches.
    assert {".".join(path) for path in leaves - turned if path[0] != "dashboards"} == set()


def _turned(suite: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for test in (suite, *suite["tests"]):
        yield from _paths(test.get("set", {}), ())


def _paths(given: Any, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield above
    if isinstance(given, dict):
        for key, value in given.items():
            yield from _paths(value, (*above, key))


def test_a_comment_without_a_key_is_an_error(tmp_path: Path) -> None:
    """It would describe the wrong value, or none."""
    file = tmp_path / "values.yaml"
    file.write_text("a:\n# lost\n- b\n")
    with pytest.raises(ValueError, match=r"values\.yaml:3"):
        read_values(file)


def test_values_and_groups_are_told_apart(tmp_path: Path) -> None:
    """A mapping is a group unless a schema says what it holds."""
    file = tmp_path / "values.yaml"
    file.write_text(
        "## First\n\n# Of pods | of all.\n#   example: 1\n# @schema {minimum: 1}\na: 1\n\n"
        "b:\n  # Inner.\n  c: x\n  # @schema {type: object}\n  d: {e: 1}\n"
    )
    a, b = read_values(file)
    assert (a.text, a.schema, a.section) == ("Of pods | of all.", {"minimum": 1}, "First")
    assert [child.path for child in b.children] == [("b", "c"), ("b", "d")]
    assert '| `b.d` | `{"e": 1}` |  |' in tables([a, b])
    assert r"Of pods \| of all." in tables([a, b])


def test_a_list_must_say_what_it_holds(tmp_path: Path) -> None:
    """Anything would be accepted otherwise."""
    file = tmp_path / "values.yaml"
    file.write_text("a: []\n")
    with pytest.raises(ValueError, match="what does the list hold"):
        schema_text(read_values(file))
