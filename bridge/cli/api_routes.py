"""What the local API answers: a request in, an answer out. Owned by the server's thread; no sockets here."""

from __future__ import annotations

import random
from collections.abc import Callable
from math import ceil
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import msgspec

from bridge.cli.api_faults import Control, Fault, Faults
from bridge.cli.api_ledger import AcceptLog
from bridge.cli.api_payload import problems_of
from bridge.errors import UsageError

_PROBLEMS_SHOWN = 10
_PAGE_EVENTS = 100
_decode = msgspec.json.Decoder().decode

_AUTH_CODE = 40101
"""What Filum's mobile SDKs take as: this key is disabled, stop."""


class Request(NamedTuple):
    """One request, whole; header names are lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    """One answer; ``drop`` means: close the connection instead."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    drop: bool = False


_ACCEPTED = Answer(200, b"{}")
_DROPPED = Answer(0, b"", drop=True)
_Handler = Callable[[Request], Answer]


class Api:
    """The routes and their state.

    Args:
        control: how it misbehaves from the start.
        keep: how many events ``GET /events`` can show.
        chance: randomness of failures and latencies.
        monotonic: seconds of a clock that never goes back.
    """

    def __init__(
        self, control: Control, *, keep: int, chance: random.Random, monotonic: Callable[[], float]
    ) -> None:
        self._monotonic = monotonic
        self.faults = Faults(control, chance=chance, now_seconds=monotonic())
        self.log = AcceptLog(keep)
        self._routes: dict[str, dict[str, _Handler]] = {
            "/": {"GET": self._index},
            "/events": {"POST": self._post_events, "GET": self._get_events, "DELETE": self._delete_events},
            "/stats": {"GET": self._get_stats},
            "/control": {"GET": self._get_control, "PUT": self._put_control, "DELETE": self._reset_control},
        }

    def delay_seconds(self, request: Request) -> float:
        """How long this request is to take before it is looked at."""
        is_delivery = request.path == "/events" and request.method == "POST"
        return self.faults.latency_seconds() if is_delivery else 0.0

    def answer(self, request: Request) -> Answer:
        """What this request gets."""
        methods = self._routes.get(request.path)
        if methods is None:
            return refusal(404, "not found")
        handler = methods.get(request.method)
        if handler is None:
            return refusal(405, "method not allowed", headers=(("Allow", ", ".join(methods)),))
        try:
            return handler(request)
        except UsageError as error:
            return refusal(400, str(error))

    # Delivery

    def _post_events(self, request: Request) -> Answer:
        answer = self._deliver(request)
        if answer.drop:
            self.log.dropped()
        else:
            self.log.answered(answer.status)
        return answer

    def _deliver(self, request: Request) -> Answer:
        if answer := self._header_refusal(request.headers):
            return answer
        if fault := self.faults.before_reading(self._monotonic()):
            return _faulty(fault)
        events, is_single, problems = _read(request.body)
        if problems:
            return refusal(400, *problems)
        if fault := self.faults.for_events(events):
            if not _is_acceptance(fault.status):
                return _faulty(fault)
            self.log.accept(events, request.body if is_single else None)
            return Answer(fault.status, b"" if fault.status == 204 else b"{}")  # noqa: PLR2004 - no content
        if self.faults.loses_connection():
            if self.faults.control.drop_accepts:
                self.log.accept(events, request.body if is_single else None)
            return _DROPPED
        self.log.accept(events, request.body if is_single else None)
        return _ACCEPTED

    def _header_refusal(self, headers: dict[str, str]) -> Answer | None:
        kind = headers.get("content-type", "").split(";")[0].strip().lower()
        if kind != "application/json":
            return refusal(415, "Content-Type must be application/json")
        if headers.get("content-encoding", "identity").lower() != "identity":
            return refusal(415, "Content-Encoding is not supported")
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not self.faults.allows(key.strip()):
            return refusal(401, "Invalid API key", error_code=_AUTH_CODE)
        return None

    # Inspection

    def _index(self, _: Request) -> Answer:
        routes = {path: sorted(methods) for path, methods in self._routes.items()}
        return _json({"about": "a local Filum Event API for development and tests", "routes": routes})

    def _get_events(self, request: Request) -> Answer:
        asked = dict(parse_qsl(request.query, keep_blank_values=True))
        if unknown := asked.keys() - {"limit", "offset", "user_id", "event_name"}:
            raise UsageError(f"unknown parameter: {', '.join(sorted(unknown))}")
        page = self.log.page(
            limit=_natural(asked, "limit", _PAGE_EVENTS),
            offset=_natural(asked, "offset", 0),
            user=asked.get("user_id"),
            event_name=asked.get("event_name"),
        )
        return Answer(200, page)

    def _delete_events(self, _: Request) -> Answer:
        self.log.clear()
        return _json({})

    def _get_stats(self, _: Request) -> Answer:
        return _json(self.log.stats())

    # Control

    def _get_control(self, _: Request) -> Answer:
        return _json(self.faults.control)

    def _put_control(self, request: Request) -> Answer:
        try:
            told = _decode(request.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UsageError("the control must be a JSON object") from error
        return _json(self.faults.change(told, self._monotonic()))

    def _reset_control(self, _: Request) -> Answer:
        return _json(self.faults.reset())


def refusal(
    status: int, *messages: str, headers: tuple[tuple[str, str], ...] = (), error_code: int | None = None
) -> Answer:
    """An error answer: status code and messages, in the names that Filum's SDKs look for."""
    shown = list(messages[:_PROBLEMS_SHOWN])
    content: dict[str, Any] = {"statusCode": status, "code": status, "message": "; ".join(shown)}
    if error_code is not None:
        content["error_code"] = error_code
    return Answer(status, msgspec.json.encode(content), headers)


def _faulty(fault: Fault) -> Answer:
    if fault.status < 300:  # noqa: PLR2004 - 207 and its like say that it was not all accepted
        return Answer(fault.status, b'{"error_code":50000,"message":"this answer was asked for"}')
    retry_after = fault.retry_after_seconds
    headers = (("Retry-After", str(ceil(retry_after))),) if retry_after is not None else ()
    code = _AUTH_CODE if fault.status == 401 else None  # noqa: PLR2004 - HTTP's own number
    return refusal(fault.status, fault.message, headers=headers, error_code=code)


def _is_acceptance(status: int) -> bool:
    return status < 300 and status != 207  # noqa: PLR2004 - 207 says: look inside


def _read(body: bytes) -> tuple[list[dict[str, Any]], bool, list[str]]:
    """The events of a body, whether it is a single one, and what is wrong with them."""
    try:
        content = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [], False, ["the body is not JSON"]
    if not isinstance(content, list):
        return [content], True, problems_of(content)
    if not content:
        return [], False, ["an array needs at least one event"]
    problems = [
        f"[{index}].{problem}" for index, event in enumerate(content) for problem in problems_of(event)
    ]
    return content, False, problems


def _natural(asked: dict[str, str], name: str, default: int) -> int:
    text = asked.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 12):  # noqa: PLR2004 - a bound for int()
        raise UsageError(f"{name} must be a whole number")
    return int(text)


def _json(content: Any) -> Answer:
    return Answer(200, msgspec.json.encode(content))
