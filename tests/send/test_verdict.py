"""What an answer means."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bridge.send.verdict import Answer, Kind, judge


def at_new_year() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 226])
def test_every_success_counts_as_delivered(status: int) -> None:
    """Exactly 200 is documented; other 2xx are taken too, and told apart by their status."""
    verdict = judge(Answer(status), at_new_year)

    assert verdict.kind is Kind.DELIVERED
    assert verdict.status == status


@pytest.mark.parametrize("status", [408, 425, 429, 500, 501, 502, 503, 504, 599, 207])
def test_trouble_of_the_moment_is_tried_again(status: int) -> None:
    """408 425 429 5xx; a 207 accepted nothing that we know of."""
    assert judge(Answer(status), at_new_year).kind is Kind.RETRY


@pytest.mark.parametrize("status", [401, 403, 404, 405, 301, 302, 307, 308, 304, 101])
def test_a_wrong_key_or_address_blocks(status: int) -> None:
    """The destination is at fault, not the event."""
    assert judge(Answer(status), at_new_year).kind is Kind.BLOCKED


@pytest.mark.parametrize("status", [400, 402, 406, 409, 410, 413, 415, 422, 431, 451, 499])
def test_every_other_refusal_is_for_good(status: int) -> None:
    """Each 4xx not named elsewhere."""
    assert judge(Answer(status, body=b'{"message":"no"}'), at_new_year).kind is Kind.REFUSED


def test_no_answer_is_tried_again_with_its_reason() -> None:
    """Network failures carry one word of a closed set."""
    verdict = judge(Answer(0, failure="connect"), at_new_year)

    assert (verdict.kind, verdict.reason) == (Kind.RETRY, "connect")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"error_code":40101}', Kind.BLOCKED),
        (b'{"error_code":40001,"message":"bad"}', Kind.REFUSED),
        (b"<html>sign in</html>", Kind.BLOCKED),
        (b'{"error_code":0}', Kind.DELIVERED),
        (b"{broken", Kind.DELIVERED),
        (b"[]", Kind.DELIVERED),
    ],
)
def test_a_success_is_read_before_it_is_believed(body: bytes, kind: Kind) -> None:
    """A 2xx with an error code or a web page accepted nothing."""
    assert judge(Answer(200, body=body), at_new_year).kind is kind


def test_a_disabled_token_blocks_whatever_the_status() -> None:
    """40101 is Filum's own "stop for good"."""
    assert judge(Answer(400, body=b'{"error_code": 40101}'), at_new_year).kind is Kind.BLOCKED


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30.0),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0.0),
        ("999999999999999", 86400.0),
        ("soon", None),
        ("-3", None),
        ("1.5", None),
        ("٧", None),
        ("", None),
    ],
)
def test_retry_after_is_read_to_the_letter(text: str, seconds: float | None) -> None:
    """Seconds or an HTTP date, never more than a day; nonsense is as if absent."""
    verdict = judge(Answer(503, {"retry-after": text}), at_new_year)

    assert verdict.retry_after_seconds == seconds


def test_a_named_time_or_429_is_free() -> None:
    """Neither costs the event an attempt."""
    assert judge(Answer(429), at_new_year).is_free
    assert judge(Answer(503, {"retry-after": "1"}), at_new_year).is_free
    assert not judge(Answer(503), at_new_year).is_free


def test_the_excerpt_is_one_bounded_line() -> None:
    """A body of control characters and megabytes cannot break a log or a header."""
    verdict = judge(Answer(400, body=b"bad\r\nX: y\x00" + b"z" * 5000), at_new_year)

    assert verdict.excerpt.startswith("bad X: y z")
    assert len(verdict.excerpt) <= 300
    assert "\n" not in verdict.excerpt
