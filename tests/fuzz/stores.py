"""Targets of what the bridge wrote and finds again: commit metadata, dead letters, lines of files."""

from __future__ import annotations

import os
from base64 import b85decode, b85encode
from datetime import UTC, datetime
from zlib import crc32

import msgspec
from pika import BasicProperties
from pika.exceptions import ShortStringTooLong

from bridge.consumers.file_lines import LineReader
from bridge.consumers.rabbitmq_properties import properties_in
from bridge.consumers.rabbitmq_records import header_table
from bridge.model import Headers, Reason, Record, Stream
from bridge.record_lines import line_of, read_line
from bridge.redrive.found import FoundLetter, read_letter
from bridge.redrive.marks import mark_entry, mark_of, read_mark
from bridge.rules.identity import record_identity
from bridge.settle.letters import OURS, Cause, headers_for_kafka, headers_for_rabbitmq, write_letter
from bridge.settle.offset_map import OffsetMap, Unusable, pack, read
from tests.fuzz.harness import Target, check, told
from tests.fuzz.message import record_of

NOW = datetime(2026, 1, 2, tzinfo=UTC)
LOG = "cluster/topic/0"
BASE = 0
_ROOM = 1 << 20


def sealed(body: bytes) -> str:
    """A map's text with a checksum that fits, so that only its content can give it away."""
    return "fb1:" + b85encode(body + crc32(body).to_bytes(4)).decode()


def _offset_map(data: bytes) -> None:
    """Any text of a commit; and the bytes as a body whose digest and checksum are right."""
    check(isinstance(_map(data.decode("latin-1")), Unusable | OffsetMap), "something else")
    _map(data.decode(errors="replace"))
    _map("fb1:" + data.decode("latin-1"))
    _map(sealed(data))
    found = _map(sealed(_HEAD + data))
    check(found is not Unusable.FOREIGN, "our own prefix is foreign")


def _map(text: str) -> OffsetMap | Unusable:
    found = read(text, LOG, BASE)
    if isinstance(found, OffsetMap):
        _is_true(found)
    return found


def _is_true(found: OffsetMap) -> None:
    """Rising, apart, above the base; and what is written of it is read as the same."""
    before = BASE - 1
    for start, end in found.finished:
        check(before < start < end, "ranges that do not rise")
        before = end
    for offset, one in found.progress.items():
        check(offset >= BASE and 0 <= one.final.bit_length() <= one.total, "progress that cannot be")
        check(
            not any(one.final >> part & 1 or part >= one.total for part in one.attempts),
            "attempts of a final",
        )
    rules = next((one.rules for one in found.progress.values()), b"\0" * 8)
    again = pack(LOG, found, rules, _ROOM).text
    check(
        read(again, LOG, BASE) == found if again else not found.finished, "read otherwise when written again"
    )
    check(not again or read(again, "other", BASE) is Unusable.OTHER_LOG, "trusted for another log")
    check(not again or read(again[:-1], LOG, BASE) is Unusable.CORRUPT, "trusted although cut short")


_packed = pack(LOG, OffsetMap(BASE, [(2, 3)]), b"\0" * 8, _ROOM).text
_HEAD = b85decode(_packed[4:])[:14]


def _letter(data: bytes) -> None:
    """Any entry of a store: a letter, a mark, or neither."""
    entry = record_of(data)
    mark = read_mark(entry)
    letter = read_letter("7", entry)
    check(letter is None or mark is None, "a letter that is a mark")
    if letter is not None:
        _told_of(letter)
        check(read_mark(mark_entry(letter, NOW)) == mark_of(letter), "a mark that is not read back")
        again = read_letter("7", entry)
        check(again == letter, "another letter when read again")


def _told_of(letter: FoundLetter) -> None:
    facts = (letter.reason, letter.rule, letter.event_index, letter.origin, letter.digest)
    check(all(isinstance(fact, str) for fact in facts), "a fact that is no text")
    check(isinstance(letter.redrives, int), "redrives are no number")
    check(letter.redrives >= 0, "redrives below 0 defeat the guard against loops")
    check(letter.failed_ms is None or isinstance(letter.failed_ms, int), "a time that is no number")
    check(bool(record_identity(letter.record, None)), "no identity")
    check(isinstance(letter.is_reference, bool), "a reference or not")


def _burial(data: bytes) -> None:
    """Any record becomes a letter in each kind of store, and comes back as it was, to the byte."""
    comes_back(record_of(data))


