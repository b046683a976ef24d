"""``filum-bridge skip``: one record becomes a dead letter by an operator's word, and what waits goes on."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from bridge.cli.operate import order
from bridge.cli.skip import skip
from bridge.errors import ConsumerError, UsageError
from tests.inprocess import World
from tests.test_operator import POISON, a_world, say

STOPS = POISON.replace("    emit:", "    on_error: stop\n    emit:")


async def skipped(world: World, place: str) -> str:
    """What the command says; an error of it is raised."""
    said = await asyncio.to_thread(say, skip, place, world)
    if said.exception is not None:
        raise said.exception
    return said.stdout


PAGE = Path(__file__).parents[1] / "docs" / "dead-letters.md"


def test_the_page_has_it_as_it_is() -> None:
    """Each example is understood, up to the bridge that is not there."""
    places = re.findall(r"^filum-bridge skip (\S+)$", PAGE.read_text(), re.MULTILINE)
    assert len(places) == 2
    for place in places:
        with pytest.raises(ConsumerError, match="no bridge answers"):
            order("skip", place, "http://127.0.0.1:1", "token")


def reasons(world: World) -> list[str]:
    """Of the dead letters, in the order written."""
    return [letter["headers"]["bridge-reason"] for letter in world.letters()]


def test_a_record_that_a_rule_stopped_at_is_skipped(tmp_path: Path) -> None:
    """What stood behind it is delivered, in order; the next that stops stands still again."""
    world = a_world(tmp_path, rules=STOPS)
    for number, n in enumerate(["1", '"text"', "2", '"more"', "3"]):
        world.broker.produce("orders", f'{{"user": "u", "n": {n}}}'.encode(), timestamp_ms=number)

    async def story() -> None:
        await world.until(lambda: world.snapshot().total("stalled", reason="rule_stopped") == 1)
        await world.until(lambda: world.committed() == 1)
        assert await skipped(world, "orders:0:1") == (
            "orders:0:1 is skipped: its dead letter is written, then it is settled\n"
        )
        await world.until(lambda: world.committed() == 3)
        assert world.snapshot().total("stalled", reason="rule_stopped") == 1
        await skipped(world, "orders")
        await world.until(lambda: world.committed() == 5)

    world.run(story)
    assert [event["event_params"][0]["value"]["int_value"] for event in world.accepted] == [1, 2, 3]
    assert reasons(world) == ["skipped_by_operator", "skipped_by_operator"]
    assert world.app.watch.summary()["dead_lettered"] == 2


def test_an_event_that_is_tried_again_and_again_is_skipped(tmp_path: Path) -> None:
    """Its user's later events leave then; nobody else noticed."""
    world = a_world(tmp_path)
    world.answer = lambda event: 500 if event["event_params"][0]["value"]["int_value"] == 0 else 200
    for seq in range(3):
        world.order("ann", seq)

    async def story() -> None:
        await world.until(lambda: world.snapshot().total("retries_total") >= 1)
        assert world.committed() == 0
        await skipped(world, "orders:0:0")
        await world.until(lambda: world.committed() == 3)

    world.run(story)
    assert [event["event_params"][0]["value"]["int_value"] for event in world.accepted] == [1, 2]
    assert reasons(world) == ["skipped_by_operator"]


def test_nothing_is_settled_before_its_letter_is_written(tmp_path: Path) -> None:
    """Where no letter can be written, it stands still as for any other."""
    world = a_world(tmp_path)
    world.answer = lambda _: 500
    (tmp_path / "letters.jsonl").mkdir()
    world.order("ann", 0)

    async def story() -> None:
        await world.until(lambda: world.snapshot().total("retries_total") >= 1)
        await skipped(world, "orders:0:0")
        await world.until(lambda: world.snapshot().total("stalled", reason="dead_letters_unavailable") == 1)
        assert world.committed() == 0
        (tmp_path / "letters.jsonl").rmdir()
        await world.until(lambda: world.committed() == 1)

    world.run(story)
    assert reasons(world) == ["skipped_by_operator"]


@pytest.mark.parametrize("place", ["orders:0:7", "orders:2:0", "orders:0:0", "nobody", "nobody:0:0", "a/b"])
def test_what_is_not_open_cannot_be_skipped(tmp_path: Path, place: str) -> None:
    """Settled, not there, another's: it is said, and nothing changes."""
    world = a_world(tmp_path)
    world.order("ann", 0)

    async def story() -> None:
        await world.until(lambda: world.committed() == 1)
        with pytest.raises(UsageError, match="nothing that is open here lies at"):
            await skipped(world, place)

    world.run(story)
    assert world.letters() == []
