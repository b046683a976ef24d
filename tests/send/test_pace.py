"""The limit of requests at a time, and of events a second."""

from __future__ import annotations

import pytest

from bridge.send.pace import ConcurrencyLimit, RateLimit


class Server:
    """Answers a full limit of requests again and again, in time that only the test knows."""

    def __init__(self, limit: ConcurrencyLimit) -> None:
        self.limit = limit
        self.now = 0.0

    def serve(self, answers: int, *, seconds: float = 0.01, failing: int = 0, in_flight: int = 0) -> None:
        """So many answers; one in ``failing`` is a failure."""
        for number in range(answers):
            self.now += seconds / self.limit.value
            good = not failing or bool(number % failing)
            self.limit.answered(
                1,
                good,
                seconds * good,
                in_flight=in_flight or self.limit.value,
                now_seconds=self.now,
            )


@pytest.fixture
def server() -> Server:
    return Server(ConcurrencyLimit(100))


def test_it_starts_where_the_configuration_allows_and_stays_there(server: Server) -> None:
    """Good answers, slow ones among them as long as they were always slow, and a failure in a hundred."""
    server.serve(2_000, seconds=0.1, failing=100)
    assert server.limit.value == 100


def test_many_failures_cut_it_down_to_one_at_a_time(server: Server) -> None:
    """Once a window, not once an answer."""
    server.serve(100, failing=2)
    assert server.limit.value == 70
    server.serve(2_000, failing=2)
    assert server.limit.value == 1


def test_good_answers_raise_it_again(server: Server) -> None:
    """All the way, and not beyond."""
    server.serve(2_000, failing=2)
    server.serve(4_000)
    assert server.limit.value == 100


def test_a_limit_that_nobody_uses_is_not_raised(server: Server) -> None:
    """A trickle says nothing of what the destination could bear."""
    server.serve(200, failing=2)
    server.serve(100, in_flight=1)
    low = server.limit.value
    server.serve(2_000, in_flight=1)
    assert server.limit.value == low


def test_late_answers_cut_it(server: Server) -> None:
    """A server that takes ten times as long is asked less."""
    server.serve(500, seconds=0.05)
    server.serve(300, seconds=0.5)
    assert server.limit.value < 60


def test_what_lasts_is_no_longer_late(server: Server) -> None:
    """A server that moved far away gets its whole share again."""
    server.serve(500, seconds=0.05)
    server.serve(30_000, seconds=0.5)
    assert server.limit.value == 100


def test_a_busy_loop_is_not_taken_for_a_slow_server(server: Server) -> None:
    """Some milliseconds more are ours."""
    server.serve(500, seconds=0.001)
    server.serve(500, seconds=0.08)
    assert server.limit.value == 100


def test_the_rate_holds_over_time() -> None:
    """A tenth of a second's worth at once, then one for each tick that its wake-up names."""
    rate, now, sent = RateLimit(100), 50.0, 0
    while now < 60.0:
        if rate.allows(now):
            rate.use()
            sent += 1
        else:
            assert rate.wakes_at_seconds() > now
            now = rate.wakes_at_seconds() + 1e-9
    assert 1_000 <= sent <= 1_011


def test_what_was_not_used_is_not_saved_up() -> None:
    """An hour of silence is worth one burst."""
    rate = RateLimit(100)
    assert rate.allows(0.0)
    sent = 0
    while rate.allows(3_600.0):
        rate.use()
        sent += 1
    assert sent == 10


def test_less_than_one_a_second() -> None:
    """One event every two seconds."""
    rate = RateLimit(0.5)
    assert rate.allows(0.0)
    rate.use()
    assert not rate.allows(1.0)
    assert rate.wakes_at_seconds() == pytest.approx(2.0)
    assert rate.allows(2.0)
