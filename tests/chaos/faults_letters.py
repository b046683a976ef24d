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
from tests.chaos.rabbitmq_arena import RabbitArena
from tests.e2e.auditor import Made

_POISON = 20
_POISONED_USERS = 4
_ROOM = 3
_DISK_BYTES = 16 * 1024


def poison(arena: KafkaArena | RabbitArena) -> list[Made]:
    """Records of some users that no decoder takes; they say who they are all the same."""
    made = [arena.traffic.next(f"poison-{number % _POISONED_USERS}") for number in range(_POISON)]
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
    _all_written(arena, made)
    arena.healed()


def full_disk(arena: KafkaArena) -> None:
    """The file's disk is full, until somebody makes room."""
    disk = arena.home / "disk"
    ballast = disk / "ballast"
    ballast.write_bytes(b"x" * (_DISK_BYTES - 4096))
    made = poison(arena)
    arena.stalls("dead_letters_unavailable")
    ballast.unlink()
    _all_written(arena, made)
    arena.healed()


def no_queue(arena: RabbitArena) -> None:
    """The queue of letters is deleted, and made again."""
    arena.delete(arena.letter_queue)
    made = poison(arena)
    arena.stalls("dead_letters_unavailable")
    arena.declare(arena.letter_queue)
    _all_written(arena, made)
    arena.healed()


def full_queue(arena: RabbitArena) -> None:
    """The queue of letters refuses what does not fit, until somebody takes letters out of it."""
    made = _fill(arena)
    _all_written(arena, made)
    arena.healed()


def full_queue_and_kill(arena: RabbitArena) -> None:
    """The same, and the bridge is killed while it waits: what has no letter is delivered again."""
    made = _fill(arena)
    arena.first.kill()
    arena.first.start()
    arena.stalls("dead_letters_unavailable")
    _all_written(arena, made)
    arena.healed()


def _fill(arena: RabbitArena) -> list[Made]:
    """More letters than there is room for: those that are not written are not acknowledged."""
    arena.delete(arena.letter_queue)
    arena.declare(arena.letter_queue, x_max_length=_ROOM, x_overflow="reject-publish")
    made = poison(arena)
    arena.stalls("dead_letters_unavailable")
    arena.stands_still()
    assert arena.node.depth(arena.letter_queue) == _ROOM
    seen = arena.first.look()
    assert seen.total("bridge_records_settled_total", outcome="dead_lettered") == _ROOM
    assert arena.unacknowledged() >= len(made) - _ROOM
    return made


def _all_written(arena: KafkaArena | RabbitArena, made: list[Made]) -> None:
    """Each of them, and each user's in the order in which they were made."""
    arena.until(lambda: set(made) <= set(arena.letters()), "all letters", 90.0)
    first = list(dict.fromkeys(arena.letters()))
    for user in {one.user for one in made}:
        seqs = [one.seq for one in first if one.user == user]
        assert seqs == sorted(seqs), f"letters of {user} lie in the order {seqs}"


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


_UNAVAILABLE = ["dead_letters_unavailable"]
_IN_QUEUE = Setting(letters="rabbitmq")
LETTER_FAULTS = (
    Fault("dead-letter topic missing", no_topic, Setting(letters="kafka"), _UNAVAILABLE),
    Fault("disk of the dead-letter file full", full_disk, Setting(letters="disk"), _UNAVAILABLE),
)
RABBITMQ_LETTER_FAULTS = (
    Fault("dead-letter queue missing", no_queue, _IN_QUEUE, _UNAVAILABLE),
    Fault("dead-letter queue full", full_queue, _IN_QUEUE, _UNAVAILABLE),
    Fault(
        "dead-letter queue full, bridge killed", full_queue_and_kill, _IN_QUEUE, _UNAVAILABLE, in_short=False
    ),
)
