"""A real RabbitMQ with a door of TLS beside its plain one, and a user of its own."""

from __future__ import annotations

from pathlib import Path

from tests.parts.process import free_port
from tests.parts.rabbitmq import RabbitMQ
from tests.send.http1.certificates import Authority, Pair

USER, PASSWORD = "ann", "s3cret-of-ann"

_DOOR = """
default_user = {user}
default_pass = {password}
listeners.ssl.1 = 127.0.0.1:{port}
ssl_options.cacertfile = {ca}
ssl_options.certfile = {shown.cert}
ssl_options.keyfile = {shown.key}
"""
_DEMANDS = "ssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = true\n"


class SecureRabbitMQ(RabbitMQ):
    """One node.

    Attributes:
        authority: signed the node's certificate, and those of clients.
        pair: what the node shows, unless told otherwise.
        door: URL of the TLS listener, without user info.
    """

    def __init__(self, home: Path, *, demands_certificate: bool = False) -> None:
        """``home`` must exist and be empty; certificates are made."""
        for name in ("tls", "node"):
            (home / name).mkdir()
        self.authority = Authority(home / "tls")
        self.pair = self.authority.issue("node")
        self._shown = Pair(home / "tls" / "shown.pem", home / "tls" / "shown.key")
        self._put(self.pair)
        port = free_port()
        texts = {"user": USER, "password": PASSWORD, "ca": self.authority.cert, "shown": self._shown}
        settings = _DOOR.format(port=port, **texts) + (_DEMANDS if demands_certificate else "")
        super().__init__(home / "node", settings=settings)
        self.door = f"amqps://127.0.0.1:{port}/%2F"
        self.url = f"amqp://{USER}:{PASSWORD}@127.0.0.1:{self.port}/%2F"

    def show(self, pair: Pair) -> None:
        """Show another certificate from now on, as when it is renewed."""
        self._put(pair)
        self.ctl("eval", "ssl:clear_pem_cache().")

    def _put(self, pair: Pair) -> None:
        self._shown.cert.write_bytes(pair.cert.read_bytes())
        self._shown.key.write_bytes(pair.key.read_bytes())
