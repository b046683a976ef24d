"""A destination that takes arrays: the guilty event is found, the innocent go on at no cost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from math import log2

import pytest

from bridge.config import Destination
from bridge.model import Event, Reason
from bridge.send.controller import Controller
from bridge.send.dispatcher import Dispatcher
from bridge.send.verdict import OK, Answer
from tests.send.test_dispatcher import Clock, Owner, Reports, StillClock, until

Judge = Callable[[list[str]], int]


class ArrayApi:
    """Judges each request by the events in it."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.requests: list[list[str]] = []
        self.accepted: list[str] = []

    def post(self, body: bytes, done: Callable[[Answer], None]) -> None:
        said = json.loads(body)
        names = said if isinstance(said, list) else [said]
        self.requests.append(names)
        asyncio.get_running_loop().call_soon(self.answer, names, done)

    def answer(self, names: list[str], done: Callable[[Answer], None]) -> None:
        status = self.judge(names)
        if status == 200:
            self.accepted += names
        done(OK if status == 200 else Answer(status, body=b"{}"))

    def refresh_key(self) -> bool:
        return False


class Bench:
    """A dispatcher that posts arrays of up to eight."""

    def __init__(self, judge: Judge, clock: Clock | None = None) -> None:
        self.api, self.reports = ArrayApi(judge), Reports()
        settings = Destination.model_validate(
            {
                "url": "http://127.0.0.1/events",
                "write_key": {"env": "K"},
                "batch": {"max_events": 8, "max_wait": "20ms"},
            }
        )
        controller = Controller(settings.retry, lambda: 0.5)
        self.dispatcher = Dispatcher(
            "default", settings, self.api, self.reports, self.reports, controller, clock or Clock()
        )

    def submit(self, *names: str) -> None:
        for name in names:
            user = name.partition("-")[0]
            event = Event("r", "track", 0, 0, "default", user, None, name, json.dumps(name).encode())
            self.dispatcher.submit(event, Owner(), user)

    async def until(self, done: int) -> None:
        await until(lambda: len(self.reports.ended) >= done)


def test_events_share_requests_and_users_keep_their_order() -> None:
    """One after the other inside an array, and from array to array."""

    async def run() -> None:
        bench = Bench(lambda _: 200)
        wanted = [f"u{n % 3}-{n // 3}" for n in range(30)]
        bench.submit(*wanted)
        await bench.until(30)

        assert max(map(len, bench.api.requests)) == 8
        for user in ("u0", "u1", "u2"):
            assert [one for one in bench.api.accepted if one.startswith(user)] == [
                one for one in wanted if one.startswith(user)
            ]
        assert bench.dispatcher.waiting == 0

    asyncio.run(run())


@pytest.mark.parametrize("status", [400, 413, 403])
def test_a_refused_array_is_halved_down_to_the_guilty(status: int) -> None:
    """The others are accepted, and it takes the logarithm of the array, not its length."""

    async def run() -> None:
        bench = Bench(lambda names: status if "u5-0" in names else 200)
        bench.submit(*(f"u{n}-0" for n in range(8)))
        await bench.until(7 if status == 403 else 8)
        while status == 403 and not bench.reports.dead_reasons:
            # A 403 is poison only while others pass.
            bench.submit(f"more{len(bench.api.accepted)}-0")
            await asyncio.sleep(0)

        assert bench.reports.dead_reasons == {"u5-0": Reason.REFUSED}
        assert {f"u{n}-0" for n in range(8) if n != 5} <= set(bench.api.accepted)
        if status != 403:
            assert len(bench.api.requests) <= 2 * log2(8) + 1

    asyncio.run(run())


def test_an_array_that_fails_twice_goes_as_single_events_and_costs_no_attempt() -> None:
    """Each then spends attempts of its own."""

    async def run() -> None:
        bench = Bench(lambda names: 503 if len(names) > 1 else 200)
        bench.submit(*(f"u{n}-0" for n in range(8)))
        await bench.until(8)

        assert [len(names) for names in bench.api.requests] == [8, 8, *[1] * 8]
        assert {told.spent for told in bench.reports.retried} == {0}

    asyncio.run(run())


def test_a_207_is_no_acceptance() -> None:
    """Which ones were taken is not known: one by one."""

    async def run() -> None:
        bench = Bench(lambda names: 207 if len(names) > 1 else 200)
        bench.submit(*(f"u{n}-0" for n in range(4)), *(f"u{n}-1" for n in range(4)))
        await bench.until(8)

        assert [len(names) for names in bench.api.requests] == [8, *[1] * 8]

    asyncio.run(run())


def test_an_outage_is_probed_with_single_events_and_loses_nothing() -> None:
    """401 for everybody: no event is dead, and arrays leave again afterwards."""

    async def run() -> None:
        down = True
        bench = Bench(lambda _: 401 if down else 200)
        bench.submit(*(f"u{n}-0" for n in range(40)))
        await until(lambda: bench.reports.turns == ["auth"] and len(bench.api.requests) > 8)
        probes = bench.api.requests[-2:]
        down = False
        await bench.until(40)

        assert all(len(names) == 1 for names in probes)
        assert not bench.reports.dead_reasons
        assert sorted(bench.api.accepted) == sorted(f"u{n}-0" for n in range(40))
        assert bench.reports.turns == ["auth", ""]

    asyncio.run(run())


def test_a_few_events_wait_for_company_and_no_longer() -> None:
    """The timer is set for the first; once there is enough, nobody waits."""

    async def run() -> None:
        clock = StillClock()
        bench = Bench(lambda _: 200, clock)
        bench.submit("a-0", "b-0")
        await until(lambda: bool(clock.delays))
        assert (bench.api.requests, clock.delays) == ([], [0.02])
        bench.submit(*(f"u{n}-0" for n in range(6)))
        await bench.until(8)
        assert [len(names) for names in bench.api.requests] == [8]
        bench.dispatcher.close()

    asyncio.run(run())


def test_arrays_that_fail_twice_are_under_retry_until_they_are_taken() -> None:
    """Each lane of them, by its first event."""

    async def run() -> None:
        failures = [503] * 40
        bench = Bench(lambda _: failures.pop() if failures else 200)
        bench.submit("ann-1", "ann-2", "bob-1")
        lanes = bench.dispatcher.retries.lanes
        await until(lambda: len(lanes) == 2)
        await bench.until(3)

        assert not lanes
        assert [name for name in bench.api.accepted if name.startswith("ann")] == ["ann-1", "ann-2"]

    asyncio.run(run())


def test_an_array_taken_at_last_frees_the_lanes_of_it() -> None:
    """The one that failed before travels first, in company."""

    async def run() -> None:
        bench = Bench(lambda names: 503 if failing and "ann-1" in names else 200)
        failing = True
        bench.submit("ann-1")
        lanes = bench.dispatcher.retries.lanes
        await until(lambda: len(lanes) == 1)
        failing = False
        bench.submit("bob-1", "cid-1")
        await bench.until(3)

        assert not lanes

    asyncio.run(run())
