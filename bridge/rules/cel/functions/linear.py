"""Regular expressions that Python's own engine surely runs in linear time, and as RE2 does.

RE2 is always safe, but from Python it costs many times what ``re`` does. So small is what is proven here:
characters and classes one after another, the last of which may repeat. Nothing in it can backtrack.
"""

from __future__ import annotations

import re

# No `.`, `$`, `\\b` and no nested class syntax: there the engines differ, or a reader must think.
_LITERAL = r"[A-Za-z0-9 _,:;/@#%&=!<>\"'~`-]|\\[.+*?()\[\]{}|^$/\\-]|\\[dw]"
_IN_CLASS = r"[A-Za-z0-9 _,:;/@#%=!<>\"'`.+*?(){}$]|\\[-.+*?()\[\]{}|^$/\\]|\\[dw]"
_RANGE = r"[a-z]-[a-z]|[A-Z]-[A-Z]|[0-9]-[0-9]"
_CLASS = rf"\[\^?(?:{_RANGE}|{_IN_CLASS})+-?\]"
_PROVEN = re.compile(rf"\^?(?:{_LITERAL}|{_CLASS})*(?:{_LITERAL}|{_CLASS})\+?", re.ASCII)


def linear(pattern: str) -> re.Pattern[str] | None:
    """``pattern`` for Python's engine, or None when it is not proven to be linear and the same there."""
    if len(pattern) > _MAX_CHARS or not _PROVEN.fullmatch(pattern):
        return None
    try:
        return re.compile(pattern, re.ASCII)
    except re.error:
        return None


_MAX_CHARS = 100
