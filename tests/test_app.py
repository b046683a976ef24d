"""The whole bridge in this process: memory broker in, scripted API out, real loop and threads between."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge.config import Destination
from bridge.metrics import Distribution
from tests.inprocess import RULES, World


def test_records_become_events_and_are_committed(tmp_path: Path) -> None:
    """Delivered and filtered ones alike."""
    world = World(tmp_path)
    for n in range(10):
        world.order("ann", n)
    world.broker.produce("orders", b'{"kind": "other"}', partition=1)

    async def story() -> None:
        await world.until(lambda: world.committed() == 11)

    world.run(story)

    assert [e["event_params"][0]["value"]["int_value"] for e in world.accepted] == list(range(10))
    assert world.app.watch.summary()["filtered"] == 1


def test_rules_are_timed_now_and_then(tmp_path: Path) -> None:
    """The first record, and one in 61 from there on."""
    world = World(tmp_path)
    for n in range(150):
        world.order("ann", n)

    async def story() -> None:
        await world.until(lambda: world.committed() == 150)

    world.run(story)

    timed = world.snapshot().series["rule_duration_seconds"]["order",]
    assert isinstance(timed, Distribution)
    assert sum(timed.counts) == 3
    assert 0 < timed.total < 1


def test_a_dropping_rule_drops_counts_and_commits(tmp_path: Path) -> None:
    """``on_error: drop``: no letter, the record's outcome says so."""
    world = World(tmp_path, RULES + "    on_error: drop\n")
    world.broker.produce("orders", b'{"kind": "order", "user": "ann"}')
    world.order("ann", 1)

    async def story() -> None:
        await world.until(lambda: world.committed() == 2)

    world.run(story)

    assert world.app.watch.summary()["dropped"] == 1
    assert world.letters() == []


def test_a_stopping_rule_holds_its_partition_and_no_other(tmp_path: Path) -> None:
    """``on_error: stop``: nothing of the partition is skipped, sent or committed from there on."""
    world = World(tmp_path, RULES + "    on_error: stop\n")
    world.order("ann", 0)
    world.broker.produce("orders", b'{"kind": "order", "user": "ann"}')
    world.order("ann", 2)
    world.order("bob", 0, partition=1)

    async def story() -> None:
        await world.until(
            lambda: world.committed() == 2 and bool(world.snapshot().total("partitions_paused"))
        )
        stalled = world.snapshot().total("stalled", source="shop", reason="rule_stopped")
        assert stalled == 1

    world.run(story)

    assert sorted(e["user_id"] for e in world.accepted) == ["ann", "bob"]
    assert world.letters() == []
    place = world.broker.committed("bridge", "orders", 0)
    assert place
    assert place.offset == 1


def test_letters_hold_the_original_and_count_by_reason(tmp_path: Path) -> None:
    """Undecodable, rule fault and refusal side by side."""
    world = World(tmp_path)
    world.answer = lambda event: 422 if event["user_id"] == "bad" else 200
    world.broker.produce("orders", b"{")
    world.broker.produce("orders", b'{"kind": "order", "user": "ann"}')
    world.order("bad", 0)
    world.order("ann", 1)

    async def story() -> None:
        await world.until(lambda: world.committed() == 4)
        shot = world.snapshot()
        for reason in ("undecodable", "rule_fault", "refused"):
            assert shot.total("dead_letters_total", reason=reason) == 1

    world.run(story)

    assert [letter["headers"]["bridge-reason"] for letter in world.letters()].count("refused") == 1
    assert len(world.accepted) == 1


def test_an_outage_pauses_the_source_and_ends_by_itself(tmp_path: Path) -> None:
    """A dead API: breaker, pause, probes; no letter and no commit; then everything, once."""
    world = World(tmp_path)
    world.answer = lambda _: 503
    for n in range(60):
        world.order(f"user-{n % 12}", n, partition=n % 3)

    async def story() -> None:
        await world.until(lambda: world.snapshot().total("stalled", reason="breaker") == 1)
        await world.until(lambda: world.snapshot().total("partitions_paused") == 3)
        assert world.committed() == 0
        world.answer = lambda _: 200
        await world.until(lambda: world.committed() == 60)

    world.run(story)

    assert len(world.accepted) == 60
    assert world.letters() == []


