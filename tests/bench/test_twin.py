"""The hand-written twin makes the very bytes that the rule makes: only then is their ratio worth a word."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.bench import subjects, twin

KEY = subjects.KEY.encode()


def _event(**order: Any) -> Any:
    event = copy.deepcopy(subjects.EVENT)
    event["order"] |= order
    return event


EVENTS = [
    _event(),
    _event(status="DRAFT"),
    _event(items=[]),
    _event(discount=0.5, channel=None, currency="EUR", number=-3),
    {**_event(), "trace_id": None},
    {**_event(), "customer": {"id": 17, "phone": "0912345678"}},
]


def test_the_event_has_the_size_it_is_known_by() -> None:
    """1,011 bytes, as in every figure told."""
    assert len(subjects.BODY) == 1011


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("with_event_id", [True, False])
def test_equal_bytes(event: Any, with_event_id: bool) -> None:
    """Payload for payload, ``event_id`` included."""
    ids = {"with_event_id": with_event_id}
    completed = twin.completed(subjects.RECORD, event, KEY, **ids)
    lines = twin.fan_out(subjects.RECORD, event, **ids)

    assert subjects.bodies(subjects.sample("completed", **ids), event) == completed
    assert subjects.bodies(subjects.sample("fan_out", **ids), event) == lines
    assert len(completed) == (event["order"]["status"] == "PAID")


def test_the_budget_is_on() -> None:
    """What is measured is what runs: loops are paid for."""
    event = _event(items=[{"qty": 1, "unit_price": 1, "name": "n"}] * 10_001)

    made = subjects.applied(subjects.sample("completed"), event)()

    assert "too many loop steps" in str(made)
