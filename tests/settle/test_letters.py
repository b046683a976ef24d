"""What a letter keeps of its record."""

import msgspec

from bridge.model import Headers, Reason, Record, Stream
from bridge.record_lines import line_of, read_line
from bridge.settle.letters import Cause, headers_for_kafka, headers_for_rabbitmq, write_letter

BODY = b"\x1f\x8b\x08 packed"


def record(headers: Headers = ()) -> Record:
    return Record(
        Stream("mq", "tickets"),
        7,
        1,
        BODY,
        headers=headers,
        queue=True,
        content_type="application/cloudevents+json",
        content_encoding="gzip",
    )


def test_a_line_keeps_bytes_and_encoding() -> None:
    """What was packed stays packed, and says so when it is read again."""
    letter = write_letter(record(), Cause(Reason.RULE_FAULT, "no such key"), "hash")
    line = read_line(line_of(letter.record, letter.headers))
    assert (line.value, line.content_encoding) == (BODY, "gzip")
    assert line.content_type == "application/cloudevents+json"


def test_what_amqp_keeps_in_properties_are_headers_in_kafka() -> None:
    """Kafka has no such properties; without them the body could not be read again."""
    letter = write_letter(record(), Cause(Reason.RULE_FAULT, "no such key"), "hash")
    headers = headers_for_kafka(letter)
    assert headers[: len(letter.headers)] == letter.headers
    assert headers[len(letter.headers) :] == (
        ("content-type", b"application/cloudevents+json"),
        ("content-encoding", b"gzip"),
    )


def test_a_table_has_each_of_our_names_once() -> None:
    """What the record had under such a name is left out; its key becomes a header."""
    own: Headers = (("h", b"1"), ("bridge-reason", b"none"), ("bridge-key", b"k"), ("h", b"2"))
    letter = write_letter(record(own), Cause(Reason.RULE_FAULT, "no such key"), "hash")
    headers = headers_for_rabbitmq(letter)
    assert headers[:2] == (("h", b"1"), ("h", b"2"))
    assert headers[2:] == letter.headers[len(own) :]
    keyed = msgspec.structs.replace(letter, record=msgspec.structs.replace(letter.record, key=b"k"))
    assert headers_for_rabbitmq(keyed) == (*headers, ("bridge-key", b"k"))


def test_a_header_that_is_there_is_not_repeated() -> None:
    """The record's own are left untouched, ours say the properties; a record of Kafka has none."""
    own: Headers = (("Content-Type", b"a/b"), ("content-encoding", b"gzip"))
    letter = write_letter(record(own), Cause(Reason.RULE_FAULT, "no such key"), "hash")
    assert headers_for_kafka(letter) == (
        *letter.headers,
        ("bridge-content-type", b"application/cloudevents+json"),
        ("bridge-content-encoding", b"gzip"),
    )
    plain = write_letter(Record(Stream("k", "t"), 1, 1, b"{"), Cause(Reason.UNDECODABLE, "x"), "hash")
    assert headers_for_kafka(plain) == plain.headers
