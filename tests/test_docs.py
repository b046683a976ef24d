"""What the README shows is run; what it names exists."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.cli.main import COMMANDS
from bridge.cli.reference import functions_page
from bridge.config import Limits
from bridge.decode import decode
from bridge.model import Applied, Record, Scope, Stream
from bridge.rules import compile_files
from bridge.rules.testing import run_tests

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])


RULE_PAGES = [ROOT / "docs" / name for name in ("rules.md", "rules-cookbook.md", "envelopes.md")]
RULE_EXAMPLES = [
    pytest.param(example, id=f"{page.name}-{number}")
    for page in RULE_PAGES
    for number, example in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL), 1)
]


def filum_bridge(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """One command, from the checkout's root."""
    command = [sys.executable, "-m", "bridge", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_the_rule_of_the_readme_makes_an_event(tmp_path: Path) -> None:
    """It compiles, and an order gives what the text promises."""
    (example,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    file = tmp_path / "readme.yaml"
    file.write_text(example)
    rules = compile_files([file], None, Limits(), lambda secret: "").of("shop", "shop.orders", queue=False)
    order = {
        "type": "order.completed",
        "occurred_at": "2024-07-15T07:58:13Z",
        "customer": {"id": 7},
        "order": {"items": [{"qty": 2, "unit_price": 3}]},
    }
    assert rules
    made = rules.apply(Record(Stream("shop", "shop.orders"), 0, 1, b""), lambda _: Scope(order))

    assert isinstance(made, Applied)
    assert b'{"key":"Total Value","value":{"double_value":6.0}}' in made.events[0].body
    assert b'{"key":"Channel","value":{"string_value":"web"}}' in made.events[0].body


@pytest.mark.parametrize("example", RULE_EXAMPLES)
def test_a_documented_rule_file_passes_its_own_tests(example: str, tmp_path: Path) -> None:
    """Every mapping of the rule pages, as a user would run it."""
    file = tmp_path / "example.yaml"
    file.write_text(example)
    report = run_tests([file], None, Limits(), lambda secret: "", decode)

    assert report.results
    assert [result.problem for result in report.failed] == []
    assert report.untested == []


def test_the_function_reference_is_current() -> None:
    """Generated from the function table: ``filum-bridge schema functions > docs/rules-functions.md``."""
    assert (ROOT / "docs" / "rules-functions.md").read_text() == functions_page()


def test_the_readme_lists_every_command() -> None:
    """No more and no less than there are."""
    listed = re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)

    assert tuple(listed) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_examples(command: str) -> None:
    """As the README says."""
    answer = filum_bridge(command, "--help")

    assert answer.returncode == 0
    assert "Examples" in answer.stdout
    assert f"filum-bridge {command}" in answer.stdout


@pytest.mark.parametrize("command", ["check", "test"])
def test_the_sample_configuration_is_good(command: str) -> None:
    """``check`` and ``test`` as the README calls them."""
    answer = filum_bridge(command, "--config", "config/bridge.yaml")

    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("script", sorted(set(re.findall(r"^(scripts/\S+)", README, re.MULTILINE))))
def test_a_script_of_the_readme_can_be_run(script: str) -> None:
    """It is there and executable."""
    assert (ROOT / script).stat().st_mode & 0o100


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Relative links point to files of the checkout."""
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target
