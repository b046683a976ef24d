"""Letters in a real RabbitMQ queue, redriven: accepted in order, acked; what stays keeps its place."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pika
import pytest

from bridge.consumers.rabbitmq_hold import HeldQueue
from bridge.consumers.rabbitmq_settings import Address
from bridge.model import Record, Stream
from bridge.rules.identity import EventIds, record_identity
from tests.e2e.api import Api
from tests.e2e.auditor import Made, make, queue_rules
from tests.e2e.bridge import Bridge
from tests.e2e.redriving import Home, assert_in_order, destination, firsts
from tests.parts.process import wait_until
from tests.parts.rabbitmq import RabbitMQ

COUNT = 90


def with_letters(rabbitmq: RabbitMQ, api: Api, path: Path, made: list[Made], **arguments: str) -> Home:
    """A queue of messages, all of which a bad rule has made letters of; then the rule is mended."""
    queue, letters = rabbitmq.new_queue("shop"), rabbitmq.new_queue("letters", **arguments)
    with rabbitmq.connect() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for one in made:
            properties = pika.BasicProperties(message_id=f"{one.user}-{one.seq}")
            channel.basic_publish("", queue, one.body, properties, mandatory=True)
    config = {
        "sources": [{"name": "shop", "type": "rabbitmq", "url": {"env": "AMQP_URL"}, "queues": [queue]}],
        "destinations": destination(api),
        "dead_letters": {"type": "rabbitmq", "queue": letters},
    }
    home = Home(path, config, queue_rules(queue), env={"AMQP_URL": rabbitmq.url})
    home.spoil()
    folder = path / "bridge"
    folder.mkdir()
    bridge = Bridge(folder, config, {"rules.yaml": (path / "rules.yaml").read_text()}, env=home.env)
    bridge.start()
    try:
        wait_until(
            lambda: bridge.total("bridge_records_settled_total") == len(made),
            timeout_seconds=60,
            what="all records settled",
        )
    finally:
        bridge.stop()
    home.mend()
    return home


def queue_of(home: Home) -> str:
    return str(home.config["sources"][0]["queues"][0])


def letters_in(rabbitmq: RabbitMQ, home: Home) -> int:
    return rabbitmq.depth(home.config["dead_letters"]["queue"])


def bodies_in(rabbitmq: RabbitMQ, home: Home) -> list[bytes]:
    """In the queue's order; all goes back."""
    address = Address(rabbitmq.url, None, None, None, "test")
    with closing(HeldQueue(lambda: address, home.config["dead_letters"]["queue"])) as held:
        return [one.value or b"" for one in held.messages]


def id_of(queue: str, one: Made) -> str:
    """What the rule would have given it the first time."""
    record = Record(Stream("shop", queue), 1, 1, one.body, queue=True, message_id=f"{one.user}-{one.seq}")
    return EventIds(record_identity(record, None)).event_id("audit", 0, 0)


@pytest.mark.rabbitmq
@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_letters_in_a_queue_are_redriven_and_a_kill_in_the_middle_loses_none(
    rabbitmq: RabbitMQ, api: Api, tmp_path: Path, kind: str
) -> None:
    """Same ids, each user's order; what a kill leaves is in the queue still."""
    made = make(COUNT, users=6, seed=3)
    home = with_letters(rabbitmq, api, tmp_path, made, x_queue_type=kind)
    assert len(home.listed()) == COUNT
    assert letters_in(rabbitmq, home) == COUNT

    redrive = home.start("redrive", "--rate", "20")
    wait_until(lambda: api.accepted_count() >= 30, timeout_seconds=60, what="some events")
    redrive.kill()
    before = api.accepted_count()
    assert before < COUNT
    wait_until(
        lambda: COUNT - before <= letters_in(rabbitmq, home) < COUNT,
        timeout_seconds=30,
        what="the rest is back",
    )
    told = home.dlq("redrive")

    assert "0 failed again, 0 stay" in told
    taken = firsts(api)
    assert_in_order(made, taken)
    assert {one.event_id for one in taken} == {id_of(queue_of(home), one) for one in made}
    assert letters_in(rabbitmq, home) == 0


@pytest.mark.rabbitmq
@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_what_is_not_redriven_goes_back_in_its_order(
    rabbitmq: RabbitMQ, api: Api, tmp_path: Path, kind: str
) -> None:
    """Listing and a dry run change nothing; a redrive of one user leaves the others' order."""
    made = make(30, users=3, seed=4)
    home = with_letters(rabbitmq, api, tmp_path, made, x_queue_type=kind)
    assert home.dlq("show", "2", "--payload").endswith(f"\n{made[1].body.decode()}\n")
    assert [one["place"] for one in home.listed()] == [str(place) for place in range(1, 31)]
    told = home.dlq("redrive", "--dry-run")
    assert told.endswith("30 would be sent, 0 would fail again, 0 stay\n")
    assert api.accepted() == []
    home.dlq("redrive", "--where", "event.user == 'user-1'")
    left = [one for one in made if one.user != "user-1"]

    assert bodies_in(rabbitmq, home) == [one.body for one in left]
    wait_until(lambda: letters_in(rabbitmq, home) == len(left), timeout_seconds=10, what="all is back")


@pytest.mark.rabbitmq
def test_two_commands_do_not_share_a_queue(rabbitmq: RabbitMQ, api: Api, tmp_path: Path) -> None:
    """The second is told who is there, and takes nothing away from the first."""
    home = with_letters(rabbitmq, api, tmp_path, make(20, users=2, seed=5))
    first = home.start("redrive", "--rate", "2")
    wait_until(lambda: api.accepted_count() >= 1, timeout_seconds=60, what="an event")
    home.dlq("ls", code=3)
    assert "is read by another consumer" in home.said
    first.stop()

    rest = 20 - api.accepted_count()
    wait_until(lambda: letters_in(rabbitmq, home) == rest, timeout_seconds=10, what="the rest is back")