def test_leaving_during_an_outage_does_not_wait_for_it(tmp_path: Path) -> None:
    """Nothing can end before the API is back: the records are given back, uncommitted."""
    world = World(tmp_path, shutdown={"deadline": "300s"})
    world.answer = lambda _: 401
    for n in range(5):
        world.order(f"user-{n}", n)

    async def story() -> None:
        await world.until(lambda: world.snapshot().total("stalled", reason="auth") == 1)

    world.run(story)

    assert world.app.watch.summary()["given_back"] == 5
    assert world.committed() == 0


class Unclosable(httpx.MockTransport):
    """A network that does not let go."""

    async def aclose(self) -> None:
        await asyncio.Event().wait()


class StuckWorld(World):
    """A world with that network."""

    def _transport(self, _: Destination) -> httpx.AsyncBaseTransport:
        return Unclosable(self._api)


def test_what_does_not_close_is_left_behind_at_the_deadline(tmp_path: Path) -> None:
    """The process ends in good order, and what was settled stays settled."""
    world = StuckWorld(tmp_path, shutdown={"deadline": "500ms"})
    world.order("ann", 0)

    async def story() -> None:
        await world.until(lambda: world.committed() == 1)

    world.run(story)

    assert world.committed() == 1


def test_an_unwritten_letter_is_never_counted(tmp_path: Path) -> None:
    """The store is broken: the partition waits; taken away meanwhile, the event counts as abandoned."""
    (tmp_path / "letters.jsonl").mkdir()
    world = World(tmp_path, shutdown={"deadline": "1s"})
    world.answer = lambda _: 400
    world.order("ann", 0)

    async def story() -> None:
        await world.until(lambda: world.snapshot().total("dead_letter_failures_total") > 0)
        assert world.snapshot().total("stalled", reason="dead_letters_unavailable") == 1
        world.broker.lose("bridge")
        await world.until(lambda: world.snapshot().total("events_total", outcome="abandoned") > 0)

    world.run(story)
    shot = world.app.board.latest()

    assert shot.total("dead_letters_total") == 0
    assert shot.total("events_total", outcome="dead_lettered") == 0
    assert world.app.watch.summary()["given_back"] == 2
    assert world.committed() == 0


def test_a_blocked_destination_that_lost_its_events_probes_with_new_ones(tmp_path: Path) -> None:
    """Everything was given back while it was blocked: without new events nobody would ever ask it again."""
    world = World(tmp_path)
    world.answer = lambda _: 401
    for user in ("ann", "bob", "eve"):
        world.order(user, 1)

    async def story() -> None:
        await world.until(lambda: bool(world.snapshot().total("stalled", reason="auth")))
        world.broker.lose("bridge")
        await world.until(lambda: world.app.watch.summary()["given_back"] >= 3)
        world.answer = lambda _: 200
        await world.until(lambda: world.committed() == 3)

    world.run(story)

    assert sorted(event["user_id"] for event in world.accepted) == ["ann", "bob", "eve"]


@pytest.mark.timeout(300)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32))
@example(seed=275080713)
def test_chaos_loses_nothing_and_keeps_order(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    """Random failures, refusals, revocations and losses: all accepted or dead, first acceptances in order.

    What is refused is always refused: an event that is taken at its second chance has lost its place.
    """
    dice = random.Random(seed)  # noqa: S311 - test data
    world = World(tmp_path_factory.mktemp("chaos"))

    def refuses(event: dict[str, Any]) -> bool:
        return bool(event["event_params"][0]["value"]["int_value"] % 13 == 0)

    def unsteady(event: dict[str, Any]) -> int:
        return 400 if refuses(event) else dice.choice((200, 200, 200, 503, 429, 408))

    world.answer = unsteady
    made = [(f"user-{n % 7}", n) for n in range(150)]
    for user, n in made:
        world.order(user, n, partition=int(user[5:]) % 3)

    async def story() -> None:
        for _ in range(4):
            await asyncio.sleep(dice.random() * 0.05)  # the moment of the blow is what the seed decides
            dice.choice((world.broker.revoke, world.broker.lose))("bridge")
        world.answer = lambda event: 400 if refuses(event) else 200
        await world.until(lambda: world.committed() == len(made))

    world.run(story)

    first: dict[str, list[int]] = {}
    for event in world.accepted:
        numbers = first.setdefault(event["user_id"], [])
        number = event["event_params"][0]["value"]["int_value"]
        if number not in numbers:
            numbers.append(number)
    dead = {json.dumps(letter["json"]) if "json" in letter else letter["value"] for letter in world.letters()}
    gone = {json.loads(body)["seq"] for body in dead}
    assert {n for numbers in first.values() for n in numbers} | gone == {n for _, n in made}
    assert all(numbers == sorted(numbers) for numbers in first.values())
