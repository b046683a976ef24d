"""An operator's word to a bridge at work: over its admin server, by the commands."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from bridge.cli.pause import pause
from bridge.cli.resume import resume
from bridge.errors import ConfigError, ConsumerError, UsageError
from tests.inprocess import World

GOOD = "s3cret-s3cret"
CONTROL = {"host": "127.0.0.1", "port": 0, "control": True, "token": {"file": "token"}}


def a_world(home: Path, **config: Any) -> World:
    (home / "token").write_text(GOOD + "\n")
    return World(home, **{"admin": CONTROL, **config})


def say(command: Callable[..., None], source: str, where: World | str, token: str = GOOD) -> Result:
    app = typer.Typer()
    app.command()(command)
    url = where if isinstance(where, str) else f"http://127.0.0.1:{where.app.admin.port}"
    return CliRunner().invoke(app, [source, "--url", url, "--token", token])


def test_a_paused_source_is_not_read_until_it_is_resumed(tmp_path: Path) -> None:
    """What had been read is delivered; the reason is told."""
    world = a_world(tmp_path)
    world.order("ann", 0)

    async def story() -> None:
        await world.until(lambda: world.committed() == 1)
        said = await asyncio.to_thread(say, pause, "shop", world)
        assert (said.exit_code, said.stdout) == (0, "source shop is paused\n")
        await world.until(lambda: world.snapshot().total("partitions_paused") == 3)
        world.order("ann", 1)
        assert world.snapshot().total("stalled", source="shop", reason="paused_by_operator") == 1
        again = await asyncio.to_thread(say, pause, "shop", world)
        assert again.exit_code == 0
        assert len(world.accepted) == 1
        said = await asyncio.to_thread(say, resume, "shop", world)
        assert said.stdout == "source shop is resumed\n"
        await world.until(lambda: world.committed() == 2)
        assert world.snapshot().total("stalled") == 0

    world.run(story)


def test_who_has_no_token_changes_nothing(tmp_path: Path) -> None:
    """Nor who has a wrong one; a new one counts as soon as its file has changed."""
    world = a_world(tmp_path)

    async def story() -> None:
        for token in ("", "s3cret", "s3cret-s3cret2"):
            error = (await asyncio.to_thread(say, pause, "shop", world, token)).exception
            assert isinstance(error, UsageError)
            assert "token" in str(error)
        assert isinstance((await asyncio.to_thread(say, pause, "shop", world, "é")).exception, UsageError)
        assert world.snapshot().total("stalled", reason="paused_by_operator") == 0
        (tmp_path / "token").write_text("another-one-now")
        assert (await asyncio.to_thread(say, pause, "shop", world)).exit_code == 1
        assert (await asyncio.to_thread(say, pause, "shop", world, "another-one-now")).exit_code == 0

    world.run(story)


def test_an_unknown_source_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    """Whatever the name holds."""
    world = a_world(tmp_path)

    async def story() -> None:
        for name in ("shopp", "a/b?c", ".."):
            error = (await asyncio.to_thread(say, resume, name, world)).exception
            assert isinstance(error, UsageError), name
        assert str(error)
        error = (await asyncio.to_thread(say, resume, "shopp", world)).exception
        assert str(error) == "there is no source 'shopp'; there are: shop"

    world.run(story)


def test_a_bridge_that_takes_no_orders_says_so(tmp_path: Path) -> None:
    """The default; and where nobody is, that is told too."""
    world = World(tmp_path)

    async def story() -> None:
        error = (await asyncio.to_thread(say, pause, "shop", world)).exception
        assert isinstance(error, UsageError)
        assert "admin: {control: true" in str(error)

    world.run(story)
    error = say(pause, "shop", "http://127.0.0.1:1").exception
    assert isinstance(error, ConsumerError)
    assert "no bridge answers at" in str(error)


def test_orders_without_a_token_are_no_configuration(tmp_path: Path) -> None:
    """Who may stop a source must be known."""
    with pytest.raises(ConfigError, match=r"admin\.control needs `token`"):
        World(tmp_path, admin={"control": True})


POISON = """\
from: {topics: [orders]}
rules:
  - name: order
    emit:
      - event_type: track
        event_name: Order
        user_id: "event.user"
        event_params: {n: {int: "event.n"}}
"""


def test_resume_ends_a_stop_for_want_of_budget(tmp_path: Path) -> None:
    """Budgets are as at the start, and what stood still is tried; without the word nothing of it moves."""
    world = a_world(tmp_path, rules=POISON)
    for n in range(130):
        world.broker.produce("orders", b'{"user": "u", "n": "text"}', timestamp_ms=n)

    async def story() -> None:
        await world.until(lambda: world.snapshot().total("stalled", reason="dead_letter_budget") == 1)
        await world.until(lambda: world.committed() == 100)
        assert len(world.letters()) == 100
        await asyncio.to_thread(say, resume, "shop", world)
        await world.until(lambda: world.committed() == 130)
        assert len(world.letters()) == 130

    world.run(story)
