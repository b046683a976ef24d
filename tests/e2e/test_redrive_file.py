"""Letters in a file, redriven: bad rule → letters → rule mended → accepted, once, in order, same ids."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.api import Api
from tests.e2e.auditor import Made, kafka_rules, make
from tests.e2e.redriving import Home, assert_in_order, destination, firsts

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
