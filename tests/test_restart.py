"""One bridge after another on the same broker: what the first finished, the second leaves alone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.inprocess import RULES, World

TWO_EVENTS = """
from: {topics: [orders]}
rules:
  - name: both
    emit:
      - event_type: track
        event_name: Order Completed
        user_id: "event.user"
        event_params: {Seq: {int: "event.seq"}}
      - event_type: track
        event_name: Shop Visited
        user_id: "'shop'"
        event_params: {Seq: {int: "event.seq"}}
"""
HASTY: dict[str, Any] = {"shutdown": {"deadline": "300ms"}}


def next_world(first: World, home: Path, rules: str = RULES, **config: Any) -> World:
    """Another bridge on the first one's broker."""
    home.mkdir(exist_ok=True)
    world = World(home, rules, **config)
    world.broker = first.broker
    return world


def names(world: World) -> list[tuple[str, int]]:
    """Who and which sequence was accepted, in order."""
    return [(e["user_id"], e["event_params"][0]["value"]["int_value"]) for e in world.accepted]


def test_what_finished_behind_a_stuck_head_is_not_sent_again(tmp_path: Path) -> None:
    """The head's record is; the others are counted as skipped, and everything adds up."""
    first = World(tmp_path, **HASTY)
    first.answer = lambda event: 503 if event["user_id"] == "ann" else 200
    first.order("ann", 0)
    for n in range(50):
        first.order(f"user-{n % 7}", n)

    async def stuck() -> None:
        await first.until(lambda: len(first.accepted) == 50)

    first.run(stuck)
    assert first.committed() == 0
    second = next_world(first, tmp_path / "next")

    async def rest() -> None:
        await second.until(lambda: second.committed() == 51)

    second.run(rest)

    assert names(second) == [("ann", 0)]
    assert second.app.watch.summary()["skipped"] == 50
    assert second.app.board.latest().value("records_skipped_total", source="shop") == 50


def partly_done(home: Path) -> World:
    """Of each record's two events the second was accepted."""
    first = World(home, TWO_EVENTS, **HASTY)
    first.answer = lambda event: 200 if event["user_id"] == "shop" else 503
    for n in range(3):
        first.order("ann", n)

    async def stuck() -> None:
        await first.until(lambda: len(first.accepted) == 3)

    first.run(stuck)
    return first


def test_of_a_record_partly_done_only_the_rest_is_sent(tmp_path: Path) -> None:
    """By the index of its events, since the rules are the same."""
    second = next_world(partly_done(tmp_path), tmp_path / "next", TWO_EVENTS)

    async def rest() -> None:
        await second.until(lambda: second.committed() == 3)

    second.run(rest)

    assert names(second) == [("ann", 0), ("ann", 1), ("ann", 2)]


def test_under_other_rules_a_record_partly_done_is_sent_whole(tmp_path: Path) -> None:
    """An index of the old rules says nothing about the new ones' events."""
    turned = TWO_EVENTS.replace("Shop Visited", "Shop Seen")
    second = next_world(partly_done(tmp_path), tmp_path / "next", turned)

    async def rest() -> None:
        await second.until(lambda: second.committed() == 3)

    second.run(rest)

    assert sorted(names(second)) == [(user, n) for user in ("ann", "shop") for n in range(3)]


def test_new_rules_while_records_are_open_do_not_borrow_their_events(tmp_path: Path) -> None:
    """Partly done under the old rules, restarted under the new: sent whole; begun under the new: the rest."""
    first = World(tmp_path, TWO_EVENTS, **HASTY)
    first.answer = lambda event: 200 if event["user_id"] == "shop" else 503
    first.order("ann", 0)
    turned = TWO_EVENTS.replace("Shop Visited", "Shop Seen")

    async def reload_then_stuck() -> None:
        await first.until(lambda: len(first.accepted) == 1)
        (first.home / "rules.yaml").write_text(turned)
        await first.until(lambda: first.snapshot().total("config_reloads_total", outcome="ok") > 0)
        first.order("ann", 1, partition=1)
        await first.until(lambda: len(first.accepted) == 2)

    first.run(reload_then_stuck)
    second = next_world(first, tmp_path / "next", turned)

    async def rest() -> None:
        await second.until(lambda: second.committed() == 2)

    second.run(rest)

    assert sorted(names(second)) == [("ann", 0), ("ann", 1), ("shop", 0)]


