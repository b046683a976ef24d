"""Bodies of every kind through the whole bridge: what arrives, what is a letter, and what a letter keeps."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd

from bridge.metrics import exposition
from bridge.record_lines import read_line
from tests.inprocess import World

RULES = """
from: {topics: [orders]}
rules:
  - name: order
    when: "event.?kind.orValue('order') == 'order'"
    emit:
      - event_type: track
        event_name: Order Completed
        user_id: "event.user"
        event_params:
          Seq: {int: "event.seq"}
          Ratio: {double: "event.?ratio"}
          Note: "event.?note"
          Tag: "meta.headers.?tag"
          Inner: "event.?inner.optMap(x, json.decode(x).a)"
"""
ENCODED: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstd.compress}


def order(**fields: object) -> bytes:
    return json.dumps({"user": "ann", "seq": 1} | fields).encode()


def params(event: dict[str, object]) -> dict[str, object]:
    found = event["event_params"]
    assert isinstance(found, list)
    return {one["key"]: next(iter(one["value"].values())) for one in found}


@pytest.mark.parametrize("coding", ENCODED)
def test_a_compressed_record_is_delivered_and_its_letter_can_be_read_again(
    coding: str, tmp_path: Path
) -> None:
    """The letter of the one that fails holds the bytes as they came, and says their encoding."""
    world = World(tmp_path, RULES)
    headers = (("content-encoding", coding.encode()),)
    bad = ENCODED[coding](order(seq="no number"))
    world.broker.produce("orders", ENCODED[coding](order(seq=5)), headers=headers)
    world.broker.produce("orders", bad, headers=headers)

    async def story() -> None:
        await world.until(lambda: world.committed() == 2)

    world.run(story)

    assert [params(event)["Seq"] for event in world.accepted] == [5]
    (letter,) = world.letters()
    assert letter["headers"]["bridge-reason"] == "rule_fault"
    line = read_line(json.dumps(letter).encode())
    assert line.value == bad
    assert headers[0] in line.headers

    (tmp_path / "again").mkdir()
    again = World(tmp_path / "again", RULES.replace('{int: "event.seq"}', '"event.seq"'))
    again.broker.produce("orders", line.value, headers=line.headers)
    again.run(lambda: again.until(lambda: again.committed() == 1))
    assert [params(event)["Seq"] for event in again.accepted] == ["no number"]


def test_a_bomb_is_a_letter_and_the_next_record_goes_on(tmp_path: Path) -> None:
    """Too large, with the small body that it came as."""
    world = World(tmp_path, RULES)
    bomb = gzip.compress(b" " * 20 * 2**20)
    world.broker.produce("orders", bomb, headers=(("content-encoding", b"gzip"),))
    world.broker.produce("orders", order())
    world.run(lambda: world.until(lambda: world.committed() == 2))

    (letter,) = world.letters()
    assert letter["headers"]["bridge-reason"] == "too_large"
    assert base64.b64decode(letter["value_base64"]) == bomb
    assert len(world.accepted) == 1


def test_numbers_arrive_as_they_were_sent(tmp_path: Path) -> None:
    """Ints beyond 2^53 exact, doubles as doubles, minus zero too; an int beyond 64 bits only where used."""
    world = World(tmp_path, RULES)
    bodies = (
        b'{"user": "a", "seq": 9007199254740993, "ratio": 1.0}',
        b'{"user": "b", "seq": 9223372036854775807, "ratio": 1e2, "unused": 99999999999999999999999}',
        b'\xef\xbb\xbf{"user": "c", "seq": 0, "seq": -9223372036854775808, "ratio": -0.0}',
        b'{"user": "d", "seq": 9223372036854775808}',
        b'{"user": "e", "seq": 1.0}',
        b'{"user": "f", "seq": NaN}',
    )
    for body in bodies:
        world.broker.produce("orders", body)
    world.run(lambda: world.until(lambda: world.committed() == len(bodies)))

    got = {event["user_id"]: params(event) for event in world.accepted}
    assert {user: found["Seq"] for user, found in got.items()} == {
        "a": 2**53 + 1,
        "b": 2**63 - 1,
        "c": -(2**63),
    }
    assert {user: str(found["Ratio"]) for user, found in got.items()} == {
        "a": "1.0",
        "b": "100.0",
        "c": "-0.0",
    }
    letters = {letter["headers"]["bridge-offset"]: letter["headers"] for letter in world.letters()}
    assert "int beyond 64 bits" in letters["3"]["bridge-error"]
    assert "expected int, got double" in letters["4"]["bridge-error"]
    assert letters["5"]["bridge-reason"] == "undecodable"


SURROGATE = b"\xed\xa0\x80"


def test_lone_surrogates_crash_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Escaped or as bytes; in the body, in JSON within it, in headers and key."""
    world = World(tmp_path, RULES)
    produce = world.broker.produce
    produce("orders", b'{"user": "\\ud800", "seq": 1}')
    produce("orders", b'{"user": "\\ud83d\\ud83d\\ude00", "seq": 1}')
    produce("orders", b'{"user": "' + SURROGATE + b'", "seq": 1}')
    produce("orders", b'{"user": "a", "seq": 1, "inner": "{\\"a\\": \\"\\\\ud800\\"}"}')
    produce("orders", order(), key=SURROGATE, headers=(("tag", SURROGATE), ("n", None)))
    produce("orders", order(user="bob", note="\U0001f600"), key=SURROGATE, headers=(("other", SURROGATE),))

    async def story() -> None:
        await world.until(lambda: world.committed() == 6)
        page, _ = exposition(world.snapshot(), "")
        assert b"bridge_dead_letters_total" in page

    world.run(story)

    reasons = [letter["headers"]["bridge-reason"] for letter in world.letters()]
    assert sorted(reasons) == ["rule_fault"] * 2 + ["undecodable"] * 3
    assert [(event["user_id"], params(event)["Note"]) for event in world.accepted] == [("bob", "\U0001f600")]
    for line in (tmp_path / "letters.jsonl").read_bytes().splitlines():
        assert read_line(line).name == "orders"
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-32", "utf-32-be"])
def test_other_encodings_of_unicode_are_undecodable(coding: str, tmp_path: Path) -> None:
    """JSON between systems is UTF-8 (RFC 8259 §8.1); nothing is guessed."""
    world = World(tmp_path, RULES)
    world.broker.produce("orders", order().decode().encode(coding))
    world.run(lambda: world.until(lambda: world.committed() == 1))
    (letter,) = world.letters()
    assert letter["headers"]["bridge-reason"] == "undecodable"
    assert world.accepted == []
