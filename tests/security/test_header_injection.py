"""Nothing becomes a header by itself: not a part of a key, of an event, or of what a letter says."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from bridge import consumers
from bridge.config import Config, Destination, Secret
from bridge.config_file import load_config
from bridge.dead_letters import open_archive, open_store
from bridge.errors import ConfigError
from bridge.model import Event, Headers, Reason, Record, Stream
from bridge.redrive.found import FoundLetter, read_letter
from bridge.secrets import SecretSource
from bridge.send.client import Client
from bridge.send.transport import default_transport
from bridge.send.verdict import Answer
from bridge.settle.letters import Cause, write_letter
from tests.parts.kafka import Kafka
from tests.parts.rabbitmq import RabbitMQ
from tests.security.evil import EVIL, MARK
from tests.security.liar import Liar

RULES = """
from: {topics: [shop.orders]}
rules: [{name: order, emit: [{event_type: track, event_name: Order, user_id: event.user}]}]
"""
KEYS: dict[str, tuple[bytes, str]] = {
    "a line": (b"S3CRET\nX-F0RGED: 1", "a line break"),
    "a return": (b"S3CRET\rX-F0RGED: 1", "a line break"),
    "a header": (b"S3CRET\r\nX-F0RGED: 1", "a line break"),
    "a request": (b"S3CRET\r\n\r\nGET /F0RGED HTTP/1.1", "a line break"),
    "two line ends": (b"S3CRET\n\n", "a line break"),
    "a line before": (b"\nS3CRET", "a line break"),
    "a nul": (b"S3CRET\0F0RGED", "a control character"),
    "a tab": (b"S3CRET\tF0RGED", "a control character"),
    "an escape": (b"S3CRET\x1b[2J", "a control character"),
    "a delete": (b"S3CRET\x7f", "a control character"),
    "a space": (b"S3CRET F0RGED", "a space"),
    "a letter": ("S3CRETé".encode(), "a character beyond ASCII"),
    "a digit of another script": ("S3CRET٣".encode(), "a character beyond ASCII"),
    "a separator": ("S3CRET\u2028".encode(), "a character beyond ASCII"),
    "a next line": ("S3CRET\x85".encode(), "a character beyond ASCII"),
    "a mark of order": ("\ufeffS3CRET".encode(), "a character beyond ASCII"),
}
"""What a key may not be, and what is said of it."""


# The write key


def run(home: Path, secret: Mapping[str, str], **env: str) -> subprocess.CompletedProcess[str]:
    """``filum-bridge run`` to its end, with a write key that lies there."""
    (home / "rules.yaml").write_text(RULES)
    (home / "in.jsonl").touch()
    config = configured({"type": "file", "path": "letters.jsonl"}, write_key=dict(secret))
    (home / "bridge.yaml").write_text(json.dumps(config))
    command = [sys.executable, "-m", "bridge", "run", "--config", str(home / "bridge.yaml")]
    return subprocess.run(
        command, env={**os.environ, **env}, capture_output=True, text=True, timeout=60, check=False
    )


def configured(letters: Mapping[str, object], write_key: object = None) -> dict[str, Any]:
    """A configuration as data."""
    return {
        "sources": [{"name": "f", "type": "file", "path": "in.jsonl"}],
        "destinations": {"default": {"url": "http://127.0.0.1:9/", "write_key": write_key or {"env": "K"}}},
        "dead_letters": letters,
        "rules": ["rules.yaml"],
        "admin": {"host": "127.0.0.1", "port": 0},
    }


@pytest.mark.parametrize(("key", "says"), KEYS.values(), ids=KEYS.keys())
@pytest.mark.parametrize("kind", ["file", "env"])
def test_a_key_that_is_no_header_is_refused(tmp_path: Path, kind: str, key: bytes, says: str) -> None:
    """Where it lies and what is wrong, and none of it; an environment cannot hold a NUL."""
    (tmp_path / "key").write_bytes(key)
    secret = Secret(file=Path("key")) if kind == "file" else Secret(env="KEY")
    source = SecretSource(secret, base=tmp_path, environ={"KEY": key.decode()}, in_header=True)
    with pytest.raises(ConfigError, match=says) as caught:
        Client(destination(9), source, default_transport(destination(9)), "test")
    told = f"{caught.value} {caught.value.hint}"
    assert ("variable KEY" if kind == "env" else str(tmp_path / "key")) in told
    assert "S3CRET" not in told
    assert MARK not in told


@pytest.mark.parametrize("kind", ["file", "env"])
def test_a_bridge_does_not_start_with_such_a_key(tmp_path: Path, kind: str) -> None:
    """It ends at once, in one line, before anything is read or sent."""
    key = KEYS["a header"][0].decode()
    (tmp_path / "key").write_text(key)
    ended = run(tmp_path, {"file": "key"} if kind == "file" else {"env": "WRITE_KEY"}, WRITE_KEY=key)
    assert ended.returncode == 2
    assert "a line break" in ended.stderr
    assert "it must be one line of ASCII text without spaces" in ended.stderr
    assert not [word for word in ("S3CRET", MARK, "Traceback") if word in ended.stdout + ended.stderr]


# Requests


def destination(port: int, kind: str = "lean", **more: Any) -> Destination:
    """Of loopback."""
    settings = {"url": f"http://127.0.0.1:{port}/events", "write_key": {"env": "KEY"}}
    return Destination.model_validate({**settings, "transport": {"kind": kind}, **more})


async def posted(client: Client, body: bytes) -> Answer:
    """One request and its answer."""
    answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    client.post(body, answered.set_result)
    return await asyncio.wait_for(answered, 20)


def post_all(port: int, kind: str, key: SecretSource, bodies: list[bytes]) -> None:
    """Each alone, over as few connections as there need be."""

    async def main() -> None:
        settings = destination(port, kind)
        client = Client(settings, key, default_transport(settings), "filum-bridge/test")
        for body in bodies:
            assert (await posted(client, body)).status == 200
        await client.close()

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["lean", "httpx"])
@pytest.mark.parametrize("end", ["", "\n", "\r\n"], ids=["no end", "a line end", "a line end of Windows"])
def test_a_request_is_one_request_whatever_it_carries(tmp_path: Path, kind: str, end: str) -> None:
    """Of every byte that came: one request line, its headers, and a body, which is as it was given."""
    (tmp_path / "key").write_bytes(b"k3y" + end.encode())
    key = SecretSource(Secret(file=Path("key")), base=tmp_path, environ={}, in_header=True)
    bodies = [json.dumps({"user_id": text, text: text}).encode() for text in EVIL.values()]
    bodies += [json.dumps({"user_id": "u", "x": text}, ensure_ascii=False).encode() for text in EVIL.values()]
    with Liar() as api:
        post_all(api.port, kind, key, bodies)
    assert [one.body for one in api.sent] == bodies
    assert api.rest == []
    for one in api.sent:
        assert one.head == [
            b"POST /events HTTP/1.1",
            b"Host: 127.0.0.1:%d" % api.port,
            b"Content-Type: application/json",
            b"Accept: application/json",
            b"User-Agent: filum-bridge/test",
            b"Authorization: Bearer k3y",
            b"Content-Length: %d" % len(one.body),
        ]


def test_a_key_that_becomes_such_a_one_is_not_taken(tmp_path: Path) -> None:
    """Whoever changes the file by mistake stops nothing: the last good key goes on."""
    (tmp_path / "key").write_text("k3y")
    key = SecretSource(Secret(file=Path("key")), base=tmp_path, environ={}, in_header=True)

    async def main() -> None:
        client = Client(settings := destination(api.port), key, default_transport(settings), "test")
        for bad, _ in KEYS.values():
            (tmp_path / "key").write_bytes(bad)
            assert client.refresh_key() is False
            await posted(client, b"{}")
        (tmp_path / "key").write_text("next\n")
        assert client.refresh_key() is True
        await posted(client, b"{}")
        await client.close()

    with Liar() as api:
        asyncio.run(main())
    keys = [line for one in api.sent for line in one.head if line.startswith(b"Authorization")]
    assert keys == [*[b"Authorization: Bearer k3y"] * len(KEYS), b"Authorization: Bearer next"]
    assert {len(one.head) for one in api.sent} == {7}


@pytest.mark.parametrize("text", EVIL.values(), ids=EVIL.keys())
def test_an_address_is_one_line(text: str) -> None:
    """It is the operator's, who may have it from a variable; what is not refused is percent-encoded."""
    key = SecretSource(Secret(env="KEY"), base=Path(), environ={"KEY": "k3y"}, in_header=True)
    with Liar() as api:
        try:
            settings = destination(api.port, url=f"{api.url}?{text}")
        except ValidationError:
            return

        async def main() -> None:
            client = Client(settings, key, default_transport(settings), "test")
            await posted(client, b"{}")
            await client.close()

        asyncio.run(main())
    (one,) = api.sent
    assert one.head[0].startswith(b"POST /events?")
    assert one.head[0].count(b" ") == 2
    assert one.head[0].isascii()
    assert len(one.head) == 7
    assert one.body == b"{}"


