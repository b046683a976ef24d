"""One line per state change, on standard error. The sole importer of structlog.

Every line passes the same steps: secrets out, control characters escaped, fields cut to a bound, then
JSON (or a plain console form). What a message or field holds can therefore neither open a line of its
own nor show a write key. Nothing here writes payloads; callers must not either.
"""

from __future__ import annotations

import json
import math
import re
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, Literal, TextIO, TypeAlias, cast

import structlog

from bridge.printable import printable
from bridge.redaction import REDACTION
from bridge.traces import trace_of

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["json", "console"]
EventDict = MutableMapping[str, Any]

MAX_FIELD_CHARACTERS = 2_000
MAX_ITEMS = 50

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_MAX_DEPTH = 4


def redacted(text: str) -> str:
    """``text`` as a log line would show it; for status pages and reports."""
    return printable(REDACTION.clean(text))


def configure(level: Level = "info", form: Format = "json", *, stream: TextIO | None = None) -> None:
    """Set up logging for the process; may be called again.

    Args:
        level: the least important level shown.
        form: ``json`` lines, or ``console`` for people.
        stream: where lines go; standard error, as it is at that moment, when left out.
    """
    threshold = _LEVELS[level]
    structlog.configure(
        processors=[_stamp, _exception, _bounded, _json if form == "json" else _console],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=lambda *_: _Lines(stream),
        cache_logger_on_first_use=False,
    )


Logger: TypeAlias = structlog.typing.FilteringBoundLogger


def get_logger(name: str) -> Logger:
    """A logger; each call takes the event and fields: ``log.info("draining", signal="SIGTERM")``.

    Usable at import: it takes up ``configure`` whenever that is called.
    """
    return cast("structlog.typing.FilteringBoundLogger", structlog.get_logger(logger_name=name))


class _Lines:
    """Writes whole lines; a closed or full standard error never stops the bridge."""

    _lock = threading.Lock()

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def _write(self, line: str) -> None:
        stream = self._stream or sys.stderr
        with self._lock:
            try:
                stream.write(line + "\n")
                stream.flush()
            except (OSError, ValueError):
                return

    debug = info = warning = error = critical = exception = _write


# Processors, in their order


def _stamp(_: Any, method: str, event: EventDict) -> EventDict:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    first = {
        "time": now,
        "level": method,
        "logger": event.pop("logger_name", ""),
        "event": event.pop("event", ""),
    }
    return {**first, **{(f"{key}_" if key in first else key): value for key, value in event.items()}}


def _exception(_: Any, __: str, event: EventDict) -> EventDict:
    """``exc_info`` → the trace as one field, from its end, without values."""
    given = event.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else sys.exc_info()[1] if given is True else None
    if error is not None:
        event["error_type"] = type(error).__name__
        event["trace"] = REDACTION.clean(trace_of(error))[-MAX_FIELD_CHARACTERS:]
    return event


def _bounded(_: Any, __: str, event: EventDict) -> EventDict:
    return {_text(str(key)): _field(value, 0) for key, value in event.items()}


def _field(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if depth < _MAX_DEPTH and isinstance(value, dict):
        return {_text(str(key)): _field(item, depth + 1) for key, item in list(value.items())[:MAX_ITEMS]}
    if depth < _MAX_DEPTH and isinstance(value, list | tuple | set | frozenset):
        return [_field(item, depth + 1) for item in list(value)[:MAX_ITEMS]]
    return _text(str(value))


def _text(text: str) -> str:
    clean = printable(REDACTION.clean(text))
    cut = len(clean) - MAX_FIELD_CHARACTERS
    return clean if cut <= 0 else f"{clean[:MAX_FIELD_CHARACTERS]}… ({cut} more characters)"


def _json(_: Any, __: str, event: EventDict) -> str:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"), default=str)


def _console(_: Any, __: str, event: EventDict) -> str:
    shown = dict(event)
    time_of_day = str(shown.pop("time"))[11:23]
    level, text, _name = shown.pop("level"), shown.pop("event"), shown.pop("logger")
    fields = " ".join(f"{key}={_plain(value)}" for key, value in shown.items())
    return f"{time_of_day} {level:<7} {text}  {fields}".rstrip()


def _plain(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if re.fullmatch(r"[^\s\"=]+", text) else json.dumps(text, ensure_ascii=False)


class RateLimited:
    """Lets the first of equal lines pass, then one an interval, which tells how many were left out.

    Args:
        interval_seconds: between two lines of one key.
        monotonic: the clock, in seconds.
        max_keys: remembered at once; the longest silent is forgotten first.
    """

    def __init__(
        self,
        interval_seconds: float,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        max_keys: int = 1_000,
    ) -> None:
        self._interval_seconds = interval_seconds
        self._monotonic = monotonic
        self._max_keys = max_keys
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def allow(self, key: str) -> int | None:
        """Ask before logging.

        Returns:
            How many lines of this key were left out since the last one; None: leave this one out too.
        """
        now = self._monotonic()
        last_seconds, left_out = self._seen.pop(key, (float("-inf"), 0))
        passes = now - last_seconds >= self._interval_seconds
        self._seen[key] = (now, 0) if passes else (last_seconds, left_out + 1)
        if len(self._seen) > self._max_keys:
            self._seen.popitem(last=False)
        return left_out if passes else None

    def log(self, say: Callable[..., Any], event: str, *, key: str = "", **fields: Any) -> None:
        """``say(event, **fields)`` unless it was said just now; ``repeats`` tells what was left out.

        Args:
            say: a logger's method, such as ``log.warning``.
            event: the line.
            key: what counts as the same line; ``event`` when empty.
            fields: the line's fields.
        """
        left_out = self.allow(key or event)
        if left_out is not None:
            say(event, **fields, **({"repeats": left_out} if left_out else {}))


configure()
