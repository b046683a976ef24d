"""A copy of one event asks a destination when no event is there to ask."""

from __future__ import annotations

import asyncio

from tests.send.test_dispatcher import Bench, Owner, StillClock, until


def give_back(bench: Bench, owner: Owner) -> None:
    bench.dispatcher.keep_spare(bench.dispatcher.every_lane()[0][0])
    owner.fenced = True
    bench.dispatcher.abandon_fenced()


async def blocked() -> tuple[Bench, Owner]:
    bench, owner = Bench(), Owner()
    bench.api.down = True
    bench.submit("ann-1", "bob-1", owner=owner)
    await until(lambda: bench.dispatcher.is_blocked)
    return bench, owner


def test_it_asks_until_it_is_accepted_and_nobody_receives_it() -> None:
    """One question at a time, with pauses; the destination holds its sources meanwhile."""

    async def run() -> None:
        bench, owner = await blocked()
        give_back(bench, owner)
        await until(lambda: bench.dispatcher.waiting == 0)
        before = len(bench.api.seen)
        await until(lambda: len(bench.api.seen) == before + 3)
        assert bench.dispatcher.has_spare
        assert bench.dispatcher.holds_sources
        bench.api.down = False
        await until(lambda: not bench.dispatcher.has_spare)

        assert (len(bench.api.accepted), bench.reports.ended) == (1, [])
        assert (bench.dispatcher.is_blocked, bench.dispatcher.in_flight) == (False, 0)
        assert bench.api.accepted[0] in ("ann-1", "bob-1")

    asyncio.run(run())


def test_an_event_asks_in_its_place_and_ends_it() -> None:
    """What is accepted for itself is not sent twice."""

    async def run() -> None:
        bench, owner = await blocked()
        give_back(bench, owner)
        bench.submit("cid-1")
        bench.api.down = False
        await bench.until(3)
        await until(lambda: not bench.dispatcher.has_spare)

        assert (bench.api.accepted, bench.reports.ended) == (["cid-1"], ["cid-1"])

    asyncio.run(run())


def test_a_refused_one_is_over_without_a_letter() -> None:
    """Its event comes again and is refused for itself."""

    async def run() -> None:
        bench, owner = await blocked()
        bench.api.answers["ann"] = bench.api.answers["bob"] = [400]
        give_back(bench, owner)
        bench.api.down = False
        await until(lambda: not bench.dispatcher.has_spare)

        assert (bench.api.accepted, bench.reports.dead_reasons) == ([], {})

    asyncio.run(run())


def test_one_that_rests_waits_its_backoff() -> None:
    """An open destination is not asked in a loop."""

    async def run() -> None:
        clock, owner = StillClock(), Owner()
        bench = Bench(clock=clock)
        bench.api.answers["ann"] = [503, 503]
        bench.submit("ann-1", owner=owner)
        await until(lambda: bench.dispatcher.lanes.resting == 1)
        give_back(bench, owner)
        await until(lambda: len(bench.api.seen) == 2)
        for _ in range(20):
            await asyncio.sleep(0)

        assert bench.api.seen == ["ann-1", "ann-1"]
        assert bench.dispatcher.has_spare
        assert clock.delays[-1] > 0

    asyncio.run(run())
