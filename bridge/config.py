"""What a configuration may say: frozen settings, every key of ``config/bridge.yaml``.

Unknown keys are errors. Nothing here reads a file; ``bridge.config_file`` does, and is the only
reader of the environment. Durations are text (``20ms``, ``10m``) and become seconds; sizes too
(``32KiB``) and become bytes.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h|d)")
_DURATION_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"(\d+)\s*(B|KiB|MiB|GiB|kB|MB|GB)")
_SIZE_BYTES = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}


def parse_duration_seconds(value: object) -> float:
    """``"20ms"`` → 0.02, ``"1m30s"`` → 90.0; the number 0 needs no unit.

    Raises:
        ValueError: no unit, an unknown one, or no text.
    """
    if value == 0 and not isinstance(value, bool):
        return 0.0
    parts = _DURATION.findall(value) if isinstance(value, str) else []
    if not isinstance(value, str) or not parts or "".join(map("".join, parts)) != value.strip():
        raise ValueError("a duration is text such as 20ms, 10s or 1m30s")
    return float(sum(float(number) * _DURATION_SECONDS[unit] for number, unit in parts))


def parse_size_bytes(value: object) -> int:
    """``"32KiB"`` → 32768; a bare whole number is bytes.

    Raises:
        ValueError: an unknown unit, or neither text nor a whole number.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("a size is text such as 32KiB or 64MiB")
    return int(match[1]) * _SIZE_BYTES[match[2]]


def _reachable(url: str) -> str:
    """``url`` again.

    Raises:
        ValueError: it names no host, or a port that cannot be.
    """
    try:
        parts = urlsplit(url)
        if parts.hostname and (parts.port is None or parts.port > 0):
            return url
    except ValueError:
        pass
    raise ValueError("a URL such as https://host:8443/path: this has no host, or a port that cannot be")


Url = Annotated[str, Field(pattern=r"^https?://[^\s@\x00-\x1f\x7f]+$"), AfterValidator(_reachable)]
"""Of HTTP, without user info, which would be printed with it."""
Seconds = Annotated[float, BeforeValidator(parse_duration_seconds), Field(ge=0)]
Bytes = Annotated[int, BeforeValidator(parse_size_bytes), Field(gt=0)]


class Settings(BaseModel):
    """Root of all settings: frozen, closed, silent about its values where they are secret."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=False, hide_input_in_errors=True, arbitrary_types_allowed=True
    )


class Secret(Settings):
    """Where a secret lies: ``{env: NAME}`` or ``{file: PATH}``. Holds no value, so it may be printed."""

    env: str | None = None
    file: Path | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("a secret is {env: NAME} or {file: PATH}")
        return self

    def __str__(self) -> str:
        return f"env {self.env}" if self.env else f"file {self.file}"


class Tls(Settings):
    """PEM files: ``ca`` is trusted instead of the system's authorities, ``cert`` and ``key`` are shown."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if (self.cert is None) != (self.key is None):
            raise ValueError("`cert` and `key` go together")
        return self


def judge_amqp(url: Secret | str, username: str | None, password: Secret | None, tls: Tls | None) -> None:
    """Whether these make a way to a RabbitMQ; what a secret URL holds is seen when it is read.

    Raises:
        ValueError: they do not; says why.
    """
    if isinstance(url, str):
        if not url.startswith(("amqp://", "amqps://")):
            raise ValueError("`url` is text such as amqp://host:5672/vhost, or amqps:// for TLS")
        if "@" in url:
            raise ValueError("`url` as text holds no user: use `username` and `password`, or a secret url")
        if tls is not None and url.startswith("amqp://"):
            raise ValueError("`tls` would not be used: the url must begin with amqps://")
    if password is not None and username is None:
        raise ValueError("`password` needs `username`")


Decode = Literal["json", "text", "avro", "protobuf", "json_schema"]


class SourceSettings(Settings):
    """What every source has; each consumer type adds its own keys."""

    streams_key: ClassVar[Literal["", "topics", "queues"]] = ""
    """The key that names what is read (``topics``, ``queues``); empty where the input itself does."""

    name: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    type: str
    decode: Decode = "json"
    topic_decode: dict[str, Decode] = {}
    unmatched: Literal["error", "filter"] = "error"

    def stream_names(self) -> tuple[str, ...]:
        """The topics or queues that the source itself names; empty means: those that rules name."""
        return ()


class Retry(Settings):
    """How long an event is tried: until *both* bounds are reached."""

    max_attempts: int = Field(10, ge=1)
    max_age: Seconds = 600.0
    base: Seconds = 0.2
    cap: Seconds = 30.0


class Timeout(Settings):
    """Per request, each in seconds."""

    connect: Seconds = 5.0
    read: Seconds = 15.0
    write: Seconds = 15.0
    pool: Seconds = 30.0


