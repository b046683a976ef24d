"""Secrets that no line may show. Apart from logging, so that who reads a secret need not load it."""

from __future__ import annotations

import re
import threading

REDACTED = "[redacted]"

_MIN_SECRET_CHARACTERS = 6

# RFC 6750's token alphabet behind its scheme, JSON Web Tokens anywhere, user info in a URL.
_BEARER = re.compile(r"\b(bearer|basic)[ \t]+[A-Za-z0-9._~+/=-]+", re.IGNORECASE)
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+\.?[A-Za-z0-9_-]*")
_USER_INFO = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^/?#\s@]+@", re.IGNORECASE)


class Redaction:
    """Values that no line may show. Any thread may add one."""

    def __init__(self) -> None:
        self._values: tuple[str, ...] = ()
        self._lock = threading.Lock()

    def add(self, value: str) -> None:
        """Never show this; very short values would cut ordinary words to pieces and are left out."""
        with self._lock:
            if len(value) >= _MIN_SECRET_CHARACTERS and value not in self._values:
                self._values = tuple(sorted((*self._values, value), key=len, reverse=True))

    def clean(self, text: str) -> str:
        """``text`` without registered values, tokens and user info in URLs."""
        for value in self._values:
            text = text.replace(value, REDACTED)
        text = _BEARER.sub(rf"\1 {REDACTED}", text)
        return _USER_INFO.sub(rf"\1{REDACTED}@", _JWT.sub(REDACTED, text))


REDACTION = Redaction()
"""Of the process."""


def redact(value: str) -> None:
    """Register a secret's value: from now on no log line shows it."""
    REDACTION.add(value)
