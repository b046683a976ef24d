"""How far a file was settled, kept beside it: one watermark a stream, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import msgspec

from bridge.errors import ConsumerError

_PRINT_BYTES = 1024


class Fingerprint(msgspec.Struct, frozen=True):
    """The first bytes of a file, so that a position is not used for another one."""

    bytes: int = 0
    sha256: str = ""


class Positions(msgspec.Struct, frozen=True):
    """What a position file holds: stream name → number of the first line that is not settled."""

    watermarks: dict[str, int] = {}
    file: Fingerprint = Fingerprint()


def load_positions(position: Path, source: Path | None) -> Positions:
    """Read a position file; one that is not there means the beginning.

    Raises:
        ConsumerError: unreadable, damaged, or of another file: nothing may be skipped by it.
    """
    try:
        found = msgspec.json.decode(position.read_bytes(), type=Positions)
    except FileNotFoundError:
        return Positions()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConsumerError(
            f"position file {position}: {error}", "delete it to read from the start"
        ) from error
    if source is not None and fingerprint(source, found.file.bytes) != found.file:
        raise ConsumerError(
            f"position file {position} belongs to another file than {source}",
            "delete it to read from the start, or give each file a `position` of its own",
        )
    return found


def save_positions(position: Path, watermarks: Mapping[str, int], source: Path | None) -> None:
    """Write a position file: a new file, synced, then renamed over the old one.

    Raises:
        OSError: not written; the old one stands.
    """
    printed = fingerprint(source, _PRINT_BYTES) if source is not None else Fingerprint()
    data = msgspec.json.encode(Positions(dict(watermarks), printed))
    fresh = position.with_name(f".{position.name}.new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(position)
    _sync_folder(position.parent)


def fingerprint(source: Path, size_bytes: int) -> Fingerprint:
    """Of the first bytes of a file, at most ``size_bytes``. Raises OSError."""
    with source.open("rb") as file:
        head = file.read(min(size_bytes, _PRINT_BYTES))
    return Fingerprint(len(head), sha256(head).hexdigest() if head else "")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
