"""Rules that change under a running bridge: taken when they are good, refused when not; nothing lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.inprocess import RULES, World

GOOD = RULES.replace("Order Completed", "Order Taken")
TESTS = """
tests:
  - name: never true
    given: {event: {kind: other}}
    expect: [{}]
"""
FAILING = GOOD + TESTS


def write(world: World, text: str) -> None:
    """As an editor does: a new file takes the old one's name."""
    (world.home / "new").write_text(text)
    (world.home / "new").rename(world.home / "rules.yaml")


def reloads(world: World, outcome: str) -> Callable[[], bool]:
    """Whether such a reload was counted."""
    return lambda: world.snapshot().total("config_reloads_total", outcome=outcome) > 0


def refusals(world: World, count: int) -> Callable[[], bool]:
    """Whether so many were refused."""
    return lambda: world.snapshot().total("config_reloads_total", outcome="refused") == count


def test_good_rules_are_in_force_without_a_restart(tmp_path: Path) -> None:
    """From the next record on, and their hash is shown."""
    world = World(tmp_path)
    world.order("ann", 0)

    async def story() -> None:
        await world.until(lambda: world.committed() == 1)
        before = world.snapshot().rows("rules_info")
        write(world, GOOD)
        await world.until(reloads(world, "ok"))
        world.order("ann", 1)
        await world.until(lambda: world.committed() == 2)
        assert len(world.snapshot().rows("rules_info")) == 1
        assert world.snapshot().rows("rules_info") != before

    world.run(story)

    assert [e["event_name"] for e in world.accepted] == ["Order Completed", "Order Taken"]


def test_bad_rules_are_refused_and_the_old_ones_stay(tmp_path: Path) -> None:
    """Broken, failing their own tests, or reading another topic: counted, and nothing changes."""
    world = World(tmp_path)

    async def story() -> None:
        bad = (RULES.replace("event.user", "evnt.user"), FAILING, RULES.replace("[orders]", "[others]"))
        for number, text in enumerate(bad, 1):
            write(world, text)
            await world.until(refusals(world, number))
            assert world.snapshot().total("config_last_reload_successful") == 0
            world.order("ann", number)
        await world.until(lambda: world.committed() == len(bad))
        write(world, RULES)
        await world.until(lambda: world.snapshot().total("config_last_reload_successful") == 1)

    world.run(story)

    assert {e["event_name"] for e in world.accepted} == {"Order Completed"}
    assert world.letters() == []


def test_a_partition_that_stood_still_goes_on_with_better_rules(tmp_path: Path) -> None:
    """``on_error: stop``: the mended rules take the very record that the old ones could not."""
    world = World(tmp_path, RULES + "    on_error: stop\n")
    world.broker.produce("orders", b'{"kind": "order", "user": "ann"}')
    world.order("ann", 1)

    async def story() -> None:
        await world.until(lambda: world.snapshot().total("stalled", reason="rule_stopped") == 1)
        write(world, RULES.replace('"event.seq"', '"event.?seq.orValue(0)"') + "    on_error: stop\n")
        await world.until(lambda: world.committed() == 2)
        assert world.snapshot().total("stalled", reason="rule_stopped") == 0
        assert world.snapshot().total("partitions_paused") == 0

    world.run(story)

    assert [e["event_params"][0]["value"]["int_value"] for e in world.accepted] == [0, 1]
