"""Branch coverage of rules: what no test has reached."""

from pathlib import Path

import pytest

from bridge.config import Limits
from bridge.decode import decode
from bridge.rules.coverage import Coverage
from bridge.rules.testing import run_tests

RULES = """\
from: {topics: [t]}
rules:
  - name: a
    when: "event.x > 1"
    let: {l: "event.l"}
    emit:
      - {event_type: track, event_name: A, user_id: event.id}
      - {event_type: track, event_name: B, user_id: event.id, for_each: {item: l}}
tests:
"""
TRUE = (
    "  - {given: {event: {x: 2, id: u, l: []}}, expect: [{event_type: track, event_name: A, user_id: u}]}\n"
)
FALSE = "  - {given: {event: {x: 1}}, expect: []}\n"
WHEN_TRUE = "4:11 no test makes the `when` of rule a true"
WHEN_FALSE = "4:11 no test makes the `when` of rule a false"
FIRST = "7:9 no test gives emit[0] of rule a, A"
SECOND = "8:9 no test gives emit[1] of rule a, B"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rules.yaml"


def covered(path: Path, text: str) -> Coverage:
    path.write_text(text)
    return run_tests([path], None, Limits(), str, decode).coverage


def gaps(path: Path, text: str) -> list[str]:
    return [f"{gap.line}:{gap.column} {gap.text}" for gap in covered(path, text).gaps()]


def test_without_tests_every_branch_is_a_gap(path: Path) -> None:
    """Both outcomes of `when`, and each emit, with their places."""
    assert gaps(path, RULES.removesuffix("tests:\n")) == [WHEN_TRUE, WHEN_FALSE, FIRST, SECOND]
    assert covered(path, RULES.removesuffix("tests:\n")).total == 4


def test_each_test_covers_what_it_reaches(path: Path) -> None:
    """An emit over an empty list gives nothing, so it is not reached."""
    assert gaps(path, RULES + TRUE) == [WHEN_FALSE, SECOND]
    assert gaps(path, RULES + FALSE) == [WHEN_TRUE, FIRST, SECOND]
    full = TRUE.replace("l: []", "l: [1]").replace(
        "}]}", "}, {event_type: track, event_name: B, user_id: u}]}"
    )
    assert gaps(path, RULES + full + FALSE) == []


def test_a_fault_counts_for_when_only_behind_it(path: Path) -> None:
    """A fault in `when` is neither outcome; one in an emit comes after true."""
    assert len(gaps(path, RULES + "  - {given: {event: {}}, expect: {error: no such key}}\n")) == 4
    in_emit = "  - {given: {event: {x: 2}}, expect: {error: no such key}}\n"
    assert gaps(path, RULES + in_emit) == [WHEN_FALSE, FIRST, SECOND]


def test_a_rule_whose_loop_is_empty_has_accepted(path: Path) -> None:
    """Its `when` was true although no event came of it."""
    only_loop = RULES.replace("      - {event_type: track, event_name: A, user_id: event.id}\n", "")
    assert gaps(path, only_loop + "  - {given: {event: {x: 2, l: []}}, expect: []}\n") == [
        *(WHEN_FALSE, SECOND.replace("8:9", "7:9").replace("[1]", "[0]")),
    ]


def test_every_rule_of_a_record_is_seen_alone(path: Path) -> None:
    """What one rule made says nothing of another."""
    rule = RULES[RULES.index("  - name") : RULES.index("tests:")]
    two = RULES.replace("tests:", rule.replace("name: a", "name: b").replace("> 1", "> 5") + "tests:")
    found = [gap for gap in gaps(path, two + TRUE) if "when" in gap]
    assert found == [WHEN_FALSE, "10:11 no test makes the `when` of rule b true"]


def test_a_rule_without_when_has_only_its_emits(path: Path) -> None:
    """There is no condition to be true or false."""
    assert gaps(path, RULES.replace('    when: "event.x > 1"\n', "") + TRUE) == [SECOND.replace("8:9", "7:9")]
