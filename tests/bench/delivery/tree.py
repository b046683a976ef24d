"""CPU and memory of a process and all it started, as /proc tells them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")
_SESSION, _CPU = 3, slice(11, 15)  # fields behind the name: utime, stime, and those of children that ended


class Tree:
    """The processes of one session; ``pid`` leads it.

    What a child that ended had used is in its parent's figures, once waited for; readings never go down.
    """

    def __init__(self, pid: int) -> None:
        self._session = str(pid)
        self._cpu_seconds = 0.0
        self._peaks: dict[str, int] = {}

    def look(self) -> float:
        """CPU seconds so far; peak memory is noted with it."""
        ticks = 0
        for process, fields in self._members():
            ticks += sum(map(int, fields[_CPU]))
            self._peaks[process] = max(self._peaks.get(process, 0), _memory_kib(process, "VmHWM:"))
        self._cpu_seconds = max(self._cpu_seconds, ticks / _TICKS)
        return self._cpu_seconds

    @property
    def peak_mib(self) -> float:
        """The peaks of all its processes together; shared pages count in each."""
        return sum(self._peaks.values()) / 1024

    def memory_mib(self) -> float:
        """What it holds now."""
        return sum(_memory_kib(process, "VmRSS:") for process, _ in self._members()) / 1024

    def _members(self) -> Iterator[tuple[str, list[str]]]:
        for process in filter(str.isdigit, (folder.name for folder in _PROC.iterdir())):
            with suppress(OSError, IndexError):
                fields = (_PROC / process / "stat").read_text().rsplit(")", 1)[1].split()
                if fields[_SESSION] == self._session:
                    yield process, fields


def thread_cpu_seconds(pid: int) -> dict[str, tuple[str, float]]:
    """Each thread of a process: its name, and what it has used."""
    found = {}
    for thread in (_PROC / str(pid) / "task").iterdir():
        with suppress(OSError):
            head, _, fields = (thread / "stat").read_text().rpartition(")")
            used = sum(map(int, fields.split()[_CPU][:2]))
            found[thread.name] = head.partition("(")[2], used / _TICKS
    return found


def _memory_kib(process: str, name: str) -> int:
    with suppress(OSError):
        for line in (_PROC / process / "status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1])
    return 0


def machine_cpu_seconds() -> float:
    """What all processes of the machine have used since it started."""
    user, nice, system, _idle, _iowait, *interrupts = map(int, _first_line(_PROC / "stat").split()[1:9])
    return (user + nice + system + sum(interrupts)) / _TICKS


def machine() -> str:
    """Cores, processor and system, on one line."""
    lines = (_PROC / "cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    system = os.uname()
    processor = names[0] if names else system.machine
    return f"{os.cpu_count()} cores of {processor}, {system.sysname} {system.machine}"


def _first_line(path: Path) -> str:
    with path.open() as file:
        return file.readline()
