"""A letter gives back the record that it was, to the byte: with it comes the same ``event_id``."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.model import Headers, Reason, Record, Stream
from bridge.redrive.found import in_letter_order, read_letter
from bridge.rules import event_id_of
from bridge.rules.identity import record_identity
from bridge.settle.letters import Cause, headers_for_kafka, headers_for_rabbitmq, refer, write_letter
from tests.redrive.lying import ORDER, TICKET, entry_of, event_of, found

REFUSED = Cause(
    Reason.REFUSED, "refused: no", "r", "default", event_of(ORDER, 1, 2), 422, 3, 5_000, "id-1", 2
)


def test_a_record_of_kafka_is_what_it_was() -> None:
    """Epochs are of a consumer's life, and mean nothing any more."""
    assert found().record == msgspec.structs.replace(ORDER, epoch=0)


def test_a_record_of_rabbitmq_is_what_it_was() -> None:
    """Delivery tags die with their channel; the nonce is its identity."""
    assert found(TICKET).record == msgspec.structs.replace(TICKET, epoch=0, offset=0)


def test_what_amqp_keeps_in_properties_comes_back_from_kafka() -> None:
    """The header of the same name that was the record's own stays."""
    letter = write_letter(TICKET, Cause(Reason.UNDECODABLE, "x"), "hash")
    own = msgspec.structs.replace(TICKET, headers=())
    entry = Record(
        Stream("", "letters", 1), 5, 0, TICKET.value, headers=headers_for_kafka(letter), timestamp_ms=1
    )
    bare = msgspec.structs.replace(
        entry, headers=headers_for_kafka(write_letter(own, Cause(Reason.UNDECODABLE, "x"), "h"))
    )
    first, second = read_letter("1:5", entry), read_letter("1:5", bare)

    assert first is not None
    assert second is not None
    assert first.record.headers == (("content-type", b"own"),)
    assert first.record.content_type == "application/json"
    assert (first.record.content_encoding, second.record.content_encoding) == ("gzip", "gzip")
    assert (second.record.content_type, second.record.headers) == ("application/json", ())


def test_a_record_without_any_id_has_one_from_its_letter_on() -> None:
    """Letters of before had no nonce; two of them must not look like one event."""
    bare = msgspec.structs.replace(TICKET, nonce="")
    one, other = found(bare), found(msgspec.structs.replace(bare, value=b"{} "))
    assert one.record.nonce == found(bare).record.nonce
    assert record_identity(one.record, None) != record_identity(other.record, None)


@given(st.integers(-(10**15), 10**17))
@example(300_001_010_120_000)  # of the year 11476; as ISO 8601 it would be of the year 3000
def test_the_time_of_a_record_is_exact(time_ms: int) -> None:
    """It is part of the identity; times that no calendar has must not end the bridge either."""
    record = msgspec.structs.replace(ORDER, timestamp_ms=time_ms)
    again = found(record).record

    assert again.timestamp_ms == time_ms
    assert event_id_of(again, event_of(again)) == event_id_of(record, event_of(record))


def test_a_letter_says_what_happened() -> None:
    """By the names of its headers."""
    letter = found(cause=REFUSED)
    assert (letter.reason, letter.rule, letter.event_index, letter.redrives) == ("refused", "r", "1.2", 2)
    assert (letter.failed_ms, letter.said["status"], letter.origin) == (5_000, "422", "orders:3@42")
    assert found(TICKET).origin == "tickets"


def test_what_is_no_letter_is_none() -> None:
    """A record without our headers."""
    assert read_letter("1", ORDER) is None


def test_a_letter_put_back_into_its_source_says_the_last_word() -> None:
    """Failed again, it has our headers twice."""
    first = write_letter(ORDER, Cause(Reason.UNDECODABLE, "first"), "h")
    again = msgspec.structs.replace(ORDER, headers=first.headers, offset=99)
    letter = found(again, Cause(Reason.TOO_LARGE, "second"))

    assert (letter.reason, letter.said["error"], letter.record.offset) == ("too_large", "second", 99)
    assert letter.record.headers == ORDER.headers


def test_what_a_producer_says_under_our_names_is_not_believed() -> None:
    """It could name another queue, another id, a body that is not here."""
    forged: Headers = (("bridge-queue", b"q"), ("bridge-message-id", b"m"), ("bridge-body", b"reference"))
    forged += (("bridge-redrives", b"99"), ("bridge-reason", b"none"), ("bridge-timestamp", b"0"))
    letter = found(msgspec.structs.replace(ORDER, headers=forged))

    assert letter.record == msgspec.structs.replace(ORDER, headers=(), epoch=0)
    assert (letter.reason, letter.redrives, letter.is_reference) == ("rule_fault", 0, False)
    assert found(msgspec.structs.replace(TICKET, headers=forged)).record.message_id is None


def test_headers_that_lost_their_order_are_put_back_into_it() -> None:
    """A quorum queue gives them back in another: the letter says the same all the same."""
    letter = write_letter(TICKET, Cause(Reason.RULE_FAULT, "x"), "h")
    written = headers_for_rabbitmq(letter)
    for mixed in (written, tuple(reversed(written)), tuple(sorted(written))):
        entry = msgspec.structs.replace(TICKET, headers=in_letter_order(mixed))
        read = read_letter("1", entry)
        assert read is not None
        assert (read.reason, read.record.message_id) == ("rule_fault", TICKET.message_id)
        assert sorted(read.record.headers) == sorted(TICKET.headers)


def test_fewer_than_no_redrives_are_none() -> None:
    """A number below 0 would let a letter go round for ever."""
    letter = read_letter("1", entry_of(ORDER, headers=(("bridge-redrives", b"-5"),)))
    assert letter is not None
    assert letter.redrives == 0


def test_a_reference_is_told_from_a_body() -> None:
    """Its body stayed where it was."""
    letter = refer(write_letter(ORDER, Cause(Reason.TOO_LARGE, "x"), "h"))
    entry = msgspec.structs.replace(letter.record, headers=letter.headers)
    read = read_letter("1", entry)
    assert read is not None
    assert read.is_reference
    assert not found().is_reference


@pytest.mark.parametrize("text", [b"", b"x", b"2024-13-01"])
def test_headers_that_somebody_else_wrote_end_nothing(text: bytes) -> None:
    """No number and no time are none."""
    headers = tuple(
        (f"bridge-{name}", text) for name in ("offset", "timestamp", "redrives", "first-failed-at")
    )
    letter = read_letter("1", entry_of(ORDER, headers=headers))
    assert letter is not None
    assert (letter.record.offset, letter.record.timestamp_ms, letter.redrives) == (0, None, 0)
