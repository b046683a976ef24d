"""Faults of what dead letters are written to: nothing is skipped, and the partition says why it stops."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka.cimpl import NewTopic

from tests.chaos.arena import Setting
from tests.chaos.faults import Fault
from tests.chaos.kafka_arena import KafkaArena
from tests.e2e.auditor import Made

_POISON = 20
_DISK_BYTES = 16 * 1024


def poison(arena: KafkaArena) -> list[Made]:
    """Records that no decoder takes; they say who they are all the same."""
    made = [arena.traffic.next(f"poison-{number}") for number in range(_POISON)]
    for one in made:
        arena.traffic.send(one, f"{{{one.user}/{one.seq}".encode())
    return made


def no_topic(arena: KafkaArena) -> None:
    """The dead-letter topic is deleted, and made again."""
    topic = arena.letter_topic
    admin = arena.kafka.admin()
    admin.delete_topics([topic])[topic].result(30)
    made = poison(arena)
    arena.stalls("dead_letters_unavailable")
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
    arena.until(lambda: set(made) <= set(arena.letters()), "all letters", 90.0)
    arena.healed()


def full_disk(arena: KafkaArena) -> None:
    """The file's disk is full, until somebody makes room."""
    disk = arena.home / "disk"
    ballast = disk / "ballast"
    ballast.write_bytes(b"x" * (_DISK_BYTES - 4096))
    made = poison(arena)
    arena.stalls("dead_letters_unavailable")
    ballast.unlink()
    arena.until(lambda: set(made) <= set(arena.letters()), "all letters", 90.0)
    arena.healed()


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system of its own, of a few pages."""
    folder.mkdir(parents=True)
    size = f"size={_DISK_BYTES}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def can_mount() -> str:
    """Why there can be no small disk here; empty: there can."""
    return "" if os.geteuid() == 0 else "a full disk needs root: it is a tmpfs"


LETTER_FAULTS = (
    Fault("dead-letter topic missing", no_topic, Setting(letters="kafka"), ["dead_letters_unavailable"]),
    Fault(
        "disk of the dead-letter file full", full_disk, Setting(letters="disk"), ["dead_letters_unavailable"]
    ),
)
