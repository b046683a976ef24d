"""Faults of a Kafka broker, and of what it allows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from confluent_kafka.admin._acl import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
)
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType

from tests.chaos.arena import Replica, Setting
from tests.chaos.faults import Fault
from tests.chaos.faults_network import broker_network_faults
from tests.chaos.kafka_arena import KafkaArena
from tests.parts.kafka_pair import KafkaPair

_OWN = Setting(own_broker=True)
_OWN_NEXT = Setting(own_broker=True, protocol="consumer")
_AUTHORIZING = Setting(
    broker="authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n"
    "allow.everyone.if.no.acl.found=true\n"
)


def kill_broker(arena: KafkaArena) -> None:
    """It crashes and comes back with what it had."""
    arena.kafka.kill()
    arena.stalls("broker_down")
    arena.over()
    arena.kafka.start()
    arena.healed()


def freeze_broker(arena: KafkaArena) -> None:
    """It hangs with its connections open."""
    arena.kafka.freeze()
    arena.stalls("broker_down")
    arena.kafka.thaw()
    arena.healed()


def refuse_commits(arena: KafkaArena) -> None:
    """Somebody takes the rights on the group away: no commit is taken, and no membership."""
    failed = failed_commits(arena.first)
    group = (ResourceType.GROUP, arena.group)
    with denied(arena, group, AclOperation.READ):
        arena.until(lambda: failed_commits(arena.first) > failed, "commits fail")
        arena.stalls("broker_down")
    arena.healed()


def refuse_reading(arena: KafkaArena) -> None:
    """Somebody takes the right to read the topic away."""
    topic = (ResourceType.TOPIC, arena.topic)
    with denied(arena, topic, AclOperation.READ, but=(AclOperation.WRITE, AclOperation.DESCRIBE)):
        arena.stalls("not_allowed")
        arena.stands_still()
    arena.healed()


@contextmanager
def denied(
    arena: KafkaArena,
    resource: tuple[ResourceType, str],
    operation: AclOperation,
    but: Sequence[AclOperation] = (),
) -> Iterator[None]:
    """Rules of access while it lasts: one operation is denied to everybody, some others are not."""
    admin = arena.kafka.admin()
    kinds = [(operation, AclPermissionType.DENY), *((one, AclPermissionType.ALLOW) for one in but)]
    bindings = [
        AclBinding(*resource, ResourcePatternType.LITERAL, "User:ANONYMOUS", "*", one, kind)
        for one, kind in kinds
    ]
    for made in admin.create_acls(bindings).values():
        made.result(30)
    yield
    found = AclBindingFilter(
        *(*resource, ResourcePatternType.LITERAL, "User:ANONYMOUS", "*"),
        *(AclOperation.ANY, AclPermissionType.ANY),
    )
    admin.delete_acls([found])[found].result(30)


def lose_coordinator(arena: KafkaArena) -> None:
    """The broker that coordinates the group dies; the one that has the records lives."""
    assert isinstance(arena.kafka, KafkaPair)
    arena.kafka.second.kill()
    arena.stalls("broker_down")
    arena.over()
    arena.kafka.second.begin()
    arena.healed()


def failed_commits(replica: Replica) -> float:
    """So far."""
    return replica.look().total("bridge_commits_total", outcome="failed")


KAFKA_FAULTS: Sequence[Fault[KafkaArena]] = (
    Fault("broker killed and restarted", kill_broker, _OWN, ["broker_down"]),
    Fault("broker killed and restarted, KIP-848", kill_broker, _OWN_NEXT, ["broker_down"], in_short=False),
    Fault("broker paused", freeze_broker, _OWN, ["broker_down"]),
    *broker_network_faults(in_short=True),
    Fault("coordinator lost", lose_coordinator, Setting(paired=True), ["broker_down"]),
    Fault("commits refused: no rights on the group", refuse_commits, _AUTHORIZING, ["broker_down"]),
    Fault("reading refused: no rights on the topic", refuse_reading, _AUTHORIZING, ["not_allowed"]),
)
