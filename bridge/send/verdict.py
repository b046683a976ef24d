"""What an answer of the Event API means. Pure.

Sources: the HTTP Event API page documents 200 and "error messages and a status code"; Filum's SDKs
know three error shapes (``{code, message}``, ``{statusCode, error, message[]}``, ``{error_code}``), and
``error_code`` 40101 as "token disabled, stop for good". So bodies are read defensively.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from http import HTTPStatus

import msgspec

TOKEN_DISABLED = 40101
_EXCERPT_CHARS = 300
_OK = 200


class Kind(Enum):
    """The closed set of what an answer can mean."""

    DELIVERED = 1
    RETRY = 2
    BLOCKED = 3
    """The destination, not the event, is at fault: key, address, gateway."""
    REFUSED = 4


class Answer(msgspec.Struct, frozen=True):
    """What came back: ``status`` 0 means no answer, and ``failure`` then says why in one word."""

    status: int
    headers: dict[str, str] = {}
    body: bytes = b""
    failure: str = ""

    def __repr__(self) -> str:
        return f"<Answer {self.status or self.failure}, {len(self.body)} bytes>"


OK = Answer(200, {}, b"{}")
"""The plain acceptance, which nearly every answer is: made once, and known by being this object."""


class Verdict(msgspec.Struct, frozen=True):
    """``reason`` is from a closed set (a metric label); ``retry_after_seconds`` is the server's own word."""

    kind: Kind
    reason: str
    status: int = 0
    retry_after_seconds: float | None = None
    excerpt: str = ""

    def __repr__(self) -> str:
        return f"<Verdict {self.kind.name} {self.reason} {self.status}>"

    @property
    def is_free(self) -> bool:
        """429 and answers that name a time cost the event no attempt."""
        return self.status == HTTPStatus.TOO_MANY_REQUESTS or self.retry_after_seconds is not None


_RETRY_REASONS: dict[int, str] = {
    HTTPStatus.REQUEST_TIMEOUT: "timeout",
    HTTPStatus.TOO_EARLY: "too_early",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit",
    HTTPStatus.MULTI_STATUS: "multi_status",
}
_BLOCKED_REASONS: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "auth",
    HTTPStatus.FORBIDDEN: "auth",
    HTTPStatus.NOT_FOUND: "address",
    HTTPStatus.METHOD_NOT_ALLOWED: "address",
}

DELIVERED = Verdict(Kind.DELIVERED, "ok", 200)
"""The plain 200, which nearly every answer is."""


def judge(answer: Answer, now: Callable[[], datetime]) -> Verdict:
    """Read an answer.

    Args:
        answer: status, lower-case headers and the (bounded) start of the body.
        now: gives the aware time of the answer, for a ``Retry-After`` that is a date.
    """
    if answer is OK or (answer.status == _OK and answer.body in (b"", b"{}")):
        return DELIVERED
    if not answer.status:
        return Verdict(Kind.RETRY, answer.failure or "network")
    kind, reason = _class_of(answer.status, _error_code(answer), _is_html(answer))
    return Verdict(kind, reason, answer.status, _retry_after_seconds(answer, now), _excerpt(answer))


def _class_of(status: int, error_code: int | None, html: bool) -> tuple[Kind, str]:
    if error_code == TOKEN_DISABLED:
        return Kind.BLOCKED, "auth"
    if reason := _RETRY_REASONS.get(status):
        return Kind.RETRY, reason
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Kind.RETRY, "server_error"
    if reason := _BLOCKED_REASONS.get(status):
        return Kind.BLOCKED, reason
    if status < HTTPStatus.OK or HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return Kind.BLOCKED, "address"
    if html:
        return Kind.BLOCKED, "html"
    if status < HTTPStatus.MULTIPLE_CHOICES and error_code is None:
        return Kind.DELIVERED, "ok"
    return Kind.REFUSED, "refused"


def _is_html(answer: Answer) -> bool:
    content_type = answer.headers.get("content-type", "")
    return content_type.startswith("text/html") or answer.body[:64].lstrip()[:1] == b"<"


def _error_code(answer: Answer) -> int | None:
    if answer.body[:1] != b"{":
        return None
    try:
        code = msgspec.json.decode(answer.body).get("error_code")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return code if isinstance(code, int) and code else None


def _retry_after_seconds(answer: Answer, now: Callable[[], datetime]) -> float | None:
    """RFC 9110 10.2.3: whole seconds or an HTTP date; anything else is as if absent."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(min(int(text[:9]), 86_400))
    try:
        when = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    if when is None or when.tzinfo is None:
        return None
    return min(max((when - now()).total_seconds(), 0.0), 86_400.0)


def _excerpt(answer: Answer) -> str:
    """The start of the body on one line: the operator's diagnosis. Never sent to a log unredacted."""
    text = answer.body[: _EXCERPT_CHARS * 4].decode("utf-8", "replace")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_EXCERPT_CHARS]
