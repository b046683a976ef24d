"""A file of lines that several processes append to: whole lines, on disk before the call returns.

The bridge writes letters to it while a redrive writes marks, so a lock of the file says whose turn it is.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Sequence
from io import FileIO
from pathlib import Path


def append_lines(path: Path, lines: Sequence[bytes]) -> None:
    """Append lines and fsync; all of them or none.

    Args:
        path: made when it is not there, its folders too.
        lines: without line ends.

    Raises:
        OSError: not written; the file is as before.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        _append(file, b"".join(line + b"\n" for line in lines))


def _append(file: FileIO, text: bytes) -> None:
    """What a full disk cuts short is taken back; what a kill left without an end gets one first."""
    start = file.seek(0, os.SEEK_END)
    if start and os.pread(file.fileno(), 1, start - 1) != b"\n":
        text = b"\n" + text
    try:
        written = file.write(text)
        os.fsync(file.fileno())
    except OSError:
        file.truncate(start)
        raise
    if written != len(text):
        file.truncate(start)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
