"""Lines of a file, a pipe or standard input, read without ever blocking for long."""

from __future__ import annotations

import os
import select
import stat
from pathlib import Path

from bridge.errors import ConsumerError

_CHUNK_BYTES = 256 * 1024
_MAX_LINE_BYTES = 64 * 2**20


class LineReader:
    """Owned by one thread.

    Args:
        descriptor: an open file descriptor; closed with the reader.
        name: for messages.
        follow: wait for more at the end of a file, and take a last line only with its line end.
    """

    def __init__(self, descriptor: int, name: str, *, follow: bool = False) -> None:
        self._descriptor = descriptor
        self._name = name
        self._follow = follow
        self._is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        self._partial = bytearray()
        self.is_at_end = False
        """Nothing will come any more."""

    def read(self, timeout_seconds: float) -> list[bytes]:
        """The next whole lines, without line ends; empty when none came in time.

        Raises:
            ConsumerError: unreadable, cut short while it was followed, or a line beyond all measure.
        """
        if self.is_at_end or not self._is_readable(timeout_seconds):
            return []
        try:
            chunk = os.read(self._descriptor, _CHUNK_BYTES)
        except OSError as error:
            raise ConsumerError(f"{self._name}: {error.strerror}") from error
        if chunk:
            return self._split(chunk)
        if self._follow and self._is_file:
            self._refuse_if_cut()
            return []
        self.is_at_end = True
        rest = bytes(self._partial)
        return [rest] if rest else []

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)

    def _is_readable(self, timeout_seconds: float) -> bool:
        """A regular file is always readable, even at its end."""
        return self._is_file or bool(select.select([self._descriptor], [], [], timeout_seconds)[0])

    def _split(self, chunk: bytes) -> list[bytes]:
        *whole, rest = chunk.split(b"\n")
        if not whole:
            self._partial += rest
            if len(self._partial) > _MAX_LINE_BYTES:
                raise ConsumerError(f"{self._name}: a line of more than {_MAX_LINE_BYTES} bytes")
            return []
        whole[0] = bytes(self._partial) + whole[0]
        self._partial = bytearray(rest)
        return whole

    def _refuse_if_cut(self) -> None:
        if os.fstat(self._descriptor).st_size < os.lseek(self._descriptor, 0, os.SEEK_CUR):
            raise ConsumerError(
                f"{self._name} became shorter while it was followed",
                "follow a file that only grows; rotate by starting a new file and a new position",
            )


def open_lines(path: Path | None, *, follow: bool = False) -> LineReader:
    """Open a file, or standard input where ``path`` is None.

    Raises:
        ConsumerError: it cannot be opened.
    """
    if path is None:
        return LineReader(os.dup(0), "standard input", follow=follow)
    try:
        return LineReader(os.open(path, os.O_RDONLY | os.O_CLOEXEC), str(path), follow=follow)
    except OSError as error:
        raise ConsumerError(f"{path}: {error.strerror}", "correct `path`") from error