class SchemaRegistry(Settings):
    """A Confluent-compatible schema registry, for ``decode: avro``, ``protobuf`` and ``json_schema``."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s@,\x00-\x1f\x7f]+$"), AfterValidator(_reachable)]
    username: str | None = None
    password: Secret | None = None
    ca: Path | None = None

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("`username` and `password` go together")
        return self


class Transport(Tls):
    """How a destination is spoken to: by the bridge's own HTTP/1.1, or by httpx for HTTP/2 and proxies.

    ``ca`` is trusted instead of the system's authorities; ``cert`` and ``key`` show who we are. All three are
    PEM files, read at start. ``connections`` is ``max_in_flight`` unless it is given.
    """

    kind: Literal["lean", "httpx"] = "lean"
    http2: bool = False
    proxy: Url | None = None
    connections: int | None = Field(None, ge=1, le=10_000)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.kind == "lean" and (self.http2 or self.proxy is not None):
            raise ValueError("`http2` and `proxy` need `kind: httpx`")
        return self


class Batch(Settings):
    """Several events in one request, as a JSON array: what is there, once it is enough or waits too long."""

    max_events: int = Field(100, ge=1, le=10_000)
    max_bytes: Bytes = 256 * 2**10
    max_wait: Seconds = 0.02


class Destination(Settings):
    """URL and write key of one Filum source."""

    url: Url
    write_key: Secret
    ordering: Literal["user", "key", "partition", "none"] = "user"
    max_in_flight: int = Field(64, ge=1, le=10_000)
    rate_limit: float | None = Field(None, gt=0)
    batch: Batch | None = None
    timeout: Timeout = Timeout()
    transport: Transport = Transport()
    retry: Retry = Retry()
    event_id: bool = True


class Limits(Settings):
    """What one source may hold and one record may ask."""

    records_in_flight: int = Field(5_000, ge=1)
    buffer: Bytes = 64 * 2**20
    blocked_share: float = Field(0.5, gt=0, le=1)
    retry_share: float = Field(0.5, gt=0, le=1)
    record: Bytes = 2**20
    payload: Bytes = 32 * 2**10
    json_depth: int = Field(200, ge=1, le=900)
    loop_steps: int = Field(10_000, ge=1)
    events_per_record: int = Field(500, ge=1)
    string: Bytes = 64 * 2**10
    expression: Bytes = 4096
    expression_depth: int = Field(50, ge=1, le=100)


class DeadLetters(Settings):
    """Where a record goes that cannot be delivered. Required: nothing is thrown away silently."""

    type: Literal["kafka", "rabbitmq", "file"]
    topic: str | None = None
    queue: str | None = None
    path: Path | None = None
    source: str | None = None
    brokers: str | None = None
    url: Secret | str | None = None
    username: str | None = None
    password: Secret | None = None
    tls: Tls | None = None
    security: dict[str, Any] = {}
    client: dict[str, str | int | float | bool] = {}

    @model_validator(mode="after")
    def _target(self) -> Self:
        wanted = {"kafka": self.topic, "rabbitmq": self.queue, "file": self.path}[self.type]
        if not wanted:
            key = {"kafka": "topic", "rabbitmq": "queue", "file": "path"}[self.type]
            raise ValueError(f"dead_letters of type {self.type} need `{key}`")
        return self

    @model_validator(mode="after")
    def _way(self) -> Self:
        if self.url is not None:
            judge_amqp(self.url, self.username, self.password, self.tls)
        elif self.username or self.password or self.tls:
            raise ValueError("`username`, `password` and `tls` would not be used: they go with `url`")
        return self


class Admin(Settings):
    """Where ``/metrics``, ``/livez`` and ``/readyz`` are served; port 0 takes a free one and logs it.

    ``control`` lets who has the ``token`` pause and resume sources.
    """

    host: str = "0.0.0.0"  # noqa: S104 - a probe comes from outside the pod
    port: int = Field(9464, ge=0, le=65535)
    control: bool = False
    token: Secret | None = None

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if self.control and self.token is None:
            raise ValueError("admin.control needs `token`: who has it may stop sources")
        return self


class Log(Settings):
    """JSON lines on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"


class Shutdown(Settings):
    """One deadline for all steps of leaving; ``revoke`` bounds the drain of a rebalance."""

    deadline: Seconds = 25.0
    revoke: Seconds = 10.0


class Commit(Settings):
    """How often positions are committed."""

    interval: Seconds = 0.1


class Config(Settings):
    """A whole configuration, references resolved against ``base`` (the config file's folder)."""

    sources: tuple[SourceSettings, ...] = Field(min_length=1)
    schema_registry: SchemaRegistry | None = None
    destinations: dict[str, Destination] = Field(min_length=1)
    dead_letters: DeadLetters
    rules: tuple[str, ...] = Field(min_length=1)
    limits: Limits = Limits()
    admin: Admin = Admin()
    log: Log = Log()
    shutdown: Shutdown = Shutdown()
    commit: Commit = Commit()
    base: Path = Path()
