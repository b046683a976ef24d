"""Faults of the bridge's own process, and of several of them."""

from __future__ import annotations

import random
import resource
import signal
from pathlib import Path

from tests.chaos.api import Manner
from tests.chaos.arena import Arena, Replica, Setting
from tests.chaos.faults import Fault
from tests.chaos.kafka_arena import PARTITIONS, KafkaArena

_KILLS_SHORT, _KILLS_LONG = 3, 20
_STEPS_SHORT, _STEPS_LONG = 5, 20


_FINE = Manner()
_HANGING = Manner(then="hang")
_NEXT = Setting(protocol="consumer")


def kill_again_and_again(arena: Arena) -> None:
    """SIGKILL at points that chance chooses; at each start it may still be about to join."""
    dice = random.Random(arena.seed)  # noqa: S311 - when to kill
    for _ in range(_KILLS_LONG if arena.is_long else _KILLS_SHORT):
        more = dice.randrange(1, 300)
        arena.flows(more)
        arena.first.kill()
        arena.over()
        arena.first.start()
        arena.healed()


def terminate(arena: Arena) -> None:
    """SIGTERM under load: what is in flight ends, nothing comes twice."""
    arena.first.stop()
    arena.over()
    arena.first.start()
    arena.healed()


def terminate_twice(arena: Arena) -> None:
    """A second SIGTERM leaves at once, in the middle of a drain that cannot end."""
    arena.api.manner = _HANGING
    arena.flows(1)
    process = arena.first.bridge.process
    process.signal(signal.SIGTERM)
    arena.until(lambda: "draining" in arena.first.bridge.log.read_text(), "it drains")
    process.signal(signal.SIGTERM)
    arena.until(lambda: not process.is_running, "it leaves at once", 5.0)
    arena.first.kill()
    arena.api.manner = _FINE
    arena.over()
    arena.first.start()
    arena.healed()


def freeze(arena: KafkaArena) -> None:
    """SIGSTOP for longer than the session timeout: the other takes over, the frozen one may do no harm."""
    other = arena.make("b")
    other.start()
    settled(arena, [arena.first, other])
    arena.first.bridge.process.freeze()
    arena.until(lambda: assigned(other) == PARTITIONS, "the other has all partitions")
    arena.healed()
    arena.first.bridge.process.thaw()
    settled(arena, [arena.first, other])
    arena.flows()


def come_and_go(arena: KafkaArena) -> None:
    """Two to four replicas that join, leave and are killed by chance."""
    dice = random.Random(arena.seed)  # noqa: S311 - what happens next
    for name in "bcd":
        arena.make(name)
    for _ in range(_STEPS_LONG if arena.is_long else _STEPS_SHORT):
        up = [one for one in arena.replicas if one.is_up]
        down = [one for one in arena.replicas if not one.is_up]
        if down and (len(up) < 2 or dice.random() < 0.5):
            dice.choice(down).start()
        else:
            leaves = dice.choice(up)
            (leaves.kill if dice.random() < 0.5 else leaves.stop)()
            if len(up) == 1:
                leaves.start()
        arena.healed()


def starve(arena: Arena) -> None:
    """The API hangs up, and there are descriptors for two connections alone until somebody grants more."""
    pid = arena.first.bridge.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    arena.api.shut()
    arena.stalls("breaker")
    descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (descriptors + 2, before[1]))
    arena.api.open()
    arena.flows()
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    arena.healed()


def assigned(replica: Replica) -> float:
    """How many partitions it has."""
    return replica.look().total("bridge_partitions_assigned")


def settled(arena: KafkaArena, replicas: list[Replica]) -> None:
    """Wait until these share all partitions, and each has some."""

    def is_so() -> bool:
        counts = [assigned(one) for one in replicas]
        return sum(counts) == PARTITIONS and all(counts)

    arena.until(is_so, "partitions are shared")


KAFKA_PROCESS = (
    Fault("bridge killed (SIGKILL)", kill_again_and_again),
    Fault("bridge killed (SIGKILL), KIP-848", kill_again_and_again, _NEXT, in_short=False),
    Fault("SIGTERM under load", terminate),
    Fault("SIGTERM twice", terminate_twice),
    Fault("file descriptors run out", starve, reasons=["breaker"], in_short=False),
    Fault("SIGSTOP beyond the session timeout", freeze),
    Fault("SIGSTOP beyond the session timeout, KIP-848", freeze, _NEXT, in_short=False),
    Fault("replicas come and go", come_and_go),
    Fault("replicas come and go, KIP-848", come_and_go, _NEXT),
)
RABBITMQ_PROCESS = (
    Fault("bridge killed (SIGKILL)", kill_again_and_again),
    Fault("SIGTERM under load", terminate),
    Fault("SIGTERM twice", terminate_twice),
)
