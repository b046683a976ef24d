"""Schemas on the loop: asked once, waited for, and what waits for them told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from queue import SimpleQueue
from typing import Any

import pytest

from bridge.config import Limits
from bridge.decode import Document, decode
from bridge.decode.json_body import Undecodable
from bridge.decode.schema import Fetched, Read, Schema, SchemaKind, Unavailable, Unknown, Wanted
from bridge.decode.schemas import Schemas, Waiting
from bridge.model import Filtered, Poison, Reason, Record, Scope, Stream

TEXT = Schema("AVRO", "the schema")
DEADLINE_SECONDS = 10


class Registry:
    """Answers what the test puts in, each time it is asked."""

    def __init__(self) -> None:
        self.asked: list[Wanted] = []
        self.answers: SimpleQueue[Fetched | Exception] = SimpleQueue()
        self.threads: set[str] = set()
        self.closed = threading.Event()

    def fetch(self, wanted: Wanted) -> Fetched:
        self.asked.append(wanted)
        self.threads.add(threading.current_thread().name)
        answer = self.answers.get(timeout=DEADLINE_SECONDS)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self.closed.set()


class World:
    """A registry, its schemas on a loop, and a clock of the test's own."""

    def __init__(self) -> None:
        self.registry = Registry()
        self.now = 1000.0
        self.outcomes: list[str] = []
        self.changes = 0
        # Below 0 there is hardly any delay: attempts follow each other quickly.
        self.jitter = -0.99
        self.schemas = Schemas(self.registry, self.compiled, self, lambda: self.now, lambda: self.jitter)

    def compiled(self, kind: SchemaKind, schema: Schema) -> Read:
        if schema.text == "broken":
            raise Undecodable("no schema")
        return lambda data: (kind, data)

    def schema_asked(self, outcome: str) -> None:
        self.outcomes.append(outcome)

    def schemas_changed(self) -> None:
        self.changes += 1

    def read(self, body: bytes = b"\x00\x00\x00\x00\x07data", kind: SchemaKind = "avro") -> Any:
        return self.schemas.read(kind, Record(Stream("s", "t"), 0, 1, body), body)

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not is_so():  # noqa: ASYNC110 - another thread makes it so
                await asyncio.sleep(0.001)


def run(story: Callable[[World], Awaitable[None]]) -> World:
    """Tell a story on a running loop."""
    world = World()

    async def main() -> None:
        world.schemas.start(asyncio.get_running_loop())
        try:
            await story(world)
        finally:
            world.schemas.close()
            world.registry.answers.put(Unknown("the end"))
            assert await asyncio.to_thread(world.registry.closed.wait, DEADLINE_SECONDS)

    asyncio.run(main())
    return world


def test_a_schema_is_asked_for_once_however_many_records_wait() -> None:
    """On the thread; when it is known the loop is told, and nothing is asked again."""

    async def story(world: World) -> None:
        assert [world.read() for _ in range(100)] == [Waiting(Wanted("avro", 7))] * 100
        world.registry.answers.put(TEXT)
        await world.until(lambda: world.changes == 1)
        assert [world.read() for _ in range(100)] == [("avro", b"data")] * 100

    world = run(story)
    assert world.registry.asked == [Wanted("avro", 7)]
    assert world.registry.threads == {"schema-registry"}
    assert world.outcomes == ["ok"]


def test_what_is_not_framed_is_undecodable_at_once() -> None:
    """Nobody is asked."""

    async def story(world: World) -> None:
        with pytest.raises(Undecodable, match="wire format"):
            world.read(b'{"a": 1}')

    assert run(story).registry.asked == []


def test_a_registry_that_does_not_answer_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    """Until it does, however long; also after a bug in between."""

    async def story(world: World) -> None:
        world.read()
        answers: list[Fetched | Exception] = [*[Unavailable("refused")] * 5, RuntimeError("a bug"), TEXT]
        for answer in answers:
            world.registry.answers.put(answer)
            world.now += 3600
        await world.until(lambda: world.changes == 1)
        assert world.read() == ("avro", b"data")

    assert run(story).outcomes == ["unavailable"] * 6 + ["ok"]


def test_an_unknown_id_is_undecodable_after_a_minute() -> None:
    """Not before, and with a reason that names it."""

    async def story(world: World) -> None:
        world.read()
        world.registry.answers.put(Unknown("404"))
        await world.until(lambda: world.outcomes == ["unknown"])
        assert isinstance(world.read(), Waiting)
        world.now += 60
        world.registry.answers.put(Unknown("404"))
        await world.until(lambda: world.changes == 1)
        with pytest.raises(Undecodable, match="unknown schema id 7"):
            world.read()

    assert run(story).outcomes == ["unknown"] * 2


