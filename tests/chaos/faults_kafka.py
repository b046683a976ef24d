"""Faults of a Kafka broker, and of what lies on it."""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka import TopicPartition
from confluent_kafka.admin._acl import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
)
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from confluent_kafka.cimpl import NewPartitions, NewTopic

from tests.chaos.arena import Replica, Setting
from tests.chaos.faults import Fault
from tests.chaos.faults_network import broker_network_faults
from tests.chaos.kafka_arena import PARTITIONS, KafkaArena
from tests.e2e.auditor import Made
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
    admin = arena.kafka.admin()
    denial = (
        *(ResourceType.GROUP, arena.group, ResourcePatternType.LITERAL),
        *("User:ANONYMOUS", "*", AclOperation.READ, AclPermissionType.DENY),
    )
    denied, found = AclBinding(*denial), AclBindingFilter(*denial)
    admin.create_acls([denied])[denied].result(30)
    arena.until(lambda: failed_commits(arena.first) > failed, "commits fail")
    arena.stalls("broker_down")
    admin.delete_acls([found])[found].result(30)
    arena.healed()


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


def delete_topic(arena: KafkaArena) -> None:
    """Deleted with what was not read, and made again: the new log is read from its beginning."""
    arena.traffic.pause()
    old = arena.traffic.log
    admin = arena.kafka.admin()
    admin.delete_topics([arena.topic])[arena.topic].result(30)
    arena.until(lambda: arena.topic not in arena.kafka.admin().list_topics(timeout=10).topics, "it is gone")
    admin.create_topics([NewTopic(arena.topic, PARTITIONS, 1)])[arena.topic].result(30)
    arena.traffic.log = old + 1
    arena.traffic.renew()
    arena.deleted = lambda made: arena.traffic.made[made].log <= old
    arena.traffic.go_on()
    arena.healed()


def add_partitions(arena: KafkaArena) -> None:
    """Two more: what is in them is read from their beginning."""
    admin = arena.kafka.admin()
    admin.create_partitions([NewPartitions(arena.topic, PARTITIONS + 2)])[arena.topic].result(30)
    arena.traffic.pause()
    arena.traffic.renew()
    made = [place_in(arena, PARTITIONS + number, f"late-{number}") for number in range(2)]
    arena.traffic.go_on()
    arena.until(lambda: accepted(arena, made), "what is in the new ones", 60.0)
    arena.healed()


def place_in(arena: KafkaArena, partition: int, user: str) -> Made:
    """A record of a new user in this partition."""
    made = arena.traffic.next(user)
    arena.traffic.send(made, partition=partition)
    return made


def accepted(arena: KafkaArena, made: Sequence[Made]) -> bool:
    """All of these."""
    ended = {Made(one.user, one.seq) for one in list(arena.api.accepted)}
    return set(made) <= ended


def lose_offsets(arena: KafkaArena) -> None:
    """Retention took what was not read: it is counted and said, and what is left is read."""
    arena.first.stop()
    before = len(arena.traffic.made)
    arena.until(lambda: len(arena.traffic.made) > before + 200, "more is written")
    arena.traffic.pause()
    admin = arena.kafka.admin()
    ends = [TopicPartition(arena.topic, number, -1) for number in range(PARTITIONS)]
    lows = {
        one.partition: answer.result(30).low_watermark for one, answer in admin.delete_records(ends).items()
    }

    def is_deleted(made: Made) -> bool:
        place = arena.traffic.made[made]
        return place.offset < int(lows[place.partition])

    arena.deleted = is_deleted
    arena.over()
    arena.traffic.go_on()
    arena.first.start()
    arena.healed()
    assert arena.first.look().total("bridge_offsets_lost_total") > 0, "what the broker deleted is silent"


KAFKA_FAULTS: Sequence[Fault[KafkaArena]] = (
    Fault("broker killed and restarted", kill_broker, _OWN, ["broker_down"]),
    Fault("broker killed and restarted, KIP-848", kill_broker, _OWN_NEXT, ["broker_down"], in_short=False),
    Fault("broker paused", freeze_broker, _OWN, ["broker_down"]),
    *broker_network_faults(in_short=True),
    Fault("coordinator lost", lose_coordinator, Setting(paired=True), ["broker_down"]),
    Fault("commits refused: no rights on the group", refuse_commits, _AUTHORIZING, ["broker_down"]),
    Fault("topic deleted and made again", delete_topic, Setting(source={"on_offset_lost": "earliest"})),
    Fault("partitions added", add_partitions),
    Fault("offsets out of range", lose_offsets, Setting(source={"on_offset_lost": "earliest"})),
)
