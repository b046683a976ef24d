"""The broker in memory beyond the contract: groups, publishing, what was committed."""

from __future__ import annotations

from bridge.consumers.memory import MemoryBroker, MemoryConsumer, MemorySettings
from tests.contract.inbox import RecordingInbox, close, done_with, eventually


def _consumer(broker: MemoryBroker, inbox: RecordingInbox, group: str = "bridge") -> MemoryConsumer:
    return MemoryConsumer(MemorySettings(name="m", topics=("t",), group=group), inbox, broker=broker)


def test_a_partition_has_one_owner_in_a_group() -> None:
    """A second member gets what the first one leaves."""
    broker, one, two = MemoryBroker({"t": 1}), RecordingInbox(), RecordingInbox()
    broker.produce("t", b"1")
    first, second = _consumer(broker, one), _consumer(broker, two)
    first.start()
    one.wait_for_records(1)
    second.start()
    assert two.stays_at_most(0, 0.3)
    close(first)
    assert two.wait_for_records(1)[0].value == b"1"
    close(second)


def test_groups_do_not_share_offsets() -> None:
    """Each group has read what it has committed."""
    broker, one, two = MemoryBroker({"t": 1}), RecordingInbox(), RecordingInbox()
    broker.produce("t", b"1")
    first = _consumer(broker, one)
    first.start()
    first.settle(done_with(one.wait_for_records(1), first.settles))
    assert eventually(lambda: broker.committed("bridge", "t") is not None)
    second = _consumer(broker, two, group="other")
    second.start()
    two.wait_for_records(1)
    assert broker.committed("other", "t") is None
    close(first)
    close(second)


def test_published_letters_can_be_read() -> None:
    """The same broker is a store for dead letters in tests."""
    broker = MemoryBroker()
    assert broker.publish("dead", b"k", b"v", (("bridge-reason", b"refused"),)).result(0) is None
    assert broker.messages("dead")[0].headers == (("bridge-reason", b"refused"),)
