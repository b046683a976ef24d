"""How long a schema is waited for."""

from __future__ import annotations

from bridge.decode.patience import UNKNOWN_SECONDS, Wait


def test_a_registry_that_does_not_answer_is_waited_for_without_end() -> None:
    """Longer and longer, with jitter, up to ten seconds between two questions."""
    wait, delays = Wait(), []
    for _ in range(50):
        wait = wait.unanswered()
        delays.append(wait.delay_seconds(1e9, lambda: 1.0))

    assert delays[:3] == [0.5, 1.0, 2.0]
    assert delays[-1] == 10.0
    assert wait.delay_seconds(1e9, lambda: 0.0) == 5.0
    assert not wait.is_over(1e9)


def test_an_unknown_id_is_waited_for_a_minute() -> None:
    """Counted from the first time the registry said so, with a question at the very end."""
    wait = Wait().unanswered().unknown(100.0)

    assert not wait.unknown(159.9).is_over(159.9)
    assert wait.unknown(160.0).is_over(160.0)
    assert wait.unknown(158.0).delay_seconds(158.0, lambda: 1.0) == 2.0
    assert UNKNOWN_SECONDS == 60.0


def test_an_outage_does_not_use_up_the_minute() -> None:
    """Only the registry itself can say that an id is unknown."""
    wait = Wait()
    for _ in range(20):
        wait = wait.unanswered()

    assert not wait.unknown(500.0).is_over(500.0)