# Dead letters

OWN: Headers = (("raw", b"\xff\xfe\r\n\0"), ("none", None), ("empty", b""))
SAID = {"reason", "error", "status", "rule", "rules-hash", "attempts", "source", "topic", "partition"}
SAID |= {"offset", "destination", "event-id", "event-index"}


def record_of(text: str, offset: int) -> Record:
    """A record that has this text wherever it may."""
    headers = ((text[:60], text.encode()), *OWN)
    return Record(Stream("shop", "orders", 3), offset, 1, text.encode(), key=text.encode(), headers=headers)


def cause_of(text: str) -> Cause:
    """Whatever is told of the failure is this text."""
    event = Event(text, "track", 0, 0, text, text, None, text, b"{}")
    return Cause(Reason.REFUSED, text, text, text, event, status=422, attempts=1, event_id=text)


def config_of(folder: Path, letters: Mapping[str, object]) -> Config:
    """Where the letters go."""
    (folder / "rules.yaml").write_text("rules: []\n")
    (folder / "bridge.yaml").write_text(json.dumps(configured(letters)))
    return load_config(
        folder / "bridge.yaml", environ={}, source_settings=lambda kind: consumers.load(kind).Settings
    )


@pytest.fixture(
    params=[
        "file",
        pytest.param("kafka", marks=pytest.mark.kafka),
        pytest.param("rabbitmq", marks=pytest.mark.rabbitmq),
    ]
)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Config, str]]:
    """One of each kind, and the secret that it asks for."""
    if request.param == "file":
        yield config_of(tmp_path, {"type": "file", "path": "letters.jsonl"}), ""
    elif request.param == "kafka":
        kafka: Kafka = request.getfixturevalue("kafka")
        where = {"topic": kafka.new_topic("letters"), "brokers": kafka.brokers}
        yield config_of(tmp_path, {"type": "kafka", **where}), ""
    else:
        node: RabbitMQ = request.getfixturevalue("rabbitmq")
        url = {"env": "AMQP_URL"}
        queue = node.new_queue("letters")
        yield config_of(tmp_path, {"type": "rabbitmq", "queue": queue, "url": url}), node.url


