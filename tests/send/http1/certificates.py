"""Certificates for tests, made with the openssl command: an authority, servers good and bad, a client."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

_NAMES = "subjectAltName=DNS:localhost,DNS:good.test,IP:127.0.0.1,IP:::1"


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as files."""

    cert: Path
    key: Path


class Authority:
    """Signs what a test needs, into one folder.

    Args:
        folder: where the files go.
        name: of the authority; also a file name.
    """

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self.pair = self._new(name, "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign")

    @property
    def cert(self) -> Path:
        return self.pair.cert

    def issue(self, name: str, names: str = _NAMES, *, expired: bool = False) -> Pair:
        """A certificate for these names."""
        signed = ["-CA", str(self.pair.cert), "-CAkey", str(self.pair.key)]
        return self._new(name, names, *signed, days="-1" if expired else "2")

    def self_signed(self, name: str) -> Pair:
        return self._new(name, _NAMES)

    def _new(self, name: str, extensions: str, *signed: str, days: str = "2") -> Pair:
        pair = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        config = self._folder / f"{name}.cnf"
        config.write_text(f"[req]\ndistinguished_name=dn\n[dn]\n[ext]\n{extensions}\n")
        new = [
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-keyout",
            str(pair.key),
        ]
        subject = ["-subj", f"/CN={name}", "-config", str(config)]
        request = self._folder / f"{name}.csr"
        _openssl("req", "-new", *new, *subject, "-out", str(request))
        own = signed or ("-signkey", str(pair.key))
        extension = ["-extfile", str(config), "-extensions", "ext"]
        _openssl("x509", "-req", "-in", str(request), *own, "-days", days, *extension, "-out", str(pair.cert))
        return pair


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def server_context(pair: Pair, *, clients_of: Path | None = None) -> ssl.SSLContext:
    """A server's; with ``clients_of`` it demands a certificate of that authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    if clients_of is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients_of)
    return context


def client_context(authority: Authority, client: Pair | None = None) -> ssl.SSLContext:
    """A client's, which trusts this authority alone."""
    context = ssl.create_default_context(cafile=str(authority.cert))
    if client is not None:
        context.load_cert_chain(client.cert, client.key)
    return context
