"""The pictures of docs/dashboards.md: a real Prometheus watches the story, every panel is drawn from it."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.dashboards.answers import Asking
from tests.dashboards.files import FILES, load, queries
from tests.dashboards.pictures.boards import picture
from tests.dashboards.pictures.seen import Answers, Mark, Span
from tests.dashboards.story import Story, told
from tests.parts import kafka as kafka_part
from tests.parts import prometheus as prometheus_part
from tests.parts.kafka import Kafka

FOLDER = Path(__file__).parents[3] / "docs" / "dashboards"
_APART_SECONDS = 1.5
_CALM_SECONDS = 10


def take() -> None:
    """Write them anew."""
    if lacking := kafka_part.missing() or prometheus_part.missing():
        sys.exit(lacking)
    with tempfile.TemporaryDirectory() as home:
        for part in ("kafka", "story"):
            (Path(home) / part).mkdir()
        kafka = Kafka(Path(home) / "kafka")
        kafka.start()
        try:
            _told_and_drawn(Path(home) / "story", kafka)
        finally:
            kafka.stop()


def _told_and_drawn(home: Path, kafka: Kafka) -> None:
    FOLDER.mkdir(exist_ok=True)
    with told(home, kafka, []) as story:
        time.sleep(_CALM_SECONDS)
        for name, png in _drawn(story):
            (FOLDER / f"{name}.png").write_bytes(png)


def _drawn(story: Story) -> Iterator[tuple[str, bytes]]:
    end = story.end_seconds + _CALM_SECONDS
    asking = Asking(story.prometheus, story.start_seconds, end)
    for file in FILES:
        span = Span(story.start_seconds, end, tuple(_marks(asking, file, story)))
        yield file.stem, picture(load(file), _answers(asking, file), span, story.happened).png()


def _answers(asking: Asking, file: Path) -> dict[str, Answers]:
    """By the panels' titles. A table asks for the moment, all others for the whole time."""
    found: dict[str, dict[str, list[prometheus_part.Series]]] = {}
    for asked in queries(file):
        title, _, letter = asked.asker.rpartition(" ")
        ask = asking.at_the_end if asked.kind == "table" else asking.over_the_story
        found.setdefault(title, {})[letter] = ask(file, asked)
    return dict(found)


def _marks(asking: Asking, file: Path, story: Story) -> Iterator[Mark]:
    """Where the dashboard's annotations begin; what began before the story is none."""
    colors = {one["name"]: one["iconColor"] for one in load(file)["annotations"]["list"]}
    for asked in queries(file):
        if asked.kind != "annotation":
            continue
        name = asked.asker.removeprefix("annotation ")
        for one in asking.over_the_story(file, asked):
            before = story.start_seconds
            for when, _ in one.points:
                if when - before > _APART_SECONDS:
                    yield Mark(name, colors[name], when)
                before = when
