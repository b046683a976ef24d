"""RabbitMQ over TLS: what OpenSSL holds back from the kernel's eyes is read all the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.config import Tls
from bridge.consumers.rabbitmq import RabbitConsumer, RabbitSettings
from tests.contract.inbox import RecordingInbox, close, done_with
from tests.parts.process import free_port
from tests.parts.rabbitmq import RabbitMQ
from tests.send.http1.certificates import Authority

pytestmark = pytest.mark.rabbitmq


def test_bodies_of_any_size_arrive_over_tls(own_rabbitmq: Callable[..., RabbitMQ], tmp_path: Path) -> None:
    """More than the prefetch, so that acks go the other way meanwhile; both ends show certificates."""
    authority, port = Authority(tmp_path), free_port()
    server, client = authority.issue("server"), authority.issue("client")
    node = own_rabbitmq(
        settings=f"""
listeners.ssl.1 = 127.0.0.1:{port}
ssl_options.cacertfile = {authority.cert}
ssl_options.certfile = {server.cert}
ssl_options.keyfile = {server.key}
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true
"""
    )
    queue = node.new_queue()
    bodies = [
        (b"%d " % number).ljust(size, b".") for number, size in enumerate([10, 16_384, 700, 300_000] * 40)
    ]
    node.publish(queue, *bodies)
    inbox = RecordingInbox()
    tls = Tls(ca=authority.cert, cert=client.cert, key=client.key)
    settings = RabbitSettings(
        name="r", url=f"amqps://127.0.0.1:{port}/%2F", queues=(queue,), tls=tls, prefetch=50
    )
    consumer = RabbitConsumer(settings, inbox)
    consumer.widen()
    consumer.start()
    seen = 0
    while seen < len(bodies):
        fresh = inbox.wait_for_records(seen + 1)[seen:]
        consumer.settle(done_with(fresh, consumer.settles))
        seen += len(fresh)
    close(consumer)
    assert [one.value for one in inbox.received] == bodies
    assert not inbox.losses
    assert node.depth(queue) == 0
