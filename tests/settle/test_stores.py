"""A letter that its broker refuses as too large: without its body where that is kept, or not at all."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future

import msgspec
import pytest

from bridge.errors import DeadLetterTooLarge
from bridge.model import Reason, Record, Stream
from bridge.settle.letters import Cause, Letter, write_letter
from bridge.settle.stores import BrokerStore

RECORD = Record(Stream("shop", "orders"), 42, 1, b"x" * 100)


LONG = msgspec.structs.replace(RECORD, headers=(("n" * 300, b"v"),), key=b"k")


class Narrow:
    """Takes letters without a body, and names of headers that AMQP has room for."""

    def __init__(self) -> None:
        self.written: list[Letter] = []

    def publish(self, letter: Letter) -> Future[None]:
        future: Future[None] = Future()
        if letter.record.value or any(len(name) > 255 for name, _ in letter.headers):
            future.set_exception(DeadLetterTooLarge("too large"))
        else:
            self.written.append(letter)
            future.set_result(None)
        return future

    def close(self, budget_seconds: float) -> None:
        """Nothing to close."""


def write(record: Record, *, references: bool) -> list[Letter]:
    broker = Narrow()
    store = BrokerStore(broker.publish, broker.close, references=references)
    asyncio.run(store.write(write_letter(record, Cause(Reason.UNDECODABLE, "x"), "h")))
    return broker.written


def test_a_reference_is_written_where_the_source_keeps_the_body() -> None:
    """Kafka does."""
    (letter,) = write(RECORD, references=True)
    assert ("bridge-body", b"reference") in letter.headers


def test_a_header_that_the_store_cannot_carry_holds_up_nobody() -> None:
    """A producer could stop a partition for good with one; the reference names the record, which is kept."""
    (letter,) = write(LONG, references=True)
    said = dict(letter.headers)
    assert (letter.record.headers, letter.record.key) == ((), b"k")
    assert (said["bridge-body"], said["bridge-offset"], said["bridge-body-size"]) == (
        b"reference",
        b"42",
        b"100",
    )
    assert "n" * 300 not in said


@pytest.mark.parametrize(("queue", "references"), [(False, False), (True, True)])
def test_elsewhere_it_is_said_to_be_too_large(queue: bool, references: bool) -> None:
    """A queue's message is gone with its ack; a redrive has the letter's body and nobody else may have it."""
    with pytest.raises(DeadLetterTooLarge):
        write(msgspec.structs.replace(RECORD, queue=queue), references=references)
