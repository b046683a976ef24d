"""Letters in a file, redriven: bad rule → letters → rule mended → accepted, once, in order, same ids."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.api import Api
from tests.e2e.auditor import Made, kafka_rules, make
from tests.e2e.redriving import Home, assert_in_order, destination, firsts
from tests.parts.process import wait_until

USERS = 6


def home_of(path: Path, api: Api, made: Sequence[Made], **more: object) -> Home:
    """A bridge that reads a file, with letters in another."""
    records = "".join(
        json.dumps(
            {"topic": "shop", "key": one.user, "timestamp_ms": 1_700_000_000_123, "value": one.body.decode()}
        )
        + "\n"
        for one in made
    )
    (path / "in.jsonl").write_text(records)
    config = {
        "sources": [{"name": "shop", "type": "file", "path": "in.jsonl"}],
        "destinations": destination(api, **more),
        "dead_letters": {"type": "file", "path": "letters.jsonl"},
    }
    return Home(path, config, kafka_rules("shop"))


def test_letters_of_a_bad_rule_are_accepted_once_it_is_mended(api: Api, tmp_path: Path) -> None:
    """With the event_id that the good rule would have given, in the order of each user; then none is left."""
    made = make(80, USERS, seed=1)
    home = home_of(tmp_path, api, made)
    home.run("run")
    expected = {(one.user, one.seq): one.event_id for one in firsts(api)}
    api.forget()
    home.spoil()
    home.run("run")
    assert api.accepted() == []
    letters = home.listed()
    assert [one["reason"] for one in letters] == ["rule_fault"] * 80
    assert letters[0]["age_seconds"] < 100
    home.mend()
    told = home.dlq("redrive")

    assert told.endswith("80 accepted, 0 failed again, 0 stay\n")
    taken = firsts(api)
    assert_in_order(made, taken)
    assert len(api.accepted()) == 80
    assert {(one.user, one.seq): one.event_id for one in taken} == expected
    assert home.listed() == []
    assert len(home.listed("--all")) == 80
    assert home.dlq("redrive").endswith("0 accepted, 0 failed again, 0 stay\n")
    assert len(api.accepted()) == 80


def spoilt(home: Home) -> bytes:
    """All records are letters of the bad rule, which is mended then; what the file holds."""
    home.spoil()
    home.run("run")
    home.mend()
    return (home.path / "letters.jsonl").read_bytes()


def test_a_kill_in_the_middle_loses_none(api: Api, tmp_path: Path) -> None:
    """What was accepted and not marked comes twice, with the same id; run again, none is left."""
    made = make(90, USERS, seed=6)
    home = home_of(tmp_path, api, made)
    spoilt(home)
    redrive = home.start("redrive", "--rate", "30")
    wait_until(lambda: api.accepted_count() >= 30, timeout_seconds=60, what="some events")
    redrive.kill()
    before, left = api.accepted_count(), len(home.listed())
    assert before < 90
    assert 90 - before <= left < 90
    home.dlq("redrive")

    assert_in_order(made, firsts(api))
    assert home.listed() == []


def test_a_signal_ends_it_in_good_order(api: Api, tmp_path: Path) -> None:
    """What is on its way ends and is marked: nothing is sent twice when it goes on."""
    made = make(60, USERS, seed=7)
    home = home_of(tmp_path, api, made)
    spoilt(home)
    api.control(latency_seconds=0.3)
    redrive = home.start("redrive", "--rate", "30")
    wait_until(lambda: api.accepted_count() >= 10, timeout_seconds=60, what="some events")
    redrive.stop()
    said = (tmp_path / "dlq.log").read_text()
    assert f"{api.accepted_count()} accepted, 0 failed again" in said
    home.dlq("redrive")

    assert len(api.accepted()) == 60
    assert_in_order(made, firsts(api))


def test_a_dry_run_changes_nothing(api: Api, tmp_path: Path) -> None:
    """Neither the store nor what the API has; it says what each would become."""
    home = home_of(tmp_path, api, make(10, 2, seed=8))
    before = spoilt(home)
    told = home.dlq("redrive", "--dry-run")

    assert told.splitlines()[0] == "1  rule_fault  audit  track by rule audit to default"
    assert told.endswith("10 would be sent, 0 would fail again, 0 stay\n")
    home.spoil()
    told = home.dlq("redrive", "--dry-run", code=1)
    assert told.endswith("0 would be sent, 10 would fail again, 0 stay\n")
    assert (tmp_path / "letters.jsonl").read_bytes() == before
    assert api.accepted() == []


def test_a_letter_that_fails_again_and_again_stays_in_the_end(api: Api, tmp_path: Path) -> None:
    """Each time it is one new letter, one higher; the fourth time it is refused, unless more is allowed."""
    home = home_of(tmp_path, api, make(1, 1, seed=9))
    spoilt(home)
    home.spoil()
    for redrives in (0, 1, 2):
        (letter,) = home.listed()
        assert letter["redrives"] == redrives
        assert home.dlq("redrive", code=1).endswith("0 accepted, 1 failed again, 0 stay\n")
    (letter,) = home.listed()
    assert letter["redrives"] == 3
    home.mend()
    told = home.dlq("redrive", code=1)
    assert "stays: redriven too often (3 times; --max-redrives allows more)" in told
    assert api.accepted() == []
    home.dlq("redrive", "--max-redrives", "4")
    assert len(api.accepted()) == 1


def test_an_event_that_was_refused_keeps_its_id(api: Api, tmp_path: Path) -> None:
    """Its letter names it; what else the record gave is not sent again."""
    home = home_of(tmp_path, api, [Made("bad", 0), Made("good", 0)])
    api.control(users={"bad": 422})
    home.run("run")
    (letter,) = home.listed()
    assert (letter["reason"], letter["status"], letter["rule"]) == ("refused", 422, "audit")
    assert home.listed("--reason", "rule_fault") == []
    api.control(users={})
    home.dlq("redrive")

    assert [(one["user_id"], one["event_id"]) for one in api.accepted()][1] == ("bad", letter["event_id"])
    assert len(api.accepted()) == 2


def test_filters_say_which(api: Api, tmp_path: Path) -> None:
    """The same for listing and for redriving; what is not meant stays."""
    home = home_of(tmp_path, api, make(20, 2, seed=10))
    spoilt(home)
    mine = home.listed("--where", "event.user == 'user-1'")
    assert 0 < len(mine) < 20
    assert len(home.listed("--since", "1h", "--rule", "audit", "--source", "shop")) == 20
    assert home.listed("--until", "1h") == []
    assert home.listed("--rule", "other") == []
    assert home.listed("--source", "other") == []
    home.dlq("redrive", "--until", "1h")
    assert api.accepted() == []
    home.dlq("redrive", "--where", "event.user == 'user-1'")

    assert {one["user_id"] for one in api.accepted()} == {"user-1"}
    assert len(home.listed()) == 20 - len(mine)


def test_letters_are_shown_without_their_payload_unless_asked(api: Api, tmp_path: Path) -> None:
    """Neither in lists, nor in what a redrive says, nor in errors."""
    home = home_of(tmp_path, api, [Made("very-secret-user", 7)])
    spoilt(home)
    line, counted = home.dlq("ls").splitlines()
    assert line.split()[:6] == ["1", "rule_fault", "audit", "-", "shop", "shop:0@0"]
    assert counted == "1 letters · rule_fault 1 · audit 1"
    said = [home.dlq("show", "1"), home.dlq("ls", "--json"), home.dlq("redrive", "--dry-run")]
    api.control(users={"very-secret-user": 422})
    said.append(home.dlq("redrive", code=1) + home.said)
    body = '{"user": "very-secret-user", "seq": 7}'

    assert all(body not in one for one in said)
    assert "key: very-secret-user" in said[0]
    assert all("very-secret-user" not in one for one in said[1:])
    assert home.dlq("show", "1", "--payload").endswith(f"\nbody: {len(body)} bytes\n{body}\n")
    assert json.loads(home.dlq("show", "1", "--payload", "--json"))["body"] == body
    home.dlq("show", "99", code=1)
    assert "no dead letter at '99'" in home.said


def test_a_rule_that_is_gone_is_told(api: Api, tmp_path: Path) -> None:
    """Its letters stay."""
    home = home_of(tmp_path, api, make(2, 1, seed=11))
    spoilt(home)
    (tmp_path / "rules.yaml").write_text(home.rules.replace("name: audit", "name: other"))
    told = home.dlq("redrive", code=1)

    assert told.count("stays: its rule is gone (rule 'audit' does not read shop)") == 2
    assert len(home.listed()) == 2
