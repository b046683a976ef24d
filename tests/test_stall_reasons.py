"""Every reason that something waits for has words, and nothing else has."""

import re
from pathlib import Path

from bridge.control import PAUSED
from bridge.pipeline import DELIVERY_LIMIT, NO_RULE, REGISTRY_UNAVAILABLE, RULE_STOPPED
from bridge.stall_reasons import STALL_REASONS
from bridge.treasurer import DEAD_LETTER_BUDGET

BRIDGE = Path(__file__).parents[1] / "bridge"
HELD = {NO_RULE, REGISTRY_UNAVAILABLE, RULE_STOPPED, DEAD_LETTER_BUDGET, DELIVERY_LIMIT, PAUSED}


def test_every_reason_has_words_and_every_word_a_reason() -> None:
    """Each is written in the module that gives it."""
    givers = (
        "intake.py",
        "watch.py",
        "overseer.py",
        "send/controller.py",
        "send/dispatcher.py",
        "send/verdict.py",
    )
    written = set()
    for giver in givers:
        written |= set(re.findall(r'"([a-z_]+)"', (BRIDGE / giver).read_text()))

    assert set(STALL_REASONS) >= HELD
    assert set(STALL_REASONS) <= written | HELD


def test_words_are_clauses_that_go_on_from_who_waits() -> None:
    """``source shop waits: …``: no capital, no full stop, and a remedy with each."""
    for reason, why in STALL_REASONS.items():
        assert why.says[0].islower(), reason
        assert why.do[0].islower(), reason
        assert not (why.says + why.do).count("\n"), reason
        assert not why.says.endswith("."), reason
