"""What a RabbitMQ source may say, and the address that follows from it."""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from bridge.config import Seconds, Secret, SourceSettings, Tls, judge_amqp
from bridge.consumers.base import SecretReader
from bridge.errors import ConfigError


class RabbitSettings(SourceSettings):
    """One RabbitMQ source.

    ``competing`` gives up order across replicas: several consumers of one queue at once.
    ``consumer_timeout`` is the broker's: a delivery that waits for half of it goes back to its queue.
    ``delivery_limit`` is that of quorum queues: the broker drops what comes back more often.
    """

    streams_key: ClassVar[Literal["", "topics", "queues"]] = "queues"

    type: Literal["rabbitmq"] = "rabbitmq"
    url: Secret | str
    username: str | None = None
    password: Secret | None = None
    tls: Tls | None = None
    queues: tuple[str, ...] = ()
    prefetch: int = Field(500, ge=1, le=65_535)
    competing: bool = False
    consumer_timeout: Seconds = 1800.0
    delivery_limit: int = Field(20, ge=1)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        judge_amqp(self.url, self.username, self.password, self.tls)
        return self

    def stream_names(self) -> tuple[str, ...]:
        """The queues that the source itself names."""
        return self.queues


class Address(NamedTuple):
    """Where and as whom to connect. Holds secrets: never print or log it."""

    url: str
    username: str | None
    password: str | None
    tls: Tls | None
    name: str

    def __repr__(self) -> str:
        return f"<Address for {self.name}>"


def address_of(
    url: Secret | str,
    username: str | None,
    password: Secret | None,
    tls: Tls | None,
    *,
    name: str,
    read_secret: SecretReader | None,
) -> Address:
    """Read the secrets now; done before each attempt to connect, so that a rotated one is found.

    Args:
        url: with user info only when it is a secret.
        username: instead of that in the URL.
        password: of ``username``.
        tls: files for ``amqps``.
        name: what the broker shows its operator as the connection's name.
        read_secret: reads ``url`` and ``password``.

    Raises:
        ConfigError: a secret cannot be read.
    """
    place = url if isinstance(url, str) else _read(url, read_secret)
    word = None if password is None else _read(password, read_secret)
    return Address(place, username, word, tls, name)


def no_address() -> ConfigError:
    """What is said of a URL that is none: parsers' own errors quote it, so they go no further."""
    hint = "such as amqp://user:password@host:5672/vhost; in user and password, / : @ # ? % are %2F %3A %40 …"
    return ConfigError("`url` is no AMQP URL", hint=hint)


def _read(secret: Secret, read_secret: SecretReader | None) -> str:
    if read_secret is None:
        raise ConfigError(f"nothing here can read {secret}")
    return read_secret(secret)
