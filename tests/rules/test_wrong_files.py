"""Rule files with one mistake each: the place, the words and the remedy that people are told.

The table is `wrong_files.yaml`: what is changed in a good file, and all that `check` then says. A mistake
that gave follow-up noise would have more lines there than mistakes.
"""

from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from bridge.cli.check import check
from bridge.located_yaml import read_yaml

TABLE: dict[str, Any] = read_yaml(Path(__file__).with_name("wrong_files.yaml")).value
GOOD: str = TABLE["good"]


def told(path: Path) -> list[str]:
    """``line:column severity message | hint`` of each problem."""
    app = typer.Typer()
    app.command()(check)
    result = CliRunner().invoke(app, [str(path)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    lines: list[str] = []
    for line in result.output.splitlines()[:-1]:
        if line.startswith(f"{path}:"):
            place, severity, message = line.removeprefix(f"{path}:").split(": ", 2)
            lines.append(f"{place} {severity} {message}")
        elif line.startswith("    hint: "):
            lines[-1] += f" | {line.removeprefix('    hint: ')}"
    return lines


def test_the_good_file_is_good(tmp_path: Path) -> None:
    """Or nothing below would prove anything."""
    path = tmp_path / "rules.yaml"
    path.write_text(GOOD)
    assert told(path) == []


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: case["name"])
def test_a_mistake_is_told_once_with_its_place_and_remedy(case: dict[str, Any], tmp_path: Path) -> None:
    """Realistic slips of a backend engineer in a hurry."""
    text: str = case["text"] if "text" in case else GOOD.replace(case["old"], case["new"])
    assert text != GOOD
    path = tmp_path / "rules.yaml"
    path.write_text(text, "utf-8")
    assert told(path) == case["told"]


def test_every_mistake_has_a_remedy() -> None:
    """A message alone leaves people searching; what has none is listed here."""
    without = {case["name"] for case in TABLE["cases"] for line in case["told"] if " | " not in line}
    assert len(TABLE["cases"]) > 200
    assert without <= set(TABLE["without_remedy"])