def comes_back(record: Record) -> None:
    """Written, found and read again; see ``_burial``."""
    letter = write_letter(record, Cause(Reason.UNDECODABLE, "no JSON", first_failed_ms=5_000), "hash")
    own = tuple(pair for pair in record.headers if pair[0] not in OURS)
    wanted = msgspec.structs.replace(
        record,
        offset=0 if record.queue else record.offset,
        headers=own,
    )
    line = line_of(letter.record, letter.headers)
    check(b"\n" not in line, "a letter of more than one line")
    _comes_back(wanted, read_line(line).record("", 1, 0), "file")
    kafka = Record(Stream("", "l", 1), 5, 0, record.value, key=record.key, headers=headers_for_kafka(letter))
    _comes_back(wanted, kafka, "Kafka")
    if record.value is not None:
        entry = _in_rabbitmq(record, headers_for_rabbitmq(letter))
        if entry is not None:
            _comes_back(wanted, entry, "RabbitMQ")


def _comes_back(wanted: Record, entry: Record, store: str) -> None:
    letter = read_letter("1", entry)
    check(letter is not None and letter.reason == "undecodable", f"{store}: no letter")
    if letter is not None:
        if store == "RabbitMQ":
            wanted = msgspec.structs.replace(wanted, headers=_merged(wanted.headers))
        check(letter.record == wanted, f"{store}: {letter.record} was {wanted}")
        check(letter.said.get("rules-hash") == "hash", f"{store}: other rules")


def _merged(headers: Headers) -> Headers:
    """A table of AMQP holds a name once: values of a repeated one stand together."""
    by_name: dict[str, list[bytes | None]] = {}
    for name, value in headers:
        by_name.setdefault(name, []).append(value)
    return tuple((name, value) for name, values in by_name.items() for value in values)


def _in_rabbitmq(record: Record, headers: Headers) -> Record | None:
    """The entry as AMQP gives it back; None where AMQP cannot carry it, which its publisher says."""
    properties = BasicProperties(
        headers={**header_table(headers)},
        message_id=record.message_id,
        content_type=record.content_type,
        content_encoding=record.content_encoding,
    )
    try:
        encoded = b"".join(properties.encode())
    except ShortStringTooLong:
        return None
    found = properties_in(encoded, 0, len(encoded))
    flat: list[tuple[str, bytes | None]] = []
    for name, value in found.headers.items():
        for one in value if isinstance(value, list) else [value]:
            flat.append((name, one.encode() if isinstance(one, str) else one))  # noqa: PERF401
    return Record(
        Stream("", "l"),
        1,
        0,
        record.value,
        headers=tuple(flat),
        queue=True,
        message_id=found.message_id,
        content_type=found.content_type,
        content_encoding=found.content_encoding,
    )


def _lines(data: bytes) -> None:
    """A file of lines, read in pieces of any size; each line a record, and written again the same."""
    lines = _read_all(data)
    check(b"\n".join(lines) == data.removesuffix(b"\n"), "other lines than the file has")
    for text in lines:
        try:
            line = read_line(text)
        except ValueError as error:
            check(type(error) is ValueError, f"a {type(error).__name__}")
            told(error)
            continue
        record = line.record("s", 3, 1)
        written = line_of(record)
        check(b"\n" not in written, "a record of more than one line")
        check(read_line(written).record("s", 3, 1) == record, "another record when written and read")


def _read_all(data: bytes) -> list[bytes]:
    descriptor = os.memfd_create("lines")
    os.pwrite(descriptor, data, 0)
    reader = LineReader(descriptor, "lines")
    try:
        lines: list[bytes] = []
        while not reader.is_at_end:
            lines += reader.read(0)
        return lines
    finally:
        reader.close()


_WORDS = tuple(
    f"bridge-{name}: ".encode()
    for name in (
        "reason",
        "topic",
        "queue",
        "partition",
        "offset",
        "timestamp",
        "key",
        "body",
        "redrives",
        "nonce",
    )
)
_FIELDS = (
    b"@queue: q\n",
    b"@key: base64=/w==\n",
    b"@message_id: m\n",
    b"@content_type: text/plain\n",
    b"\n\n",
)
_TIMES = (b"@timestamp_ms: 300001010120000\n", b"@timestamp_ms: -62135596800001\n", b"content-type: own\n")
_KEYS = (b'"topic":"t"', b'"queue":"q"', b'"value":"x"', b'"value_base64":"/w=="', b'"json":{"a" : 1.10}')
_MORE = (
    b'"headers":[["a","b"],["a",null]]',
    b'"headers":{"a":{"base64":"/w=="}}',
    b'"timestamp_ms":-1',
    b'"key":"k"',
)

STORES = (
    Target("offset_map", _offset_map, (b"fb1:", b"fb2:", b"\xff" * 9 + b"\x01", b"\x00", b"\x01", b"\x7f")),
    Target("letter", _letter, _WORDS + _FIELDS),
    Target("burial", _burial, _WORDS + _FIELDS + _TIMES),
    Target("lines", _lines, (*_KEYS, *_MORE, b"{", b"}", b",", b"\n", b"\xff", b"\\ud800")),
)
