"""Faults of a RabbitMQ node, and of its queues."""

from __future__ import annotations

from collections.abc import Sequence

from tests.chaos.api import Manner
from tests.chaos.arena import Setting
from tests.chaos.faults import Fault
from tests.chaos.faults_network import broker_network_faults
from tests.chaos.rabbitmq_arena import RabbitArena

_OWN = Setting(own_broker=True)
_TIMEOUT_SECONDS = 4
_TIMES_OUT = Setting(
    broker=f"consumer_timeout = {_TIMEOUT_SECONDS * 1000}\n", source={"consumer_timeout": "10m"}
)
_QUORUM = Setting(queue={"x_queue_type": "quorum"})
_LIMITED = Setting(source={"delivery_limit": 3}, queue={"x_queue_type": "quorum", "x_delivery_limit": 3})
_QUORUM_OWN = Setting(own_broker=True, queue={"x_queue_type": "quorum"})


def kill_node(arena: RabbitArena) -> None:
    """It crashes and comes back with what it had on disk."""
    arena.node.flush()
    arena.node.kill()
    arena.stalls("broker_down")
    arena.over()
    arena.node.start()
    arena.healed()


def restart_node(arena: RabbitArena) -> None:
    """It is restarted in good order."""
    arena.node.stop()
    arena.stalls("broker_down")
    arena.over()
    arena.node.start()
    arena.healed()


def freeze_node(arena: RabbitArena) -> None:
    """It hangs with its connections open, for longer than the heartbeat allows."""
    arena.node.freeze()
    arena.stalls("broker_down")
    arena.node.thaw()
    arena.healed()


def close_connections(arena: RabbitArena) -> None:
    """An operator closes every connection."""
    arena.node.ctl("close_all_connections", "a test")
    arena.healed()


def delete_queue(arena: RabbitArena) -> None:
    """The queue is deleted, its consumer cancelled, and the queue made again."""
    arena.traffic.pause()
    old = arena.traffic.log
    arena.delete(arena.queue)
    arena.stalls("broker_down")
    arena.remake_queue()
    arena.traffic.log = old + 1
    arena.deleted = lambda made: arena.traffic.made[made].log <= old
    arena.traffic.go_on()
    arena.healed()


def purge_queue(arena: RabbitArena) -> None:
    """Somebody purges the queue while the API is away: what the bridge holds is delivered, no more."""
    arena.api.shut()
    arena.stalls("breaker")
    arena.until(lambda: arena.node.depth(arena.queue) > 0, "more waits than the bridge holds")
    arena.traffic.pause()
    old = arena.traffic.log
    arena.node.ctl("purge_queue", arena.queue)
    arena.traffic.log = old + 1
    arena.deleted = lambda made: arena.traffic.made[made].log <= old
    arena.over()
    arena.api.open()
    arena.traffic.go_on()
    arena.healed()


def take_rights(arena: RabbitArena) -> None:
    """The user may not enter the virtual host any more, and is thrown out."""
    arena.node.ctl("clear_permissions", "guest")
    arena.node.ctl("close_all_connections", "a test")
    arena.stalls("broker_down")
    arena.node.ctl("set_permissions", "guest", ".*", ".*", ".*")
    arena.healed()


def raise_memory_alarm(arena: RabbitArena) -> None:
    """The node blocks who publishes; who consumes goes on."""
    arena.node.ctl("set_vm_memory_high_watermark", "absolute", "1MB")
    endure_alarm(arena)
    arena.node.ctl("set_vm_memory_high_watermark", "absolute", "1GB")
    arena.healed()


def raise_disk_alarm(arena: RabbitArena) -> None:
    """The same, for want of disk."""
    arena.node.ctl("set_disk_free_limit", "900000GB")
    endure_alarm(arena)
    arena.node.ctl("set_disk_free_limit", "50MB")
    arena.healed()


def endure_alarm(arena: RabbitArena) -> None:
    """What is in the queue is read to its end."""
    arena.until(lambda: arena.node.depth(arena.queue) == 0, "the queue is empty")
    arena.stands_still()


def outlast_the_timeout(arena: RabbitArena) -> None:
    """The API hangs for longer than the broker lets a delivery wait, and the bridge was told another time."""
    arena.node.ctl("eval", "application:set_env(rabbit, channel_tick_interval, 500).")
    arena.api.manner = Manner(status=503)
    seen = arena.first.look().total("bridge_rebalances_total", kind="lost")
    arena.until(
        lambda: arena.first.look().total("bridge_rebalances_total", kind="lost") > seen,
        "the channel is closed",
    )
    arena.api.manner = Manner()
    arena.healed()


def wear_out(arena: RabbitArena) -> None:
    """A bridge that dies again and again before anything is accepted: the broker would soon drop the head."""
    arena.api.manner = Manner(then="hang")
    arena.flows(1)
    arena.first.kill()
    arena.first.start()
    arena.stalls("delivery_limit")
    arena.api.manner = Manner()
    arena.over()
    home = arena.first.bridge.home
    (home / "new").write_text((home / "rules" / "audit.yaml").read_text() + "timezone: UTC\n")
    (home / "new").rename(home / "rules" / "audit.yaml")
    arena.healed()


RABBITMQ_FAULTS: Sequence[Fault[RabbitArena]] = (
    Fault("broker killed and restarted", kill_node, _OWN, ["broker_down"]),
    Fault("broker killed and restarted, quorum", kill_node, _QUORUM_OWN, ["broker_down"], in_short=False),
    Fault("broker restarted", restart_node, _OWN, ["broker_down"], in_short=False),
    Fault("broker paused", freeze_node, _OWN, ["broker_down"], in_short=False),
    *broker_network_faults(in_short=False),
    Fault("connections closed by the operator", close_connections),
    Fault("queue deleted, consumer cancelled", delete_queue, Setting(), ["broker_down"]),
    Fault("queue purged while the API is down", purge_queue, reasons=["breaker"], in_short=False),
    Fault("rights on the virtual host taken", take_rights, _OWN, ["broker_down"], in_short=False),
    Fault("memory alarm", raise_memory_alarm, _OWN),
    Fault("disk alarm", raise_disk_alarm, _OWN, in_short=False),
    Fault("quorum queue near its delivery limit", wear_out, _LIMITED, ["delivery_limit"]),
    Fault("channel closed by the consumer timeout", outlast_the_timeout, _TIMES_OUT, ["breaker"]),
)
