"""What a Kafka source may say, and the librdkafka properties it becomes. Pure."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, WithJsonSchema, field_validator, model_validator

from bridge.config import Secret, Settings, SourceSettings
from bridge.consumers.base import SecretReader
from bridge.errors import ConfigError

Property = str | int | float | bool

_OURS = "the bridge commits by itself, only what is settled"
_REFUSED = {
    "enable.auto.commit": _OURS,
    "enable.auto.offset.store": _OURS,
    "auto.commit.interval.ms": f"{_OURS}; see `commit.interval`",
    "auto.offset.reset": "a silent reset loses or repeats records; see `start` and `on_offset_lost`",
    "enable.partition.eof": "ends of partitions are no records",
    "group.id": "use `group`",
    "group.protocol": "use `group_protocol`",
    "group.instance.id": "use `instance_id`",
    "bootstrap.servers": "use `brokers`",
    "metadata.broker.list": "use `brokers`",
    "sasl.password": "use `security.password`, which keeps the secret out of this file",
    "ssl.key.password": "use `security.key_password`, which keeps the secret out of this file",
    "test.mock.num.brokers": "a broker in memory keeps nothing",
}
_CALLBACKS = ("_cb", "on_commit", "on_delivery", "dr_msg_cb", "logger", "opaque", "interceptors")
_INCREMENTAL = "cooperative-sticky"


def _either_case(*words: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": [*words, *(word.swapcase() for word in words)]})


_Protocol = Annotated[
    Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"],
    _either_case("plaintext", "ssl", "sasl_plaintext", "sasl_ssl"),
]
_Mechanism = Annotated[
    Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"],
    _either_case("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"),
]


class Security(Settings):
    """How the brokers are spoken to; paths are relative to the config file."""

    protocol: _Protocol = "plaintext"
    mechanism: _Mechanism | None = None
    username: str | None = None
    password: Secret | None = None
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    key_password: Secret | None = None

    @field_validator("mechanism", mode="before")
    @classmethod
    def _no_kerberos(cls, value: object) -> object:
        if isinstance(value, str) and value.upper() == "GSSAPI":
            raise ValueError("GSSAPI (Kerberos) is not built in; use PLAIN, SCRAM or OAUTHBEARER")
        return value.upper() if isinstance(value, str) else value

    @field_validator("protocol", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        has_sasl, has_tls = self.protocol.startswith("sasl"), self.protocol.endswith("ssl")
        if has_sasl and self.mechanism is None:
            raise ValueError(f"`protocol: {self.protocol}` needs a `mechanism`")
        if not has_sasl and (self.mechanism or self.username or self.password):
            raise ValueError("credentials would not be used: set `protocol: sasl_ssl` (or sasl_plaintext)")
        if not has_tls and (self.ca or self.cert or self.key):
            raise ValueError("certificates would not be used: set `protocol: ssl` or `sasl_ssl`")
        if has_sasl and self.mechanism != "OAUTHBEARER" and not (self.username and self.password):
            raise ValueError(f"`mechanism: {self.mechanism}` needs `username` and `password`")
        return self


def refuse_reserved(client: dict[str, Property]) -> dict[str, Property]:
    """The same properties, none of which the guarantees depend on.

    Raises:
        ValueError: names the property and says why it may not be set.
    """
    for name, value in client.items():
        if name in _REFUSED:
            raise ValueError(f"`{name}` may not be set: {_REFUSED[name]}")
        if name.endswith(_CALLBACKS) or name in _CALLBACKS:
            raise ValueError(f"`{name}` may not be set: callbacks belong to the bridge")
        if name == "partition.assignment.strategy" and value != _INCREMENTAL:
            raise ValueError(
                f"`{name}` may only be {_INCREMENTAL}: others stop the whole group at each rebalance"
            )
    return client


class KafkaSettings(SourceSettings):
    """One Kafka source."""

    streams_key: ClassVar[Literal["", "topics", "queues"]] = "topics"

    type: Literal["kafka"] = "kafka"
    brokers: str = Field(pattern=r"^[^\s,@]+(\s*,\s*[^\s,@]+)*$")
    group: str = Field(min_length=1)
    topics: tuple[str, ...] = ()
    start: Literal["earliest", "latest"] | datetime = "earliest"
    on_offset_lost: Literal["stop", "earliest"] = "stop"
    group_protocol: Literal["classic", "consumer"] = "classic"
    instance_id: str | None = None
    offset_map: bool = True
    security: Security = Security()
    client: dict[str, Property] = Field(default_factory=dict)

    @field_validator("client")
    @classmethod
    def _reserved(cls, value: dict[str, Property]) -> dict[str, Property]:
        return refuse_reserved(value)

    @field_validator("start")
    @classmethod
    def _zoned(cls, value: str | datetime) -> str | datetime:
        if isinstance(value, datetime) and value.tzinfo is None:
            raise ValueError("a start time needs an offset, such as 2026-01-31T08:00:00+07:00")
        return value

    def stream_names(self) -> tuple[str, ...]:
        """The topics that the source itself names."""
        return self.topics


def connection_properties(
    brokers: str, security: Security, read_secret: SecretReader | None
) -> dict[str, Property]:
    """What any client of these brokers needs; holds secrets, so never print it.

    Raises:
        ConfigError: a secret cannot be read.
    """
    properties: dict[str, Property | None] = {
        "bootstrap.servers": brokers,
        "security.protocol": security.protocol,
        "sasl.mechanism": security.mechanism,
        "sasl.username": security.username,
        "sasl.password": _secret(security.password, read_secret),
        "ssl.ca.location": _path(security.ca),
        "ssl.certificate.location": _path(security.cert),
        "ssl.key.location": _path(security.key),
        "ssl.key.password": _secret(security.key_password, read_secret),
        # librdkafka asks ten times a second by default, for as long as an outage lasts.
        "reconnect.backoff.ms": 200,
        "reconnect.backoff.max.ms": 2000,
        "socket.keepalive.enable": True,
        "client.id": "filum-bridge",
    }
    return {name: value for name, value in properties.items() if value is not None}


def consumer_properties(settings: KafkaSettings, read_secret: SecretReader | None) -> dict[str, Property]:
    """All properties of the consumer: ours, then those of ``client``, then those that cannot be changed.

    A member that died is noticed after 6 s (classic), librdkafka's default being 45 s; with KIP-848 the
    brokers decide (``group.consumer.session.timeout.ms``). The prefetch is bounded per process, where
    librdkafka would hold up to 64 MiB and 100,000 messages a partition.
    """
    ours = _FETCHING | (_CLASSIC if settings.group_protocol == "classic" else {})
    identity = {"group.instance.id": settings.instance_id} if settings.instance_id else {}
    return {
        **connection_properties(settings.brokers, settings.security, read_secret),
        **ours,
        **settings.client,
        **identity,
        "group.id": settings.group,
        "group.protocol": settings.group_protocol,
        **_FIXED,
    }


_FETCHING: dict[str, Property] = {
    "isolation.level": "read_committed",
    "queued.max.messages.kbytes": 8_192,
    "queued.min.messages": 5_000,
    # Compressed bytes, held beside what they become; a record that is larger is fetched all the same.
    "fetch.max.bytes": 4 * 2**20,
    "max.partition.fetch.bytes": 256 * 2**10,
    "fetch.wait.max.ms": 100,
    # After an empty fetch of a full queue: the default of 1 s would show as stutter.
    "fetch.queue.backoff.ms": 50,
    "topic.metadata.refresh.interval.ms": 30_000,
}
_CLASSIC: dict[str, Property] = {
    "session.timeout.ms": 6_000,
    "heartbeat.interval.ms": 2_000,
    "partition.assignment.strategy": _INCREMENTAL,
}
_FIXED: dict[str, Property] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "enable.partition.eof": False,
}


def _secret(secret: Secret | None, read_secret: SecretReader | None) -> str | None:
    if secret is None:
        return None
    if read_secret is None:
        raise ConfigError(
            f"the secret {secret} cannot be read here", hint="give the consumer a secret_reader"
        )
    return read_secret(secret)


def _path(path: Path | None) -> str | None:
    return None if path is None else str(path)