def test_an_unknown_id_is_asked_for_again_later() -> None:
    """A minute after the verdict one answer decides: a schema registered meanwhile is found."""

    async def story(world: World) -> None:
        world.read()
        world.registry.answers.put(Unknown("404"))
        await world.until(lambda: world.outcomes == ["unknown"])
        for seconds, changes in ((60, 1), (61, 2)):
            world.now += seconds
            assert isinstance(world.read(), Waiting)
            world.registry.answers.put(Unknown("404"))
            await world.until(lambda wanted=changes: world.changes == wanted)  # type: ignore[misc]
            with pytest.raises(Undecodable):
                world.read()
        world.now += 61
        assert isinstance(world.read(), Waiting)
        world.registry.answers.put(TEXT)
        await world.until(lambda: world.changes == 3)
        assert world.read() == ("avro", b"data")

    run(story)


def test_a_schema_that_cannot_be_used_is_undecodable_for_ever() -> None:
    """An id means one schema: asking again would change nothing."""

    async def story(world: World) -> None:
        world.read()
        world.registry.answers.put(Schema("AVRO", "broken"))
        await world.until(lambda: world.changes == 1)
        world.now += 1e6
        with pytest.raises(Undecodable, match="schema 7 cannot be used: no schema"):
            world.read()

    assert run(story).outcomes == ["unusable"]


def test_a_registry_that_is_back_is_asked_at_once_for_all_that_waits() -> None:
    """Not each after its own pause."""

    async def story(world: World) -> None:
        world.jitter = 1e6
        world.read()
        world.read(b"\x00\x00\x00\x00\x08data")
        for _ in range(2):
            world.registry.answers.put(Unavailable("refused"))
        await world.until(lambda: len(world.outcomes) == 2)
        world.read(b"\x00\x00\x00\x00\x09data")
        for _ in range(3):
            world.registry.answers.put(TEXT)
        await world.until(lambda: world.changes == 3)

    assert [wanted.key for wanted in run(story).registry.asked] == [7, 8, 9, 7, 8]


def test_one_id_may_be_read_as_two_kinds() -> None:
    """Two topics may say different things of one registry; each is asked for itself."""

    async def story(world: World) -> None:
        world.read()
        world.read(kind="protobuf")
        for _ in range(2):
            world.registry.answers.put(TEXT)
        await world.until(lambda: world.changes == 2)
        assert world.read(kind="protobuf") == ("protobuf", b"data")

    run(story)


def test_decode_gives_documents_poison_and_waiting() -> None:
    """As for every kind: a tombstone is filtered, an empty body undecodable, a queue's record no other."""

    async def story(world: World) -> None:
        def decoded(body: bytes | None) -> Any:
            record = Record(Stream("mq", "orders"), 0, 1, body, queue=True, routing_key="k")
            return decode(record, "avro", Limits(), world.schemas)

        assert decoded(b"\x00\x00\x00\x00\x07data") == Waiting(Wanted("avro", 7))
        world.registry.answers.put(TEXT)
        await world.until(lambda: world.changes == 1)
        document = decoded(b"\x00\x00\x00\x00\x07data")
        assert isinstance(document, Document)
        assert document.value == ("avro", b"data")
        assert decoded(None) == Filtered("tombstone")
        assert decoded(b"") == Poison(Reason.UNDECODABLE, "empty body")
        assert decoded(b"\x05abcde").reason is Reason.UNDECODABLE
        assert decoded(b"\x00" * (2**20 + 1)).reason is Reason.TOO_LARGE

    run(story)


def test_an_outbox_record_keeps_its_identity() -> None:
    """The header of Debezium's outbox router, with a body of whatever kind."""

    async def story(world: World) -> None:
        number = "89791762-2336-42a8-9ac9-3d9a1c4f6b0e"
        headers = (("id", number.encode()),)
        record = Record(Stream("s", "t"), 0, 1, b"\x00\x00\x00\x00\x07data", headers=headers)
        assert isinstance(decode(record, "avro", Limits(), world.schemas), Waiting)
        world.registry.answers.put(TEXT)
        await world.until(lambda: world.changes == 1)
        document = decode(record, "avro", Limits(), world.schemas)
        assert isinstance(document, Document)
        scope = document.unwrap("auto")
        assert isinstance(scope, Scope)
        assert scope.identity == f"outbox:t:{number}"

    run(story)


def test_a_body_with_a_schema_that_is_read_as_json_gives_a_hint() -> None:
    """The likeliest slip in a new configuration."""
    poison = decode(Record(Stream("s", "t"), 0, 1, b"\x00\x00\x00\x00\x07{}"), "json", Limits())

    assert isinstance(poison, Poison)
    assert "`decode: avro`" in poison.error


def test_without_a_registry_such_a_body_is_undecodable() -> None:
    """Samples of ``check`` are judged offline."""
    poison = decode(Record(Stream("s", "t"), 0, 1, b"\x00\x00\x00\x00\x07data"), "avro", Limits())

    assert poison == Poison(Reason.UNDECODABLE, "a body of kind avro needs the schema registry")
