"""Which letters are meant."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bridge.config import Limits
from bridge.errors import UsageError
from bridge.model import Reason
from bridge.redrive.filters import Filter, Where
from bridge.settle.letters import Cause
from tests.redrive.lying import ORDER, found

LETTER = found(cause=Cause(Reason.REFUSED, "no", "r", "default", status=422, first_failed_ms=5_000))


@pytest.mark.parametrize(
    ("asked", "takes"),
    [
        (Filter(), True),
        (Filter(reasons={"refused", "rule_fault"}), True),
        (Filter(reasons={"rule_fault"}), False),
        (Filter(rules={"r"}), True),
        (Filter(rules={"s"}), False),
        (Filter(sources={"shop"}), True),
        (Filter(sources={"desk"}), False),
        (Filter(since_ms=5_000), True),
        (Filter(since_ms=5_001), False),
        (Filter(until_ms=5_001), True),
        (Filter(until_ms=5_000), False),
        (Filter(place="1"), True),
        (Filter(place="2"), False),
        (Filter(reasons={"refused"}, rules={"s"}), False),
    ],
)
def test_a_letter_must_fit_all_that_is_asked(asked: Filter, takes: bool) -> None:
    """The first moment counts, the last does not."""
    assert asked.takes(LETTER) is takes


def test_a_letter_of_unknown_age_fits_no_time() -> None:
    """It is neither old nor new; without a time asked for it is there."""
    letter = found(msgspec.structs.replace(ORDER, timestamp_ms=None))
    assert not Filter(since_ms=0).takes(letter)
    assert not Filter(until_ms=10**15).takes(letter)
    assert Filter().takes(letter)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("event.total > 100", True),
        ("event.total > 1000", False),
        ("event.nothing == 1", None),
        ("event.total", None),
        ("meta.topic == 'orders' && meta.offset == 42 && meta.headers.h == '2'", True),
        ("letter.status == '422' && letter.first_failed_at.startsWith('1970')", True),
        ("letter.rule in ['a', 'r']", True),
    ],
)
def test_an_expression_sees_event_meta_and_letter(text: str, answer: bool | None) -> None:
    """Where it has no answer it is not true, and that is told apart."""
    assert Where(text, Limits()).takes(LETTER, {"total": 200}) is answer


def test_a_body_that_cannot_be_decoded_is_null() -> None:
    """Such letters can be asked for."""
    where = Where("event == null", Limits())
    assert where.takes(LETTER, None) is True


@pytest.mark.parametrize("text", ["", "event.", "evnt.a == 1", "pii.hmac('a') == 'b'"])
def test_what_does_not_compile_is_wrong_usage(text: str) -> None:
    """With the place."""
    with pytest.raises(UsageError, match="--where, character"):
        Where(text, Limits())


def test_an_expression_is_bounded() -> None:
    """As those of rules are."""
    where = Where("event.all(a, event.all(b, event.all(c, a + b + c >= 0)))", Limits(loop_steps=1_000))
    event: Any = list(range(100))
    assert where.takes(LETTER, event) is None
