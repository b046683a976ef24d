"""A letter is marked when all that was made of it is final, and never before."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridge import consumers
from bridge.cli.api import LocalApi
from bridge.config_file import load_config, rule_files
from bridge.errors import DeadLetterError, DeadLetterTooLarge
from bridge.model import Reason, Record
from bridge.record_lines import read_line
from bridge.redrive.archive import Entry
from bridge.redrive.found import FoundLetter, read_letter
from bridge.redrive.plan import Plan, Planner
from bridge.redrive.redriver import Redriver
from bridge.redrive.session import decoding_of, redriver_of
from bridge.rules import load_rules
from bridge.settle.letters import Cause, Letter
from bridge.settle.undertaker import Undertaker
from tests.e2e.api import Api
from tests.redrive.lying import ORDER, found

RULES = """
from: {topics: [orders]}
rules:
  - name: r
    emit:
      - {event_type: track, event_name: A, user_id: "event.user", event_params: {Seq: {int: "event.seq"}}}
      - {event_type: track, event_name: B, user_id: "event.user", event_params: {Seq: {int: "event.seq"}}}
"""
ENVIRON = {"K": "key-of-test"}


class Shelf:
    """An archive that remembers what it was told, and when."""

    note = ""

    def __init__(self) -> None:
        self.marked: list[str] = []
        self.on_mark: Callable[[Sequence[FoundLetter]], None] = lambda _: None

    def read(self) -> Iterator[Entry]:
        yield from ()

    def mark(self, letters: Sequence[FoundLetter]) -> None:
        self.on_mark(letters)
        self.marked += [one.place for one in letters]

    def close(self) -> None:
        """Nothing to leave."""


class Diary:
    def __init__(self) -> None:
        self.ends: list[tuple[str, str]] = []

    def accepted(self, letter: FoundLetter) -> None:
        self.ends.append((letter.place, "accepted"))

    def failed(self, letter: FoundLetter, why: str) -> None:
        self.ends.append((letter.place, why))

    def kept(self, letter: FoundLetter, plan: Plan) -> None:
        self.ends.append((letter.place, str(plan)))

    def waits(self, why: str) -> None:
        self.ends.append(("waits", why))


class World:
    def __init__(self, home: Path, api: LocalApi, **destination: Any) -> None:
        self.home = home
        self.api = Api(api.url)
        self.shelf = Shelf()
        self.diary = Diary()
        (home / "rules.yaml").write_text(RULES)
        whole = {
            "sources": [{"name": "shop", "type": "file", "path": "x"}],
            "destinations": {
                "default": {"url": f"{api.url}/events", "write_key": {"env": "K"}, **destination}
            },
            "dead_letters": {"type": "file", "path": "letters.jsonl"},
            "rules": ["rules.yaml"],
        }
        (home / "bridge.yaml").write_text(json.dumps(whole))

    def run(
        self,
        letters: Sequence[FoundLetter],
        story: Callable[[Redriver], Any] | None = None,
        rate: float | None = None,
    ) -> None:
        """Redrive these; the story is told meanwhile."""
        config = load_config(
            self.home / "bridge.yaml",
            environ=ENVIRON,
            source_settings=lambda kind: consumers.load(kind).Settings,
        )
        rules = load_rules(rule_files(config), config, environ=ENVIRON)

        async def main() -> None:
            async with decoding_of(config, ENVIRON) as decoding:
                planner = Planner(rules, decoding, include_identify=False, most_redrives=3)
                async with (
                    asyncio.timeout(30),
                    redriver_of(
                        config, ENVIRON, self.shelf, planner, self.diary, rules_hash="h", rate=rate
                    ) as redriver,
                ):
                    running = asyncio.create_task(redriver.run(iter(letters)))
                    if story is not None:
                        await story(redriver)
                    await running

        asyncio.run(main())

    def letters(self) -> list[FoundLetter]:
        """Those that were written anew."""
        path = self.home / "letters.jsonl"
        lines = path.read_bytes().splitlines() if path.is_file() else []
        found = [read_letter("n", read_line(line).record("", 1, 0)) for line in lines]
        return [one for one in found if one is not None]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with LocalApi(port=0) as api:
        yield World(tmp_path, api)


def order(user: str, seq: int) -> Record:
    value = json.dumps({"user": user, "seq": seq}).encode()
    return msgspec.structs.replace(ORDER, value=value, offset=seq)


def letters_of(*users: str) -> list[FoundLetter]:
    return [found(order(user, seq), place=str(seq)) for seq, user in enumerate(users)]


def test_a_letter_is_marked_after_all_its_events_were_accepted(world: World) -> None:
    """Asked at the moment of the mark, the API has them."""
    missing: list[str] = []

    def look(letters: Sequence[FoundLetter]) -> None:
        there = [
            (one["event_name"], one["event_params"][0]["value"]["int_value"]) for one in world.api.accepted()
        ]
        missing.extend(one.place for one in letters for name in "AB" if (name, int(one.place)) not in there)

    world.shelf.on_mark = look
    world.run(letters_of(*"abcabcabc"))

    assert missing == []
    assert sorted(world.shelf.marked) == [str(place) for place in range(9)]
    assert sorted(world.diary.ends) == [(str(place), "accepted") for place in range(9)]


def test_what_is_refused_again_is_a_new_letter_before_the_old_one_is_marked(world: World) -> None:
    """With its count one higher, for the one event that was refused."""
    world.api.control(event_names={"B": 422})
    there: list[int] = []
    world.shelf.on_mark = lambda _: there.append(len(world.letters()))
    letter = found(
        order("ann", 1), Cause(Reason.RULE_FAULT, "x", "r", "default", redrives=1, first_failed_ms=5)
    )
    world.run([letter])
    (new,) = world.letters()

    assert there == [1]
    assert world.shelf.marked == ["1"]
    assert [one["event_name"] for one in world.api.accepted()] == ["A"]
    assert (new.reason, new.redrives, new.event_index, new.failed_ms) == ("refused", 2, "1.0", 5)
    assert new.record == letter.record
    assert world.diary.ends[-1][1].startswith("refused: ")


class Full:
    """A store that takes no letter of this size, ever."""

    async def write(self, letter: Letter) -> None:
        raise DeadLetterTooLarge("message too large")

    async def close(self, budget_seconds: float) -> None:
        """Nothing to close."""


def test_a_letter_whose_successor_has_no_room_stays(world: World) -> None:
    """It has the body; a reference in its place would not. The others go on."""
    world.api.control(users={"a": 422})

    async def story(redriver: Redriver) -> None:
        redriver.undertaker = Undertaker(Full(), redriver, lambda: 0.5, "h")

    world.run(letters_of("a", "b"), story)
    why = "stays: it fails again, and its new letter is too large for the store"

    assert world.shelf.marked == ["1"]
    assert sorted(world.diary.ends) == [("0", why), ("1", "accepted")]


def test_a_mark_that_cannot_be_written_ends_the_redrive(world: World) -> None:
    """The letter lies where it lay; next time it is sent again with the same ids."""

    def fail(_: object) -> None:
        raise DeadLetterError("no leader")

    world.shelf.on_mark = fail
    with pytest.raises(DeadLetterError, match="no leader"):
        world.run(letters_of("a"))
    first = [one["event_id"] for one in world.api.accepted()]
    world.api.forget()
    world.shelf.on_mark = lambda _: None
    world.run(letters_of("a"))

    assert [one["event_id"] for one in world.api.accepted()] == first
    assert world.diary.ends == [("0", "accepted")]


def test_an_outage_marks_nothing_and_makes_no_letter(world: World) -> None:
    """The destination is blocked and said so; when it is well again all leave, in order."""
    world.api.control(unauthorized=True)

    async def story(_: Redriver) -> None:
        while not any(who == "waits" and "auth" in why for who, why in world.diary.ends):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert world.shelf.marked == []
        await asyncio.to_thread(world.api.control, unauthorized=False)

    world.run(letters_of(*"abab"), story)

    assert world.letters() == []
    assert sorted(world.shelf.marked) == ["0", "1", "2", "3"]
    for user in "ab":
        own = [one for one in world.api.accepted() if one["user_id"] == user]
        seqs = [one["event_params"][0]["value"]["int_value"] for one in own]
        assert seqs == sorted(seqs)


def test_told_to_stop_it_leaves_what_was_not_accepted(world: World) -> None:
    """Nothing of it is marked, and it is told."""
    world.api.control(unauthorized=True)

    async def story(redriver: Redriver) -> None:
        while ("waits", "destination default is blocked: auth (status 401)") not in world.diary.ends:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        redriver.stop()

    world.run(letters_of(*"abcd"), story)

    assert world.shelf.marked == []
    assert sum(why == "stays: stopped before it was sent" for _, why in world.diary.ends) == 4
    assert world.letters() == []


@pytest.mark.parametrize(("own", "rate"), [(None, 40.0), (40.0, 1_000.0), (1_000.0, 40.0)])
def test_the_lower_of_two_rates_counts(own: float | None, rate: float, tmp_path: Path) -> None:
    """24 events at 40 a second, a tenth of a second's worth at once."""
    with LocalApi(port=0) as api:
        world = World(tmp_path, api, rate_limit=own)
        started = time.monotonic()
        world.run(letters_of(*"abcdefghijkl"), rate=rate)

        assert time.monotonic() - started > 0.45
        assert len(world.api.accepted()) == 24