def test_a_letter_says_what_it_was_told_and_nothing_else(store: tuple[Config, str]) -> None:
    """Written to a real store and read again: each text where it was put, to the byte, and no header more."""
    config, secret = store
    letters = [
        write_letter(record_of(text, n), cause_of(text), "hash") for n, text in enumerate(EVIL.values())
    ]

    async def bury() -> None:
        written = open_store(config, lambda _: secret)
        for letter in letters:
            await written.write(letter)
        await written.close(10)

    asyncio.run(bury())
    found = read_all(config, secret)
    assert len(found) == len(letters)
    for text, letter in zip(EVIL.values(), found, strict=True):
        assert letter.said.keys() - {"key"} == SAID  # the key of a record, for which AMQP has no place
        assert (letter.said["error"], letter.said["rule"]) == (text[:1024], text)
        assert (letter.said["destination"], letter.said["event-id"]) == (text, text)
        offset = list(EVIL.values()).index(text)
        wanted = record_of(text, offset)
        assert (letter.record.key, letter.record.value) == (wanted.key, wanted.value)
        assert dict(letter.record.headers) == as_kept(wanted.headers, config)
        assert (letter.record.stream, letter.record.offset) == (wanted.stream, offset)


def as_kept(headers: Headers, config: Config) -> dict[str, bytes | None]:
    """Name → value; to the client of Kafka a name ends at a NUL."""
    is_kafka = config.dead_letters.type == "kafka"
    return {name.partition("\0")[0] if is_kafka else name: value for name, value in headers}


def read_all(config: Config, secret: str) -> list[FoundLetter]:
    """Every entry of the store, each of which is a letter."""
    archive = open_archive(config, lambda _: secret)
    try:
        entries = [(place, record) for place, record in archive.read()]
    finally:
        archive.close()
    found = [read_letter(place, record) for place, record in entries if record is not None]
    letters = [one for one in found if one is not None]
    assert len(letters) == len(entries)
    return letters
