"""What the rules of today would make of a letter."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridge.config import Config, DeadLetters, Destination, Secret, SourceSettings
from bridge.model import Event, Reason, Record, Stream
from bridge.redrive.decoding import Decoding
from bridge.redrive.found import FoundLetter, read_letter
from bridge.redrive.plan import Kept, Plan, Planner
from bridge.rules import compile_files
from bridge.settle.letters import Cause, refer, write_letter
from tests.redrive.lying import ORDER, found

RULES = """
from: {topics: [orders]}
rules:
  - name: r
    when: "event.seq > 0"
    emit:
      - {event_type: track, event_name: A, user_id: "event.user"}
      - event_type: track
        event_name: B
        for_each: {item: "event.?items.orValue([])"}
        user_id: "event.user"
  - name: profile
    when: "has(event.email)"
    emit: [{event_type: identify, user_id: "event.user", event_params: {Email: "event.email"}}]
  - name: strict
    on_error: drop
    when: "event.?strict.orValue(false)"
    emit: [{event_type: track, event_name: C, user_id: "event.nothing"}]
"""


def plan(letter: FoundLetter, home: Path, **more: Any) -> Plan:
    (home / "r.yaml").write_text(RULES)
    config = Config(
        sources=(SourceSettings(name="shop", type="kafka"),),
        destinations={"default": Destination(url="http://x", write_key=Secret(env="K"))},
        dead_letters=DeadLetters(type="file", path=Path("x")),
        rules=("r",),
    )
    rules = compile_files([home / "r.yaml"], None, config.limits, lambda _: "")
    wanted: dict[str, Any] = {"include_identify": False, "most_redrives": 3, **more}

    async def run() -> Plan:
        return await Planner(rules, Decoding(config), **wanted).plan(letter)

    return asyncio.run(run())


def body(**fields: Any) -> Record:
    return msgspec.structs.replace(
        ORDER, value=msgspec.json.encode({"user": "ann", "seq": 1, "items": [1, 2], **fields})
    )


def fault(rule: str | None, **more: Any) -> Cause:
    return Cause(Reason.RULE_FAULT, "no such key", rule, "default", **more)


def names(made: Plan) -> list[tuple[str, int, int]]:
    return [(one.rule, one.emit_index, one.element_index) for one in made.events]


def test_a_letter_of_a_rule_is_for_that_rule_alone(tmp_path: Path) -> None:
    """What other rules made of the record was delivered then."""
    made = plan(found(body(email="a@b.vn"), fault("r")), tmp_path)
    assert (names(made), made.kept) == ([("r", 0, 0), ("r", 1, 0), ("r", 1, 1)], None)


def test_a_letter_of_an_event_is_for_that_event_alone(tmp_path: Path) -> None:
    """The others of the record were delivered; this one keeps its id."""
    event = Event("r", "track", 1, 1, "default", "ann", None, "", b"{}")
    made = plan(found(body(), Cause(Reason.REFUSED, "no", "r", "default", event)), tmp_path)
    whole = plan(found(body(), fault("r")), tmp_path)

    assert names(made) == [("r", 1, 1)]
    assert made.events[0].event_id == whole.events[2].event_id


def test_a_letter_without_a_rule_is_for_all_rules(tmp_path: Path) -> None:
    """No rule saw it, as with a body that could not be decoded."""
    made = plan(found(body(email="a@b.vn"), fault(None)), tmp_path, include_identify=True)
    assert [one.rule for one in made.events] == ["r", "r", "r", "profile"]


def test_identify_must_be_asked_for(tmp_path: Path) -> None:
    """The whole letter stays, its track events too."""
    letter = found(body(email="a@b.vn"), fault(None))
    assert plan(letter, tmp_path).kept is Kept.IDENTIFY
    assert plan(letter, tmp_path, include_identify=True).kept is None


@pytest.mark.parametrize(("redrives", "kept"), [(2, None), (3, Kept.LOOP), (4, Kept.LOOP)])
def test_a_letter_goes_round_three_times_at_most(redrives: int, kept: Kept | None, tmp_path: Path) -> None:
    """Unless more is allowed."""
    letter = found(body(), fault("r", redrives=redrives))
    assert plan(letter, tmp_path).kept is kept
    assert plan(letter, tmp_path, most_redrives=5).kept is None


def test_a_rule_that_is_gone_is_told(tmp_path: Path) -> None:
    """By its name; so is a topic that no rule reads, and a source that is not there."""
    gone = plan(found(body(), fault("old")), tmp_path)
    elsewhere = msgspec.structs.replace(body(), stream=Stream("shop", "carts"))
    nowhere = msgspec.structs.replace(body(), stream=Stream("desk", "orders"))

    assert (gone.kept, "rule 'old'" in gone.detail) == (Kept.NO_RULE, True)
    assert plan(found(elsewhere, fault(None)), tmp_path).kept is Kept.NO_RULE
    assert plan(found(elsewhere, fault("r")), tmp_path).kept is Kept.NO_RULE
    assert plan(found(nowhere, fault("r")), tmp_path).kept is Kept.NO_SOURCE


def test_what_the_rules_make_nothing_of_stays(tmp_path: Path) -> None:
    """A rule that takes it no more, and an event that is not made any more: both may be an oversight."""
    event = Event("r", "track", 1, 7, "default", "ann", None, "", b"{}")
    assert plan(found(body(seq=0), fault("r")), tmp_path).kept is Kept.NO_EVENT
    refused = Cause(Reason.REFUSED, "no", "r", "default", event)
    assert plan(found(body(), refused), tmp_path).kept is Kept.NO_EVENT


def test_a_reference_has_no_body_to_send(tmp_path: Path) -> None:
    """It says where the record is."""
    letter = refer(write_letter(body(), fault("r"), "h"))
    read = read_letter("1", msgspec.structs.replace(letter.record, headers=letter.headers))
    assert read is not None
    made = plan(read, tmp_path)
    assert (made.kept, "orders:3@42" in made.detail) == (Kept.REFERENCE, True)


def test_what_fails_again_counts_one_more_and_stands_for_the_same_event(tmp_path: Path) -> None:
    """A fault is never dropped here, whatever the rule says; the first failure's time stays."""
    event = Event("strict", "track", 0, 0, "default", "ann", None, "", b"{}")
    cause = Cause(Reason.REFUSED, "no", "strict", "default", event, first_failed_ms=77, redrives=1)
    made = plan(found(body(strict=True), cause), tmp_path)

    assert [(one.rule, one.redrives, one.event_index, one.first_failed_ms) for one in made.faults] == [
        ("strict", 2, "0.0", 77)
    ]
    assert str(made).startswith("fails again, rule_fault: ")


def test_a_body_that_still_cannot_be_decoded_fails_again(tmp_path: Path) -> None:
    """For the rule that it was for, or for all."""
    broken = msgspec.structs.replace(ORDER, value=b"{")
    made = plan(found(broken, Cause(Reason.UNDECODABLE, "x")), tmp_path)
    assert [(one.reason, one.rule, one.redrives) for one in made.faults] == [(Reason.UNDECODABLE, None, 1)]
