"""Each alert has a page, each page an alert; what a page says to type can be typed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from bridge.stall_reasons import STALL_REASONS
from tests.dashboards.files import FILES as DASHBOARDS
from tests.dashboards.files import load, panels
from tests.documented_commands import commands_of, parse

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "runbooks"
PAGES = sorted(page for page in FOLDER.glob("*.md") if page.name != "README.md")
README = (FOLDER / "README.md").read_text()
RULES = [
    rule
    for file in sorted((ROOT / "helm" / "rules").glob("*.yaml"))
    for group in YAML(typ="safe").load(file)["groups"]
    for rule in group["rules"]
    if "alert" in rule
]
SOURCE = "\n".join(file.read_text() for file in (ROOT / "bridge").rglob("*.py"))
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    """Under the alert's own name."""
    assert {page.stem for page in PAGES} == {rule["alert"] for rule in RULES}


@each_page
def test_a_page_says_what_it_means_what_it_costs_where_to_look_and_what_to_do(page: Path) -> None:
    """In that order."""
    text = page.read_text()
    assert re.findall(r"^#+ (.+)$", text, re.MULTILINE) == [page.stem, "Impact", "Look", "Do"]
    for part in re.split(r"^#+ .+$", text, flags=re.MULTILINE)[1:]:
        assert len(part.strip()) > 25
    assert all(len(line) <= 120 or line.startswith("|") for line in text.splitlines())


@pytest.mark.parametrize("page", [*PAGES, FOLDER / "README.md"], ids=lambda page: page.stem)
def test_what_a_page_says_to_type_can_be_typed(page: Path) -> None:
    """Commands exist and take the options and values shown."""
    commands = commands_of(page.read_text())
    for words in commands:
        parse(words)
    assert commands or "kubectl" in page.read_text()


@each_page
def test_log_lines_that_a_page_names_are_written(page: Path) -> None:
    """By the words that a reader would search for."""
    for line in re.findall(r"log\s+line\s+`([^`]+)`(?:\s+or\s+`([^`]+)`)?", page.read_text()):
        for words in filter(None, line):
            assert f'"{words}"' in SOURCE, words


@each_page
def test_panels_that_a_page_names_are_there(page: Path) -> None:
    """A quoted panel is on the dashboard that the sentence names."""
    titles = {panel["title"] for file in DASHBOARDS for panel in panels(load(file))}
    boards = {load(file)["title"].removeprefix("Filum Bridge / ") for file in DASHBOARDS}
    text = page.read_text()
    assert set(re.findall(r'"([A-Z][^"]+)"', text)) <= titles
    assert set(re.findall(r"(?<![*\w])\*([A-Z][a-z ]+)\*(?![*\w])", text)) <= boards


def test_the_index_has_every_alert_with_its_severity_and_summary() -> None:
    """A line for each, in the order of the files."""
    lines = re.findall(r"^\| \[(\w+)\]\((\w+)\.md\) \| (\w+) \| (.+) \|$", README, re.MULTILINE)
    wanted = {(r["alert"], r["alert"], r["labels"]["severity"], r["annotations"]["summary"]) for r in RULES}
    assert set(lines) == wanted
    assert len(lines) == len(RULES)


def test_panels_lead_to_pages_that_are_there() -> None:
    """And every page is linked from at least one panel, but those that no panel can show."""
    urls = [
        link["url"] for file in DASHBOARDS for panel in panels(load(file)) for link in panel.get("links", [])
    ]
    named = {match[1] for url in urls if (match := re.fullmatch(r"\$\{runbooks\}/(\w+)\.md", url))}
    assert named <= {page.stem for page in PAGES}
    assert {page.stem for page in PAGES} - named == {"FilumBridgeAutoscalerAtMax"}


def test_the_page_on_stalls_explains_every_reason_that_it_is_for() -> None:
    """Those that its alert asks for."""
    (rule,) = [rule for rule in RULES if rule["alert"] == "FilumBridgeStalled"]
    (reasons,) = re.findall(r'reason=~"([^"]+)"', rule["expr"])
    explained = re.findall(r"^\| `(\w+)` \|", (FOLDER / "FilumBridgeStalled.md").read_text(), re.MULTILINE)
    assert sorted(explained) == sorted(reasons.split("|"))
    assert set(explained) <= STALL_REASONS.keys()


def test_what_a_dashboard_says_to_type_can_be_typed() -> None:
    """The text panels."""
    texts = [
        panel["options"]["content"]
        for file in DASHBOARDS
        for panel in panels(load(file))
        if panel["type"] == "text"
    ]
    commands = [words for text in texts for words in commands_of(text)]
    assert len(commands) >= 4
    for words in commands:
        parse(words)


@pytest.mark.parametrize(
    "words", [["no-such"], ["dlq", "show"], ["status", "--wy"], ["dlq", "ls", "--rate", "x"], ["dlq"]]
)
def test_a_wrong_command_is_found(words: list[str]) -> None:
    """The judge of the other tests does judge."""
    with pytest.raises(Exception, match=r".+"):
        parse(words)
