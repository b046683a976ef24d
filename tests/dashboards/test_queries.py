"""Every query of every dashboard, asked of a real Prometheus that scraped a real bridge through the story."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import require
from tests.dashboards.answers import Asking
from tests.dashboards.files import FILES, Asked, load, queries, variables
from tests.dashboards.story import LABELS, Story, told
from tests.parts import prometheus as prometheus_part
from tests.parts.kafka import Kafka

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).parents[2]
ASKED = [pytest.param(file, one, id=f"{one.board}-{one.asker}") for file in FILES for one in queries(file)]


NOTHING_HAPPENS = {
    "Unaccounted": "0 is a promise",
    "Garbage collections": "the collector is told to run seldom; the story is too short for it",
    "Metadata of no use, offsets lost": "only a broker that loses data, or a topic made again, makes any",
    "Records without a lasting identity": "RabbitMQ alone has such",
    "Questions to the schema registry": "only with a registry",
}
"""Panels that have numbers, and rightly nothing but 0; every other one must move."""


@pytest.fixture(scope="module")
def story(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Told once for all queries; the alerts' rules are evaluated meanwhile."""
    require(prometheus_part.missing())
    rules = sorted((ROOT / "helm" / "rules").glob("*.yaml"))
    with told(tmp_path_factory.mktemp("story"), kafka, rules) as one:
        yield one


@pytest.fixture(scope="module")
def asking(story: Story) -> Asking:
    """About the time of the story."""
    return Asking(story.prometheus, story.start_seconds, story.end_seconds)


@pytest.mark.parametrize(("file", "asked"), ASKED)
def test_a_query_has_an_answer(asking: Asking, file: Path, asked: Asked) -> None:
    """A number at some time of the story, no panel is excused; and one that is not 0, of all but a few."""
    numbers = {number for one in asking.over_the_story(file, asked) for _, number in one.points}
    assert numbers
    title = asked.asker.rpartition(" ")[0]
    assert (numbers == {0.0}) == (title in NOTHING_HAPPENS), numbers


def test_only_panels_that_are_there_are_excused() -> None:
    """A panel that is renamed takes its excuse with it."""
    titles = {one.asker.rpartition(" ")[0] for file in FILES for one in queries(file)}
    assert titles >= NOTHING_HAPPENS.keys()


@pytest.mark.parametrize(
    ("file", "asked"), [one for one in ASKED if getattr(one.values[1], "kind", "") in ("stat", "table")]
)
def test_a_tile_or_table_has_an_answer_when_all_is_well(asking: Asking, file: Path, asked: Asked) -> None:
    """They show the moment, and must not be blank on a healthy day."""
    assert asking.at_the_end(file, asked)


@pytest.mark.parametrize(
    ("file", "asked"), [one for one in ASKED if getattr(one.values[1], "kind", "") != "table"]
)
def test_a_legend_has_the_labels_it_names(asking: Asking, file: Path, asked: Asked) -> None:
    """``{{reason}}`` of a query that sums reasons up would be blank."""
    named = re.findall(r"\{\{(\w+)\}\}", asked.legend)
    for series in asking.over_the_story(file, asked):
        assert not named or any(series.labels.get(label) for label in named), series.labels


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_variable_has_something_to_choose(asking: Asking, file: Path) -> None:
    """And the release and the namespace are those of the scrape."""
    for name, variable in variables(load(file), "query").items():
        found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])
        assert found
        choices = asking.choices(file, found[2], found[1])
        assert choices
        assert name not in LABELS or choices == [LABELS[name]]


def test_the_story_took_its_time(story: Story, report: Callable[[str], None]) -> None:
    """Long enough for rates, short enough for CI."""
    seconds = story.end_seconds - story.start_seconds
    report(f"dashboards: {len(ASKED)} queries asked of a story of {seconds:.0f} s")
    assert 15 < seconds < 90
