"""A destination at work, on a real loop, with a scripted API."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from bridge.config import Destination
from bridge.model import Attempts, Event, Reason
from bridge.send.controller import Controller
from bridge.send.dispatcher import Dispatcher
from bridge.send.parcel import Parcel
from bridge.send.verdict import OK, Answer, Verdict

DEADLINE_SECONDS = 10


class Clock:
    """Time passes as fast as the loop turns: waiting for a backoff costs the test nothing."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time() * 1000

    def now(self) -> datetime:
        return datetime.now(UTC)

    def call_later(self, delay_seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(delay_seconds / 1000, call)


class Api:
    """Answers by a script: ``answers[user]`` is used up first, then 200. Remembers what it accepted."""

    def __init__(self) -> None:
        self.answers: dict[str, list[int]] = defaultdict(list)
        self.down = False
        self.accepted: list[str] = []
        self.seen: list[str] = []
        self.under_way: set[str] = set()
        self.most_under_way = 0
        self.key_reads = 0

    def post(self, body: bytes, done: Callable[[Answer], None]) -> None:
        name = body.decode()
        user = name.partition("-")[0]
        assert user not in self.under_way, "two events of one user at once"
        self.under_way.add(user)
        self.most_under_way = max(self.most_under_way, len(self.under_way))
        self.seen.append(name)
        asyncio.get_running_loop().call_soon(self.answer, name, user, done)

    def answer(self, name: str, user: str, done: Callable[[Answer], None]) -> None:
        self.under_way.remove(user)
        status = 401 if self.down else self.answers[user].pop(0) if self.answers[user] else 200
        if status == 200:
            self.accepted.append(name)
        done(OK if status == 200 else Answer(status, body=b"{}"))

    def refresh_key(self) -> bool:
        self.key_reads += 1
        return False


class Reports:
    """Both who receives and who watches."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.dead_reasons: dict[str, Reason] = {}
        self.gone: list[str] = []
        self.retried: list[Attempts] = []
        self.turns: list[str] = []
        self.waits_changes = 0

    def delivered(self, parcels: Sequence[Parcel]) -> None:
        self.ended += [parcel.event.event_id for parcel in parcels]

    def dead(self, parcel: Parcel, verdict: Verdict, reason: Reason) -> None:
        self.ended.append(parcel.event.event_id)
        self.dead_reasons[parcel.event.event_id] = reason

    def retrying(self, parcel: Parcel) -> None:
        self.retried.append(parcel.spent)

    def abandoned(self, parcel: Parcel) -> None:
        self.gone.append(parcel.event.event_id)

    def answered(self, destination: str, verdict: Verdict, seconds: Sequence[float], again: int) -> None:
        """Nothing to remember."""

    def turned(self, destination: str, blocked_reason: str, status: int) -> None:
        self.turns.append(blocked_reason)

    def waits_changed(self) -> None:
        self.waits_changes += 1


class Owner:
    def __init__(self) -> None:
        self.fenced = False


async def until(is_so: Callable[[], bool]) -> None:
    """Let the loop turn until something is so; every turn is work of the loop, not a wait."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not is_so():  # noqa: ASYNC110 - the loop's own turns are what is being watched
            await asyncio.sleep(0)


class StillClock(Clock):
    """Time does not pass; timers are written down and never ring."""

    def __init__(self) -> None:
        self.delays: list[float] = []

    def monotonic(self) -> float:
        return 0.0

    def call_later(self, delay_seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        self.delays.append(delay_seconds)
        return asyncio.get_running_loop().call_later(DEADLINE_SECONDS * 10, call)


class Bench:
    """A dispatcher with its scripted world."""

    def __init__(
        self, max_in_flight: int = 64, clock: Clock | None = None, rate_limit: float | None = None
    ) -> None:
        self.api, self.reports = Api(), Reports()
        self.settings = Destination.model_validate(
            {
                "url": "http://127.0.0.1/events",
                "write_key": {"env": "K"},
                "max_in_flight": max_in_flight,
                "rate_limit": rate_limit,
            }
        )
        controller = Controller(self.settings.retry, lambda: 0.5)
        self.dispatcher = Dispatcher(
            "default", self.settings, self.api, self.reports, self.reports, controller, clock or Clock()
        )

    def submit(self, *names: str, owner: Owner | None = None, past: Attempts | None = None) -> None:
        for name in names:
            user = name.partition("-")[0]
            event = Event("r", "track", 0, 0, "default", user, None, name, name.encode())
            self.dispatcher.submit(event, owner or Owner(), user, past=past)

    def holds_sources(self) -> bool:
        return self.dispatcher.holds_sources

    async def until(self, done: int) -> None:
        await until(lambda: len(self.reports.ended) + len(self.reports.gone) >= done)


def test_a_users_events_arrive_in_order_past_failures() -> None:
    """A 503 holds back that user's next events, and only those."""

    async def run() -> None:
        bench = Bench()
        bench.api.answers["ann"] = [503, 503]
        bench.submit("ann-1", "ann-2", "bob-1", "ann-3", "bob-2")
        await bench.until(5)

        assert [n for n in bench.api.accepted if n.startswith("ann")] == ["ann-1", "ann-2", "ann-3"]
        assert bench.api.accepted.index("bob-2") < bench.api.accepted.index("ann-1")

    asyncio.run(run())


def test_concurrency_is_bounded_and_used() -> None:
    """Many users at once, never more than the limit."""

    async def run() -> None:
        bench = Bench(max_in_flight=7)
        bench.submit(*(f"u{n}-1" for n in range(100)))
        await bench.until(100)

        assert bench.api.most_under_way == 7

    asyncio.run(run())


def test_no_more_events_a_second_than_allowed() -> None:
    """What is over waits for the timer, which rings when the next one may leave."""

    async def run() -> None:
        clock = StillClock()
        bench = Bench(clock=clock, rate_limit=20.0)
        bench.submit(*(f"u{n}-1" for n in range(100)))
        await bench.until(2)

        assert len(bench.api.accepted) == 2
        assert abs(clock.delays[-1] - 0.05) < 1e-9

    asyncio.run(run())


def test_failures_cut_the_concurrency() -> None:
    """A destination that fails half of the time is asked less at a time; what it takes is sent."""

    async def run() -> None:
        bench = Bench(max_in_flight=40)
        for n in range(200):
            bench.api.answers[f"u{n}"] = [503] if n % 2 else []
        bench.submit(*(f"u{n}-1" for n in range(200)))
        await bench.until(200)

        assert bench.dispatcher.limit.value < 40
        assert len(bench.api.accepted) == 200

    asyncio.run(run())


def test_a_refused_event_lets_its_user_go_on() -> None:
    """400 is final, and the next event of the user follows."""

    async def run() -> None:
        bench = Bench()
        bench.api.answers["ann"] = [400]
        bench.submit("ann-1", "ann-2")
        await bench.until(2)

        assert bench.reports.dead_reasons == {"ann-1": Reason.REFUSED}
        assert bench.api.accepted == ["ann-2"]

    asyncio.run(run())


def test_what_was_spent_before_a_restart_counts() -> None:
    """Ten attempts over eleven minutes: the next failure is the last; without the time it is not."""

    async def run() -> None:
        bench = Bench()
        eleven_minutes_ago_ms = int((datetime.now(UTC).timestamp() - 660) * 1000)
        bench.api.answers["ann"] = [503]
        bench.api.answers["bob"] = [503]
        bench.submit("ann-1", past=Attempts(10, 12, eleven_minutes_ago_ms))
        bench.submit("bob-1", past=Attempts(10, 12, None))
        await bench.until(2)

        assert bench.reports.dead_reasons == {"ann-1": Reason.RETRIES_EXHAUSTED}
        assert bench.api.accepted == ["bob-1"]
        (told,) = bench.reports.retried
        assert (told.spent, told.tries) == (10, 13)
        assert told.first_failed_ms is not None

    asyncio.run(run())


def test_an_auth_outage_loses_nothing_and_ends_by_itself() -> None:
    """401 for everybody: probes only, the key read again, no event dead, all delivered when it works."""

    async def run() -> None:
        bench = Bench()
        bench.api.down = True
        bench.submit(*(f"u{n}-1" for n in range(50)))
        await until(lambda: bench.api.key_reads >= 5)
        asked = len(bench.api.seen)
        bench.api.down = False
        await bench.until(50)

        assert asked <= 50 + 10
        assert bench.reports.turns == ["auth", ""]
        assert not bench.reports.dead_reasons
        assert sorted(bench.api.accepted) == sorted(f"u{n}-1" for n in range(50))

    asyncio.run(run())


def test_probes_rotate_over_users() -> None:
    """One poisoned head cannot keep the destination closed."""

    async def run() -> None:
        bench = Bench()
        bench.api.down = True
        bench.submit("ann-1", "bob-1", "cid-1")
        await until(lambda: bench.api.key_reads >= 3)

        assert set(bench.api.seen[3:6]) == {"ann-1", "bob-1", "cid-1"}
        bench.dispatcher.close()

    asyncio.run(run())


def test_events_given_back_do_not_leave() -> None:
    """Fenced before their turn: abandoned; their user's later events go on."""

    async def run() -> None:
        bench, revoked = Bench(), Owner()
        bench.submit("ann-1", "bob-1", owner=revoked)
        bench.submit("ann-2")
        revoked.fenced = True
        bench.dispatcher.abandon_fenced()
        await bench.until(3)

        assert bench.api.seen == ["ann-2"]
        assert sorted(bench.reports.gone) == ["ann-1", "bob-1"]

    asyncio.run(run())


def test_a_failed_event_waits_out_its_backoff() -> None:
    """Not a moment earlier, while others pass."""

    async def run() -> None:
        clock = StillClock()
        bench = Bench(clock=clock)
        bench.api.answers["ann"] = [503]
        bench.submit("ann-1", "bob-1", "bob-2")
        await bench.until(2)

        assert bench.api.seen.count("ann-1") == 1
        assert clock.delays == [bench.settings.retry.base * 0.5]
        bench.dispatcher.close()

    asyncio.run(run())


FOR_EVER = [503] * 1_000


def under_retry(bench: Bench) -> str:
    return " ".join(sorted(map(str, bench.dispatcher.retries.lanes)))


def test_a_lane_is_under_retry_from_its_second_failure_until_something_of_it_is_taken() -> None:
    """Who watches is told of both; one failure is nothing to tell."""

    async def run() -> None:
        bench = Bench()
        bench.api.answers["ann"] = [503, 503, 503]
        bench.api.answers["bob"] = [503]
        bench.submit("ann-1", "ann-2", "bob-1")
        await until(lambda: bool(under_retry(bench)))
        assert under_retry(bench) == "ann"
        await bench.until(3)
        await until(lambda: bench.reports.waits_changes == 2)

        assert under_retry(bench) == ""

    asyncio.run(run())


def test_who_follows_an_event_that_was_given_up_is_under_retry_until_it_is_taken() -> None:
    """Nothing speaks for its lane yet."""

    async def run() -> None:
        bench = Bench()
        hour_ago_ms = int((datetime.now(UTC).timestamp() - 3_600) * 1000)
        bench.api.answers["ann"] = [503]
        bench.submit("ann-1", past=Attempts(10, 12, hour_ago_ms))
        bench.submit("ann-2")
        await until(lambda: "ann-1" in bench.reports.dead_reasons)
        assert under_retry(bench) == "ann"
        await bench.until(2)

        assert (bench.api.accepted, under_retry(bench)) == (["ann-2"], "")

    asyncio.run(run())


def test_a_lane_whose_event_was_refused_is_not_under_retry() -> None:
    """The next one has failed at nothing."""

    async def run() -> None:
        bench = Bench()
        bench.api.answers["ann"] = [503, 503, 400]
        bench.submit("ann-1", "ann-2")
        await until(lambda: "ann-1" in bench.reports.dead_reasons)

        assert under_retry(bench) == ""
        bench.dispatcher.close()

    asyncio.run(run())


def test_what_is_given_back_is_under_retry_no_more() -> None:
    """The receiver hears of it as ever."""

    async def run() -> None:
        bench, revoked = Bench(), Owner()
        bench.api.answers["ann"] = FOR_EVER.copy()
        bench.submit("ann-1", owner=revoked)
        await until(lambda: under_retry(bench) == "ann")
        revoked.fenced = True
        bench.dispatcher.abandon_fenced()
        await bench.until(1)
        await until(lambda: under_retry(bench) == "")

        assert bench.reports.gone == ["ann-1"]
        assert len(bench.dispatcher.lanes) == 0

    asyncio.run(run())


def test_a_breaker_that_only_poison_could_open_holds_no_source() -> None:
    """Somebody new must come to compare with; as long as nobody else waits, sources are read."""

    async def run() -> None:
        bench = Bench()
        for user in ("ann", "bob", "cid"):
            bench.api.answers[user] = FOR_EVER.copy()
        bench.submit("ann-1", "bob-1")
        await until(lambda: bench.dispatcher.is_blocked)
        assert under_retry(bench) == "ann bob"
        assert not bench.holds_sources()
        bench.submit("cid-1")
        assert bench.holds_sources()
        changes = bench.reports.waits_changes
        await until(lambda: bench.reports.waits_changes == changes + 1)
        bench.dispatcher.close()

    asyncio.run(run())