def test_the_retry_budget_is_not_given_anew(tmp_path: Path) -> None:
    """Five attempts spent before the restart and a budget of five: the next failure is the last."""
    spent = 5
    first = World(tmp_path, destinations=destinations(1000), **HASTY)
    refused: list[int] = []

    def answer(event: dict[str, Any]) -> int:
        if event["user_id"] == "ann":
            refused.append(1)
            first.order("bob", len(refused))
            return 503
        return 200

    first.answer = answer
    first.order("ann", 0)

    async def stuck() -> None:
        await first.until(lambda: len(refused) > 4 * spent)

    first.run(stuck)
    second = next_world(first, tmp_path / "next", destinations=destinations(spent), **HASTY)
    second.answer = lambda event: 503 if event["user_id"] == "ann" else 200

    async def rest() -> None:
        await second.until(lambda: len(second.letters()) == 1)

    second.run(rest)

    (letter,) = second.letters()
    assert letter["headers"]["bridge-reason"] == "retries_exhausted"
    assert int(letter["headers"]["bridge-attempts"]) > spent
    assert second.snapshot().total("requests_total", code="503") == 1


def destinations(max_attempts: int) -> dict[str, Any]:
    """One destination with so many attempts."""
    retry = {"cap": "5ms", "max_attempts": max_attempts, "max_age": "0s"}
    return {"default": {"url": "http://api/events", "write_key": {"env": "K"}, "retry": retry}}


def test_a_stopped_stream_is_not_finished_by_the_map(tmp_path: Path) -> None:
    """``on_error: stop``: what stands still is read again under rules that work, and nothing else is."""
    first = World(tmp_path, RULES + "    on_error: stop\n", **HASTY)
    first.order("ann", 0)
    first.broker.produce("orders", b'{"kind": "order", "user": "ann"}')
    first.order("ann", 2)

    async def stopped() -> None:
        await first.until(lambda: first.committed() == 1)
        await first.until(lambda: first.snapshot().total("stalled", reason="rule_stopped") == 1)

    first.run(stopped)
    second = next_world(first, tmp_path / "next", RULES.replace("event.seq", "event.?seq.orValue(7)"))

    async def rest() -> None:
        await second.until(lambda: second.committed() == 3)

    second.run(rest)

    assert names(second) == [("ann", 7), ("ann", 2)]


def test_foreign_metadata_is_counted_and_costs_nothing(tmp_path: Path) -> None:
    """Another program's text in the group's commit: said once, and everything is sent."""
    first = World(tmp_path)
    first.order("ann", 0)

    async def all_done() -> None:
        await first.until(lambda: first.committed() == 1)

    first.run(all_done)
    place = first.broker.committed("bridge", "orders")
    assert place is not None
    first.broker.commit("bridge", first, [])
    first.broker.claim("bridge", ["orders"], first)
    first.broker.commit("bridge", first, [place._replace(metadata="host-7")])
    first.broker.release("bridge", [("orders", number) for number in range(3)])
    second = next_world(first, tmp_path / "next")
    second.order("bob", 1)

    async def rest() -> None:
        await second.until(lambda: second.committed() == 2)

    second.run(rest)

    assert names(second) == [("bob", 1)]
    shot = second.app.board.latest()
    assert shot.value("commit_metadata_ignored_total", source="shop", reason="foreign") == 1
    after = second.broker.committed("bridge", "orders")
    assert after is not None
    assert after.metadata == ""


def test_a_lost_partition_keeps_what_its_last_commit_said(tmp_path: Path) -> None:
    """Lost and given back to the same process: late answers of the old epoch finish nothing."""
    world = World(tmp_path)
    gate = asyncio.Event()
    world.answer = lambda event: 503 if event["user_id"] == "ann" and not gate.is_set() else 200
    world.order("ann", 0)
    for n in range(20):
        world.order("bob", n)

    def is_told() -> bool:
        place = world.broker.committed("bridge", "orders")
        return bool(place and place.metadata) and world.snapshot().total("records_in_flight") == 1

    async def story() -> None:
        await world.until(lambda: len(world.accepted) == 20 and is_told())
        await world.until(lambda: world.snapshot().total("commits_total", outcome="ok") > 1)
        world.broker.lose("bridge")
        await world.until(lambda: world.snapshot().total("records_skipped_total") > 0)
        gate.set()
        await world.until(lambda: world.committed() == 21)

    world.run(story)

    assert len([one for one in names(world) if one[0] == "ann"]) == 1
    assert len(world.accepted) < 20 + 1 + 20
