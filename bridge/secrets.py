"""Reads secrets where the configuration says they lie. Values leave only by return, never in an error.

Every value read is registered with ``logs``, so that no line shows it.

A file is read again when it changes, because Kubernetes swaps mounted secrets under a running pod.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from bridge.config import Secret
from bridge.errors import ConfigError
from bridge.redaction import redact

_MAX_SIZE_BYTES = 64 * 1024
_HEADER_TEXT = re.compile(r"[!-~]+")


def read_secret(secret: Secret, *, base: Path, environ: Mapping[str, str], in_header: bool = False) -> str:
    """The secret's value now; one trailing line end of a file is not part of it.

    Args:
        secret: where it lies.
        base: what a relative ``file`` is relative to (``Config.base``).
        environ: the environment.
        in_header: it is sent in a header of HTTP, which holds neither line breaks nor all characters.

    Raises:
        ConfigError: unset, empty, unreadable, not text, or not fit for a header.
    """
    if secret.env is not None:
        place = f"the environment variable {secret.env}"
        return _checked(environ.get(secret.env), place, "set it", in_header=in_header)
    path = base / (secret.file or "")
    place, remedy = f"the secret file {path}", "mount it, or correct the path"
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_SIZE_BYTES + 1)
        text = data.decode()
    except OSError as error:
        raise ConfigError(f"{place} cannot be read: {error.strerror}", hint=remedy) from error
    except UnicodeDecodeError:
        raise ConfigError(f"{place} is not UTF-8 text", hint=remedy) from None
    if len(data) > _MAX_SIZE_BYTES:
        raise ConfigError(f"{place} is larger than {_MAX_SIZE_BYTES} bytes", hint=remedy)
    return _checked(text.removesuffix("\n").removesuffix("\r"), place, remedy, in_header=in_header)


def _checked(value: str | None, place: str, remedy: str, *, in_header: bool) -> str:
    if value is None:
        raise ConfigError(f"{place} is not set", hint=remedy)
    if not value.strip():
        raise ConfigError(f"{place} is empty", hint=remedy)
    redact(value)
    if in_header and not _HEADER_TEXT.fullmatch(value):
        raise ConfigError(
            f"{place} holds what a header cannot: {_unfit(value)}",
            hint="it must be one line of ASCII text without spaces",
        )
    return value


def _unfit(value: str) -> str:
    """What is wrong with it, not where or beside what."""
    if "\n" in value or "\r" in value:
        return "a line break"
    return "a character beyond ASCII" if not value.isascii() else "a space or a control character"


class SecretSource:
    """One secret, cached; its file is read again when it changed. Not shared between threads.

    While a changed file cannot be read, or is empty for a moment, the last good value stays.

    Args:
        secret: where it lies.
        base: what a relative ``file`` is relative to.
        environ: the environment; asked at each reload.
        in_header: as ``read_secret``.

    Raises:
        ConfigError: from the first ``value`` or ``reload`` when there is none to read.
    """

    def __init__(
        self, secret: Secret, *, base: Path, environ: Mapping[str, str], in_header: bool = False
    ) -> None:
        self._secret = secret
        self._in_header = in_header
        self._base = base
        self._environ = environ
        self._value: str | None = None
        self._stamp: tuple[int, int, int] | None = None
        self._refused: tuple[int, int, int] | None = None

    def value(self) -> str:
        """The value; costs one ``stat`` for a file and nothing for a variable."""
        if self._value is None or self._file_stamp() != self._stamp:
            self.reload()
        return self._value or ""

    def reload(self) -> bool:
        """Read again, whether it seems changed or not (after a 401).

        Returns:
            True when the value is another one than before; the first read counts as such.
        """
        try:
            return self._read(self._file_stamp())
        except ConfigError:
            if self._value is None:
                raise
            return False

    def look(self) -> bool:
        """Read again if the file is another one than was read; costs one ``stat``.

        Returns:
            True when the value is another one than before.

        Raises:
            ConfigError: once for each file that cannot be used; the value stays.
        """
        stamp = self._file_stamp()
        if stamp is None or stamp in (self._stamp, self._refused):
            return False
        self._refused = stamp
        return self._read(stamp)

    def _read(self, stamp: tuple[int, int, int] | None) -> bool:
        value = read_secret(self._secret, base=self._base, environ=self._environ, in_header=self._in_header)
        changed, self._value, self._stamp = value != self._value, value, stamp
        return changed

    def _file_stamp(self) -> tuple[int, int, int] | None:
        if self._secret.file is None:
            return None
        try:
            stat = (self._base / self._secret.file).stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_ino, stat.st_size

    def __repr__(self) -> str:
        return f"<SecretSource {self._secret}>"
