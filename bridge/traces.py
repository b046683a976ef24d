"""Where an error came from, without what it says. Pure.

The text of an error that nobody foresaw may hold anything, a record's body too (``invalid literal for int():
'…'``). So a trace names its type and its places; only texts that cannot hold data are kept.
"""

from __future__ import annotations

import traceback

from bridge.errors import BridgeError

_PLAIN = (BridgeError, AttributeError, NameError, ImportError)
"""They speak of code, or promise to hold no payload."""


def trace_of(error: BaseException) -> str:
    """The error with those that it came from, the first of them first."""
    parts: list[str] = []
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        parts.append(f"{''.join(traceback.format_tb(one.__traceback__))}{_named(one)}\n")
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return "then\n".join(reversed(parts))


def words_of(text: str) -> str:
    """What a library says of an error, without the ``repr`` of whatever it speaks of."""
    start = "Exception in callback"
    return start if text.startswith(start) else text.partition("\n")[0].partition("<")[0].strip()


def _named(error: BaseException) -> str:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if isinstance(error, _PLAIN) and str(error):
        return f"{name}: {error}"
    if isinstance(error, OSError) and error.strerror:
        return f"{name}: {error.strerror}"
    return name
