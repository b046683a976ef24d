"""What libraries, and Python itself, would write to standard error past the log becomes lines of the log.

They come without the values that they speak of, which may be a record's.
"""

from __future__ import annotations

import logging
import sys
import threading

from bridge.logs import RateLimited, get_logger
from bridge.traces import words_of

_log = get_logger("bridge")
_REPEAT_SECONDS = 10.0


def gather_strays() -> None:
    """For the whole process; may be called again."""
    root = logging.getLogger()
    if not any(isinstance(handler, _Gatherer) for handler in root.handlers):
        root.addHandler(_Gatherer(logging.WARNING))
    logging.captureWarnings(capture=True)
    threading.excepthook = _uncaught
    sys.unraisablehook = _uncaught


class _Gatherer(logging.Handler):
    """Of the standard library's logging."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._repeats = RateLimited(_REPEAT_SECONDS)

    def emit(self, record: logging.LogRecord) -> None:
        """Its template alone: what would be filled in stays out."""
        text = words_of(str(record.msg))
        say = _log.error if record.levelno >= logging.ERROR else _log.warning
        error = record.exc_info[1] if record.exc_info else None
        more = {"exc_info": error} if error is not None else {}
        self._repeats.log(
            say, "a library says", key=f"{record.name} {text}", library=record.name, text=text, **more
        )


def _uncaught(stray: threading.ExceptHookArgs | sys.UnraisableHookArgs) -> None:
    if not isinstance(stray.exc_value, SystemExit):
        _log.error("internal error", what="nobody caught it", exc_info=stray.exc_value)
