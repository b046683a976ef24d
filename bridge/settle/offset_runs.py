"""Whole numbers and sets of offsets in few bytes. Pure.

A set of finished offsets is written as the smaller of two forms: lengths of runs that alternate (open,
finished, open, …), or one bit an offset. Runs win where records finish in order behind a few open ones,
bits where what is open and what is finished alternate.
"""

from __future__ import annotations

from collections.abc import Sequence

Range = tuple[int, int]
"""Offsets from the first number up to, and without, the second."""

_RUNS, _BITS = 0, 1
_SEVEN_BITS = 0x7F
_MOST_VARINT_BYTES = 10


class Malformed(ValueError):
    """Bytes that this module did not write. Never leaves the reading of a map."""


def write_number(number: int, out: bytearray) -> None:
    """Append a whole number of 0 or more, seven bits a byte, the lowest first (LEB128)."""
    while number > _SEVEN_BITS:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


class Reader:
    """Takes bytes from the front. Every method raises ``Malformed`` where they end too early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self) -> int:
        """What ``write_number`` wrote."""
        number = 0
        for shift in range(0, 7 * _MOST_VARINT_BYTES, 7):
            byte = self.take(1)[0]
            number |= (byte & 0x7F) << shift
            if byte <= _SEVEN_BITS:
                return number
        raise Malformed("a number has too many bytes")

    def take(self, size: int) -> bytes:
        """The next bytes."""
        end = self._at + size
        if end > len(self._data):
            raise Malformed("too short")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    @property
    def left(self) -> int:
        """How many bytes follow."""
        return len(self._data) - self._at

    def end(self) -> None:
        """Nothing may be left."""
        if self.left:
            raise Malformed("too long")


def write_ranges(base: int, ranges: Sequence[Range], most_bytes: int) -> tuple[bytes, int]:
    """The smaller form; where neither fits, the one that reaches further, its end left out.

    Args:
        base: no range begins below it.
        ranges: in rising order, neither empty nor touching.
        most_bytes: what the answer may weigh.

    Returns:
        The bytes, and what the whole set would weigh.
    """
    runs, run_ends = _runs(base, ranges)
    span = ranges[-1][1] - base if ranges else 0
    bits_size = (span + 7) // 8
    needed = 1 + min(len(runs), bits_size)
    room = most_bytes - 1
    if needed <= most_bytes:
        is_bits = bits_size < len(runs)
    else:
        fitting = [end for end, size in run_ends if size <= room]
        reach = fitting[-1] - base if fitting else 0
        is_bits = room * 8 > reach
        runs = runs[: run_ends[len(fitting) - 1][1]] if fitting else b""
    if not is_bits:
        return bytes([_RUNS]) + runs, needed
    return bytes([_BITS]) + _bits(base, ranges, min(bits_size, max(room, 0))), needed


def _runs(base: int, ranges: Sequence[Range]) -> tuple[bytes, list[tuple[int, int]]]:
    """All runs, and after each finished one: where it ends, and how many bytes there are by then."""
    out = bytearray()
    ends: list[tuple[int, int]] = []
    at = base
    for start, end in ranges:
        for length in (start - at, end - start):
            if length <= _SEVEN_BITS:
                out.append(length)
            else:
                write_number(length, out)
        ends.append((end, len(out)))
        at = end
    return bytes(out), ends


def _bits(base: int, ranges: Sequence[Range], size: int) -> bytes:
    """The lowest bit of the first byte is ``base``."""
    text: list[str] = []
    at, limit = base, base + size * 8
    for start, end in ranges:
        if start >= limit:
            break
        text.append("0" * (start - at) + "1" * (min(end, limit) - start))
        at = min(end, limit)
    return int("".join(text)[::-1] or "0", 2).to_bytes(size, "little")


def read_ranges(base: int, data: bytes) -> list[Range]:
    """What ``write_ranges`` wrote.

    Raises:
        Malformed: it did not.
    """
    if not data or data[0] not in (_RUNS, _BITS):
        raise Malformed("unknown form of a set")
    return _read_bits(base, data[1:]) if data[0] == _BITS else _read_runs(base, data[1:])


def _read_runs(base: int, data: bytes) -> list[Range]:
    reader, at = Reader(data), base
    ranges: list[Range] = []
    while reader.left:
        start = at + reader.number()
        at = start + reader.number()
        if at == start or (ranges and start == ranges[-1][1]):
            raise Malformed("an empty run")
        ranges.append((start, at))
    return ranges


def _read_bits(base: int, data: bytes) -> list[Range]:
    bits = bin(int.from_bytes(data, "little"))[:1:-1]
    ranges: list[Range] = []
    start = bits.find("1")
    while start >= 0:
        end = bits.find("0", start)
        end = len(bits) if end < 0 else end
        ranges.append((base + start, base + end))
        start = bits.find("1", end)
    return ranges
