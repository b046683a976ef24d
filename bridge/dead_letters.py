"""Opens the configured dead-letter store with the client that its broker's consumer uses.

Clients are imported late: a bridge without Kafka loads no Kafka library.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

from bridge.config import Config, DeadLetters, Secret, SourceSettings
from bridge.errors import ConfigError
from bridge.settle.letters import Letter, headers_for_kafka
from bridge.settle.stores import BrokerStore, DeadLetterStore, FileStore

ReadSecret = Callable[[Secret], str]

# The topic decides what is too large, not the client's own default of 1 MB.
_OWN_LIMIT = {"message.max.bytes": 1_000_000_000}


def open_store(config: Config, read_secret: ReadSecret) -> DeadLetterStore:
    """The store that ``dead_letters`` describes; connects in the background.

    Raises:
        ConfigError: it names no connection, or one that does not exist.
    """
    target = config.dead_letters
    if target.type == "file" and target.path is not None:
        return FileStore(config.base / target.path)
    return _kafka(config, read_secret) if target.type == "kafka" else _rabbitmq(config, read_secret)


def _kafka(config: Config, read_secret: ReadSecret) -> DeadLetterStore:
    from bridge.consumers.kafka_client import KafkaPublisher  # noqa: PLC0415
    from bridge.consumers.kafka_settings import KafkaSettings, Security, connection_properties  # noqa: PLC0415

    target = config.dead_letters
    if target.brokers:
        brokers, security = target.brokers, Security.model_validate(target.security)
    else:
        source = _source_of(config, target)
        if not isinstance(source, KafkaSettings):
            raise ConfigError(f"source {source.name!r} has no Kafka connection", where="dead_letters")
        brokers, security = source.brokers, source.security
    properties = connection_properties(brokers, security, read_secret) | _OWN_LIMIT | target.client
    publisher = KafkaPublisher(properties)
    topic = target.topic or ""

    def publish(letter: Letter) -> Future[None]:
        record = letter.record
        headers = headers_for_kafka(letter)
        return publisher.publish(topic, record.key, record.value, headers, record.timestamp_ms)

    return BrokerStore(publish, publisher.close)


def _rabbitmq(config: Config, read_secret: ReadSecret) -> DeadLetterStore:
    from bridge.consumers.rabbitmq_publisher import RabbitPublisher  # noqa: PLC0415
    from bridge.consumers.rabbitmq_settings import RabbitSettings, address_of  # noqa: PLC0415

    target = config.dead_letters
    if target.url is not None:
        url, username, password, tls = target.url, target.username, target.password, None
    else:
        source = _source_of(config, target)
        if not isinstance(source, RabbitSettings):
            raise ConfigError(f"source {source.name!r} has no RabbitMQ connection", where="dead_letters")
        url, username, password, tls = source.url, source.username, source.password, source.tls
    address = partial(
        address_of, url, username, password, tls, name="filum-bridge letters", read_secret=read_secret
    )
    publisher = RabbitPublisher(address)
    queue = target.queue or ""

    def publish(letter: Letter) -> Future[None]:
        """AMQP has no place for a broker key: a header keeps it for the redrive."""
        record = letter.record
        key = () if record.key is None else (("bridge-key", record.key),)
        return publisher.publish(
            queue,
            record.value or b"",
            letter.headers + key,
            message_id=record.message_id,
            content_type=record.content_type,
            content_encoding=record.content_encoding,
            timestamp_ms=record.timestamp_ms,
        )

    return BrokerStore(publish, publisher.close)


def _source_of(config: Config, target: DeadLetters) -> SourceSettings:
    """The source whose connection the letters share: the one named, or the only one of that type."""
    fitting = [s for s in config.sources if s.type == target.type and target.source in (None, s.name)]
    if len(fitting) != 1:
        raise ConfigError(
            f"dead_letters of type {target.type} fit {len(fitting)} sources",
            where="dead_letters",
            hint="name one with `source`, or give the connection itself",
        )
    return fitting[0]
