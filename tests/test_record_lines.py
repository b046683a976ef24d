"""Records as JSON lines: what is written is read back byte for byte."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model import Record, Stream
from bridge.record_lines import line_of, read_line

_BYTES = st.none() | st.binary(max_size=40)
_HEADERS = st.lists(st.tuples(st.text(max_size=5), _BYTES), max_size=4).map(tuple)


@given(_BYTES, _BYTES, _HEADERS, st.booleans(), st.none() | st.integers(0, 2**53))
def test_a_written_record_is_read_back_untouched(
    value: bytes | None,
    key: bytes | None,
    headers: tuple[tuple[str, bytes | None], ...],
    queue: bool,
    timestamp_ms: int | None,
) -> None:
    """Any bytes in body, key and headers survive, repeated header names too."""
    record = Record(
        Stream("f", "shop.orders"),
        7,
        1,
        value,
        key=key,
        headers=headers,
        queue=queue,
        timestamp_ms=timestamp_ms,
    )
    line = line_of(record)
    assert b"\n" not in line
    back = read_line(line)
    assert (back.value, back.key, back.headers, back.queue) == (value, key, headers, queue)
    assert (back.name, back.timestamp_ms) == ("shop.orders", timestamp_ms)


def test_an_inline_document_keeps_its_bytes() -> None:
    """The body of ``json`` is the text as it stands, spaces and number forms included."""
    assert read_line(b'{"topic": "t", "json": {"a" : 1.10}}').value == b'{"a" : 1.10}'


def test_given_headers_take_the_place_of_the_records_own() -> None:
    """A dead letter writes its own headers."""
    record = Record(Stream("f", "t"), 0, 1, b"x", headers=(("a", b"1"),))
    assert msgspec.json.decode(line_of(record, (("b", b"2"),)))["headers"] == {"b": "2"}


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b'{"value": "x"}',
        b'{"topic": "t", "queue": "q", "value": "x"}',
        b'{"topic": "t"}',
        b'{"topic": "t", "value": "x", "json": {}}',
        b'{"topic": "t", "vlaue": "x"}',
        b'{"topic": "t", "value": 1}',
        b'{"topic": "t", "value_base64": "???"}',
        b'{"topic": "t", "value": "x", "key": {"base64": "a"}}',
        b'{"topic": "t", "value": "\xff"}',
        b'{"topic": "t", "value": "\\ud800"}',
        b'{"topic": "t", "json": ' + b"[" * 100_000 + b"}",
    ],
)
def test_what_is_no_record_line_is_refused_with_a_reason(line: bytes) -> None:
    """Malformed lines raise ``ValueError`` and nothing else."""
    with pytest.raises(ValueError, match="no record line"):
        read_line(line)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"topic": "t", "vlaue": "x"}', "an unknown key (did you mean `value`?)"),
        (b'{"topic": "t", "the customer": "x"}', "an unknown key"),
        (b'{"topic": "t", "a`\\n\\u001b[2J": "x"}', "an unknown key"),
        (b'{"topic": "t", "key": {"base64": "", "the customer": "x"}}', "an unknown key"),
    ],
)
def test_an_unknown_key_is_not_told(line: bytes, problem: str) -> None:
    """It may be content, and of several lines; what it is a misspelling of is ours."""
    with pytest.raises(ValueError, match="no record line") as caught:
        read_line(line)
    assert str(caught.value) == f"no record line: {problem}"


@pytest.mark.parametrize("time_ms", [2**63, -(2**63) - 1])
def test_a_time_beyond_64_bits_is_refused(time_ms: int) -> None:
    """No store of dead letters has a place for it."""
    with pytest.raises(ValueError, match="timestamp_ms"):
        read_line(b'{"topic": "t", "value": "x", "timestamp_ms": %d}' % time_ms)
    assert read_line(b'{"topic": "t", "value": "x", "timestamp_ms": %d}' % -(2**63)).timestamp_ms == -(2**63)
