"""Asks a Confluent-compatible schema registry. The only user of its client library.

Owned by the thread of ``bridge.decode.schemas``. What the registry answers becomes a value here: only its
own error codes for what it lacks (404 with 40401, 40402, 40403) mean an unknown schema. Any other 404 comes
from an address that is no registry, and that must stop the flow, not empty a topic into the dead letters.
Source: Confluent, "Schema Registry API Reference", errors; ``get_schema`` of confluent-kafka 2.16.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import httpx2
from confluent_kafka.schema_registry import Schema as RegistrySchema
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from bridge.decode.schema import TYPE_OF, Fetched, Schema, Unavailable, Unknown, Wanted
from bridge.errors import ConfigError

_NOT_FOUND = 404
_LACKS = frozenset({40401, 40402, 40403})
_UNAUTHORIZED = frozenset({401, 403})
_MAX_REFERENCES = 1_000


class Address(NamedTuple):
    """Where the registry is, and as whom it is asked; ``password`` is read anew before each question."""

    url: str
    username: str | None = None
    password: Callable[[], str] | None = None
    ca: Path | None = None
    timeout_seconds: float = 10.0


class SchemaClient:
    """One registry. Connects with the first question, and anew when the password has changed."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._password = ""
        self._client: SchemaRegistryClient | None = None

    def fetch(self, wanted: Wanted) -> Fetched:
        """A schema with all it refers to; every failure is a value."""
        try:
            client = self._connected()
            schema = _schema(client, wanted)
            return Schema(schema.type, schema.text, _references(client, schema, _format(wanted)))
        except SchemaRegistryError as error:
            return _failure(error, self._address.url)
        except (httpx2.TransportError, OSError) as error:
            return Unavailable(f"{self._address.url}: {str(error) or type(error).__name__}")
        except ConfigError as error:
            return Unavailable(str(error))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            return Unavailable(f"{self._address.url} answers as no registry does ({type(error).__name__})")

    def close(self) -> None:
        """Leave the registry."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _connected(self) -> SchemaRegistryClient:
        password = self._address.password() if self._address.password is not None else ""
        if self._client is None or password != self._password:
            self.close()
            self._password = password
            self._client = SchemaRegistryClient(_settings(self._address, password))
        return self._client


def _settings(address: Address, password: str) -> dict[str, object]:
    settings: dict[str, object] = {
        "url": address.url,
        "timeout": address.timeout_seconds,
        "max.retries": 0,
    }
    if address.username is not None:
        settings["basic.auth.user.info"] = f"{address.username}:{password}"
    if address.ca is not None:
        settings["ssl.ca.location"] = str(address.ca)
    return settings


class _Registered(NamedTuple):
    type: str
    text: str
    references: tuple[tuple[str, str, int], ...]


def _schema(client: SchemaRegistryClient, wanted: Wanted) -> _Registered:
    if isinstance(wanted.key, int):
        return _registered(client.get_schema(wanted.key, fmt=_format(wanted)))
    return _registered(client.get_schema_by_guid(wanted.key, fmt=_format(wanted)))


def _format(wanted: Wanted) -> str | None:
    """Protobuf's descriptor is exact where a registry can give it; one that cannot gives the text."""
    return "serialized" if wanted.kind == "protobuf" else None


def _registered(schema: RegistrySchema) -> _Registered:
    if not isinstance(schema.schema_str, str):
        raise TypeError("no schema")
    references = tuple(
        (str(reference.name), str(reference.subject), int(reference.version or 0))
        for reference in schema.references or ()
    )
    # No type means Avro, the first that registries knew.
    return _Registered(schema.schema_type or TYPE_OF["avro"], schema.schema_str, references)


def _references(
    client: SchemaRegistryClient, schema: _Registered, text_format: str | None
) -> tuple[tuple[str, str], ...]:
    """Everything a schema builds on, what is built on first; a subject and version is asked for once."""
    found: dict[str, str] = {}
    seen: set[tuple[str, str, int]] = set()

    def visit(parent: _Registered) -> None:
        for reference in parent.references:
            if reference in seen:
                continue
            seen.add(reference)
            if len(seen) > _MAX_REFERENCES:
                raise ValueError("too many references")
            name, subject, version = reference
            child = _registered(client.get_version(subject, version, deleted=True, fmt=text_format).schema)
            visit(child)
            found[name] = child.text

    visit(schema)
    return tuple(found.items())


def _failure(error: SchemaRegistryError, url: str) -> Fetched:
    status, code = error.http_status_code, error.error_code
    if status == _NOT_FOUND and code in _LACKS:
        return Unknown(f"{url}: error code {code}")
    if status == _NOT_FOUND:
        return Unavailable(f"{url} answers 404 as no registry does: is the path right?")
    hint = ": are `username` and `password` right?" if status in _UNAUTHORIZED else ""
    return Unavailable(f"{url} answers {status}{hint}")
