"""Bodies of records: what is JSON, and what is poison."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config import Limits
from bridge.decode import Document, decode
from bridge.decode.json_body import depth
from bridge.model import Filtered, Poison, Reason, Record, Stream

LIMITS = Limits()


def record(body: bytes | None, **fields: Any) -> Record:
    return Record(Stream("shop", "shop.orders"), 1, 1, body, **fields)


def value_of(body: bytes) -> Any:
    made = decode(record(body), "json", LIMITS)
    assert isinstance(made, Document), made
    return made.value


def poison_of(body: bytes, kind: Any = "json", limits: Limits = LIMITS) -> Poison:
    made = decode(record(body), kind, limits)
    assert isinstance(made, Poison)
    return made


def test_a_null_body_is_filtered_as_a_tombstone() -> None:
    """Compacted topics hold null bodies; they are no error."""
    assert decode(record(None), "json", LIMITS) == Filtered("tombstone")


@pytest.mark.parametrize("kind", ["json", "text"])
def test_an_empty_body_is_undecodable(kind: str) -> None:
    """Empty is not null."""
    assert poison_of(b"", kind) == Poison(Reason.UNDECODABLE, "empty body")


@pytest.mark.parametrize("body", [b"{", b"[1,]", b"{'a': 1}", b'{"a":1} x', b'"\\ud800"', b"1e400"])
def test_what_is_no_json_is_undecodable(body: bytes) -> None:
    """Every malformed body is poison, whatever is wrong with it."""
    assert poison_of(body).reason is Reason.UNDECODABLE


@pytest.mark.parametrize("word", [b"NaN", b"Infinity", b"-Infinity", b'{"a": NaN}'])
def test_nan_and_infinity_are_no_json(word: bytes) -> None:
    """Python's own parser would take them; RFC 8259 does not."""
    assert poison_of(word).reason is Reason.UNDECODABLE


def test_invalid_utf8_is_told_by_its_place_in_the_body() -> None:
    """The place counts from the start of the body, and no byte of the payload is repeated."""
    assert poison_of(b'{"secret": "ab\xff"}').error == "not UTF-8 (byte 14)"
    assert poison_of(b"ab\xff", "text").error == "not UTF-8 (byte 2)"


def test_errors_hold_no_payload() -> None:
    """A parse error says where, never what."""
    assert "hunter2" not in poison_of(b'{"password": "hunter2", }').error


def test_a_byte_order_mark_is_ignored() -> None:
    """Windows tools write one."""
    assert value_of(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_the_last_of_duplicate_keys_wins() -> None:
    """As in most parsers."""
    assert value_of(b'{"a": 1, "a": 2}') == {"a": 2}


@pytest.mark.parametrize("digits", ["12345678901234567890", "9" * 60, "-9223372036854775809"])
def test_an_int_beyond_64_bits_keeps_every_digit(digits: str) -> None:
    """It must not become a float: using it is a fault, losing it silently would be worse."""
    value = value_of(digits.encode())
    assert type(value) is int
    assert str(value) == digits


def test_numbers_keep_their_kind() -> None:
    """150000 is an int and 150000.0 a double."""
    assert [type(item) for item in value_of(b"[150000, 150000.0, 15e4]")] == [int, float, float]


def test_nesting_up_to_the_limit_is_read() -> None:
    """The limit itself is allowed."""
    body = b"[" * 200 + b"]" * 200
    assert isinstance(decode(record(body), "json", LIMITS), Document)
    assert poison_of(b"[" + body + b"]").error == "JSON nested deeper than 200"


@pytest.mark.parametrize("body", [b"[" * 2**20, b'{"a":' * 200_000, b'"' + b'\\"' * (2**19 - 1)])
def test_a_megabyte_of_malice_is_only_poison(body: bytes) -> None:
    """Neither the parser's stack nor a quadratic scan falls for it."""
    assert poison_of(body[: 2**20]).reason is Reason.UNDECODABLE


def test_brackets_in_strings_do_not_count() -> None:
    """A text full of brackets is not nested."""
    text = '[{"' * 300
    assert value_of(json.dumps([text]).encode()) == [text]


def test_many_shallow_brackets_are_not_deep() -> None:
    """A long list of small objects is read although it has more brackets than the limit."""
    assert len(value_of(b"[" + b",".join([b"{}"] * 500) + b"]")) == 500


def test_a_body_beyond_the_limit_is_too_large() -> None:
    """The limit is checked before anything is parsed."""
    limits = Limits(record=10)
    assert isinstance(decode(record(b'"12345678"'), "json", limits), Document)
    assert poison_of(b'"123456789"', limits=limits).reason is Reason.TOO_LARGE


def test_text_is_kept_as_it_is() -> None:
    """`decode: text` gives the body as one string."""
    made = decode(record("Hà Nội\n".encode()), "text", LIMITS)
    assert isinstance(made, Document)
    assert made.value == "Hà Nội\n"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def _depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


@given(_JSON)
def test_depth_counts_what_a_parser_would(value: Any) -> None:
    """The scan before parsing and the parsed value agree on the nesting."""
    assert depth(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")) == _depth(value)
