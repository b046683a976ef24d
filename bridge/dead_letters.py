"""Opens the configured dead-letter store with the client that its broker's consumer uses.

Clients are imported late: a bridge without Kafka loads no Kafka library.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING

from bridge.config import Config, DeadLetters, Secret, SourceSettings
from bridge.config_file import absolute_paths
from bridge.errors import ConfigError
from bridge.redrive.archive import Archive
from bridge.redrive.file_archive import FileArchive
from bridge.settle.letters import Letter, headers_for_kafka, headers_for_rabbitmq
from bridge.settle.stores import BrokerStore, DeadLetterStore, FileStore

if TYPE_CHECKING:
    from bridge.consumers.rabbitmq_settings import Address

ReadSecret = Callable[[Secret], str]

# The topic decides what is too large, not the client's own default of 1 MB.
_OWN_LIMIT = {"message.max.bytes": 1_000_000_000}


def open_store(config: Config, read_secret: ReadSecret, *, references: bool = True) -> DeadLetterStore:
    """The store that ``dead_letters`` describes; connects in the background.

    Args:
        config: whose letters.
        read_secret: reads the secrets of the connection.
        references: a letter that is too large may be written without its body.

    Raises:
        ConfigError: it names no connection, or one that does not exist.
    """
    target = config.dead_letters
    if target.type == "file" and target.path is not None:
        return FileStore(config.base / target.path)
    if target.type == "kafka":
        return _kafka(config, read_secret, references=references)
    return _rabbitmq(config, read_secret)


def open_archive(config: Config, read_secret: ReadSecret) -> Archive:
    """The same store to look into, up to its end as it is now.

    Raises:
        ConfigError: it names no connection, or one that does not exist.
        ConsumerError: it cannot be reached, or read.
    """
    target = config.dead_letters
    if target.type == "file" and target.path is not None:
        return FileArchive(config.base / target.path)
    if target.type == "kafka":
        from bridge.redrive.kafka_archive import KafkaArchive  # noqa: PLC0415

        properties = _kafka_properties(config, read_secret) | target.client
        return KafkaArchive(properties, properties | _OWN_LIMIT, target.topic or "")
    from bridge.redrive.rabbitmq_archive import RabbitArchive  # noqa: PLC0415

    return RabbitArchive(_rabbitmq_address(config, read_secret), target.queue or "")


def _kafka(config: Config, read_secret: ReadSecret, *, references: bool) -> DeadLetterStore:
    from bridge.consumers.kafka_client import KafkaPublisher  # noqa: PLC0415

    publisher = KafkaPublisher(
        _kafka_properties(config, read_secret) | _OWN_LIMIT | config.dead_letters.client
    )
    topic = config.dead_letters.topic or ""

    def publish(letter: Letter) -> Future[None]:
        record = letter.record
        headers = headers_for_kafka(letter)
        return publisher.publish(topic, record.key, record.value, headers, record.timestamp_ms)

    return BrokerStore(publish, publisher.close, references=references)


def _kafka_properties(config: Config, read_secret: ReadSecret) -> dict[str, str | int | float | bool]:
    from bridge.consumers.kafka_settings import KafkaSettings, Security, connection_properties  # noqa: PLC0415

    target = config.dead_letters
    if target.brokers:
        security = absolute_paths(Security.model_validate(target.security), config.base)
        return connection_properties(target.brokers, security, read_secret)
    source = _source_of(config, target)
    if not isinstance(source, KafkaSettings):
        raise ConfigError(f"source {source.name!r} has no Kafka connection", where="dead_letters")
    return connection_properties(source.brokers, source.security, read_secret)


def _rabbitmq(config: Config, read_secret: ReadSecret) -> DeadLetterStore:
    from bridge.consumers.rabbitmq_publisher import RabbitPublisher  # noqa: PLC0415

    publisher = RabbitPublisher(_rabbitmq_address(config, read_secret))
    queue = config.dead_letters.queue or ""

    def publish(letter: Letter) -> Future[None]:
        record = letter.record
        return publisher.publish(
            queue,
            record.value or b"",
            headers_for_rabbitmq(letter),
            message_id=record.message_id,
            content_type=record.content_type,
            content_encoding=record.content_encoding,
            timestamp_ms=record.timestamp_ms,
        )

    return BrokerStore(publish, publisher.close)


def _rabbitmq_address(config: Config, read_secret: ReadSecret) -> Callable[[], Address]:
    from bridge.consumers.rabbitmq_settings import RabbitSettings, address_of  # noqa: PLC0415

    target = config.dead_letters
    if target.url is not None:
        url, username, password, tls = target.url, target.username, target.password, target.tls
    else:
        source = _source_of(config, target)
        if not isinstance(source, RabbitSettings):
            raise ConfigError(f"source {source.name!r} has no RabbitMQ connection", where="dead_letters")
        url, username, password, tls = source.url, source.username, source.password, source.tls
    return partial(
        address_of, url, username, password, tls, name="filum-bridge letters", read_secret=read_secret
    )


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
