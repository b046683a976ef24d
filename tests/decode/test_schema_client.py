"""The real client against a server that answers what the test says: which answer means what."""

from __future__ import annotations

import base64
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bridge.decode.schema import Schema, Unavailable, Unknown, Wanted
from bridge.decode.schema_client import Address, SchemaClient
from bridge.errors import ConfigError
from tests.canned_registry import CannedRegistry
from tests.parts.process import free_port

WANTED = Wanted("avro", 7)
GUID = "89791762-2336-42a8-9ac9-3d9a1c4f6b0e"


@pytest.fixture
def server() -> Iterator[CannedRegistry]:
    with CannedRegistry.running() as registry:
        yield registry


@pytest.fixture
def client(server: CannedRegistry) -> Iterator[SchemaClient]:
    opened = SchemaClient(Address(server.url))
    yield opened
    opened.close()


def test_a_schema_comes_with_all_it_refers_to(server: CannedRegistry, client: SchemaClient) -> None:
    """What is built on comes first; each subject and version is asked for once. No type means Avro."""
    c = {"name": "C", "subject": "c", "version": 3}
    b = {"name": "B", "subject": "b", "version": 2}
    server.answers["/schemas/ids/7"] = 200, {"schema": "a", "references": [b, c]}
    server.answers["/subjects/b/versions/2?deleted=true"] = 200, {"schema": "b", "references": [c], "id": 2}
    server.answers["/subjects/c/versions/3?deleted=true"] = 200, {"schema": "c", "id": 3}

    assert client.fetch(WANTED) == Schema("AVRO", "a", (("C", "c"), ("B", "b")))
    assert len(server.paths) == 3


def test_protobuf_is_asked_for_as_a_descriptor(server: CannedRegistry, client: SchemaClient) -> None:
    """A registry that has none ignores the wish."""
    server.answers["/schemas/ids/7?format=serialized"] = 200, {"schema": "CgA=", "schemaType": "PROTOBUF"}

    assert client.fetch(Wanted("protobuf", 7)) == Schema("PROTOBUF", "CgA=")


def test_a_guid_has_its_own_address(server: CannedRegistry, client: SchemaClient) -> None:
    """The newer form of the wire format."""
    server.answers[f"/schemas/guids/{GUID}"] = 200, {"schema": "{}", "schemaType": "JSON", "guid": GUID}

    assert client.fetch(Wanted("json_schema", GUID)) == Schema("JSON", "{}")


@pytest.mark.parametrize("code", [40403, 40401, 40402])
def test_only_a_registry_can_say_that_an_id_is_unknown(
    server: CannedRegistry, client: SchemaClient, code: int
) -> None:
    """By its own error code."""
    server.answers["/schemas/ids/7"] = 404, {"error_code": code, "message": "Schema 7 not found"}

    assert isinstance(client.fetch(WANTED), Unknown)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, "<html>not here</html>"),
        (404, {"error": "Not Found"}),
        (404, {"error_code": 404, "message": "HTTP 404 Not Found"}),
        (401, {"error_code": 401, "message": "Unauthorized"}),
        (403, "no"),
        (429, "slow down"),
        (500, {"error_code": 50001, "message": "store"}),
        (503, ""),
        (302, ""),
        (200, "<html>sign in</html>"),
        (200, {"nothing": "of use"}),
        (200, []),
    ],
)
def test_every_other_answer_is_an_outage(
    server: CannedRegistry, client: SchemaClient, status: int, body: Any
) -> None:
    """A wrong path, credentials, a sign-in page: none of them may empty a topic into the dead letters."""
    server.answers["/schemas/ids/7"] = status, body

    assert isinstance(client.fetch(WANTED), Unavailable)


def test_nobody_there_is_an_outage() -> None:
    """Connection refused."""
    answer = SchemaClient(Address(f"http://127.0.0.1:{free_port()}")).fetch(WANTED)

    assert isinstance(answer, Unavailable)


def test_a_registry_that_hangs_is_an_outage() -> None:
    """Connected, and never answered."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = SchemaClient(Address(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_seconds=0.1))
        answer = client.fetch(WANTED)
        client.close()

    assert isinstance(answer, Unavailable)


def test_the_password_is_read_before_each_question(server: CannedRegistry) -> None:
    """It may change under a running bridge; a colon in it is part of it."""
    server.answers["/schemas/ids/7"] = 200, {"schema": "a"}
    server.answers["/schemas/ids/8"] = 200, {"schema": "b"}
    passwords = iter(["first", "se:cond"])
    client = SchemaClient(Address(server.url, "bridge", lambda: next(passwords)))
    client.fetch(WANTED)
    client.fetch(Wanted("avro", 8))
    client.close()

    expected = {f"Basic {base64.b64encode(f'bridge:{p}'.encode()).decode()}" for p in ("first", "se:cond")}
    assert server.authorizations == expected


def test_a_password_that_cannot_be_read_is_an_outage(server: CannedRegistry) -> None:
    """Its file may be back in a moment."""

    def unreadable() -> str:
        raise ConfigError("the secret file x cannot be read")

    answer = SchemaClient(Address(server.url, "bridge", unreadable)).fetch(WANTED)
    assert answer == Unavailable("the secret file x cannot be read")


def certificate(home: Path) -> tuple[Path, Path]:
    """One of 127.0.0.1, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "registry")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (home / "cert.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (home / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return home / "cert.pem", home / "key.pem"


@pytest.fixture
def with_tls(server: CannedRegistry, tmp_path: Path) -> Callable[[], Path]:
    def switch() -> Path:
        cert, key = certificate(tmp_path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.url = server.url.replace("http:", "https:")
        return cert

    return switch


def test_a_company_has_a_ca_of_its_own(
    server: CannedRegistry, with_tls: Callable[[], Path], tmp_path: Path
) -> None:
    """With its certificate the registry answers; without it, or with a missing file, it is unavailable."""
    server.answers["/schemas/ids/7"] = 200, {"schema": "a"}
    ca = with_tls()
    client = SchemaClient(Address(server.url, ca=ca))

    assert client.fetch(WANTED) == Schema("AVRO", "a")
    client.close()
    assert isinstance(SchemaClient(Address(server.url)).fetch(WANTED), Unavailable)
    assert isinstance(SchemaClient(Address(server.url, ca=tmp_path / "gone.pem")).fetch(WANTED), Unavailable)
