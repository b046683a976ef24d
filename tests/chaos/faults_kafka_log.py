"""Faults of what lies on a Kafka broker: topics that go and come back, records that are deleted unread."""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka import TopicPartition
from confluent_kafka.cimpl import NewPartitions, NewTopic

from tests.chaos.arena import Setting
from tests.chaos.faults import Fault
from tests.chaos.kafka_arena import PARTITIONS, KafkaArena
from tests.e2e.auditor import Made

_FROM_THE_BEGINNING = Setting(source={"on_offset_lost": "earliest"})
_NARROW = Setting(source={"on_offset_lost": "earliest"}, config={"limits": {"records_in_flight": 100}})


def delete_topic(arena: KafkaArena) -> None:
    """Deleted with what was not read, and made again: the new log is read from its beginning."""
    arena.traffic.pause()
    old = arena.traffic.log
    admin = arena.kafka.admin()
    admin.delete_topics([arena.topic])[arena.topic].result(30)
    arena.until(lambda: arena.topic not in arena.kafka.admin().list_topics(timeout=10).topics, "it is gone")
    begin_again(arena, old)


def wipe(arena: KafkaArena) -> None:
    """The broker comes back with an empty disk: no topic, no committed offset."""
    arena.traffic.pause()
    old = arena.traffic.log
    arena.kafka.kill()
    arena.stalls("broker_down")
    arena.kafka.wipe()
    arena.over()
    arena.kafka.start()
    begin_again(arena, old)


def begin_again(arena: KafkaArena, old: int) -> None:
    """The topic once more; what lay in the old one was deleted by the broker."""
    admin = arena.kafka.admin()
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
    """Retention took what was not read while the bridge was away: it is counted, and what is left is read."""
    arena.first.stop()
    written(arena, 200)
    arena.traffic.pause()
    delete_all(arena)
    arena.over()
    arena.traffic.go_on()
    arena.first.start()
    arena.healed()
    assert offsets_lost(arena) > 0, "what the broker deleted is silent"


def outlast_retention(arena: KafkaArena) -> None:
    """The API is away for longer than the broker keeps what waits."""
    arena.api.shut()
    arena.stalls("breaker")
    written(arena, 600)
    arena.traffic.pause()
    delete_all(arena)
    arena.over()
    arena.traffic.go_on()
    arena.api.open()
    arena.healed()
    arena.until(lambda: offsets_lost(arena) > 0, "what the broker deleted is counted")


def written(arena: KafkaArena, records: int) -> None:
    """Wait until so many more were produced."""
    enough = len(arena.traffic.made) + records
    arena.until(lambda: len(arena.traffic.made) > enough, "more is written")


def delete_all(arena: KafkaArena) -> None:
    """Everything that is in the topic now; only while the traffic is paused."""
    ends = [TopicPartition(arena.topic, number, -1) for number in range(PARTITIONS)]
    admin = arena.kafka.admin()
    answers = admin.delete_records(ends)
    lows = {one.partition: answer.result(30).low_watermark for one, answer in answers.items()}

    def is_deleted(made: Made) -> bool:
        place = arena.traffic.made[made]
        return place.offset < int(lows[place.partition])

    arena.deleted = is_deleted


def offsets_lost(arena: KafkaArena) -> float:
    """By the bridge's own count."""
    return arena.first.look().total("bridge_offsets_lost_total")


LOG_FAULTS: Sequence[Fault[KafkaArena]] = (
    Fault("topic deleted and made again", delete_topic, _FROM_THE_BEGINNING),
    Fault(
        "broker comes back with an empty disk",
        wipe,
        Setting(own_broker=True),
        ["broker_down"],
        in_short=False,
    ),
    Fault("partitions added", add_partitions),
    Fault("offsets out of range", lose_offsets, _FROM_THE_BEGINNING),
    Fault("retention overtakes an API that is down", outlast_retention, _NARROW, ["breaker"], in_short=False),
)
