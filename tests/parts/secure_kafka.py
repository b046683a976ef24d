"""A real Kafka with a door for each way to say who one is.

``SASL``: TLS, and PLAIN or SCRAM. ``TLS``: a certificate of the client's. ``OAUTH``: tokens, unsigned ones.
"""

from __future__ import annotations

from pathlib import Path

from confluent_kafka.admin._scram import ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion

from tests.parts.kafka import Kafka
from tests.parts.process import free_port
from tests.send.http1.certificates import Authority

USER, PASSWORD = "ann", "s3cret-of-ann"

_DOORS = """
listeners=PLAINTEXT://127.0.0.1:{{port}},CONTROLLER://127.0.0.1:{{controller}},{doors}
advertised.listeners=PLAINTEXT://127.0.0.1:{{port}},{doors}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_SSL,TLS:SSL,OAUTH:SASL_PLAINTEXT
inter.broker.listener.name=PLAINTEXT
ssl.keystore.type=PEM
ssl.keystore.location={pair}
ssl.truststore.type=PEM
ssl.truststore.location={ca}
listener.name.tls.ssl.client.auth=required
listener.name.sasl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl.plain.sasl.jaas.config={plain}
listener.name.sasl.scram-sha-256.sasl.jaas.config={scram}
listener.name.sasl.scram-sha-512.sasl.jaas.config={scram}
listener.name.oauth.sasl.enabled.mechanisms=OAUTHBEARER
listener.name.oauth.oauthbearer.sasl.jaas.config={oauth}
"""
_MODULES = "org.apache.kafka.common.security"
_PLAIN = f'{_MODULES}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
_SCRAM = f"{_MODULES}.scram.ScramLoginModule required;"
_OAUTH = f'{_MODULES}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";'


class SecureKafka(Kafka):
    """One broker.

    Attributes:
        authority: signed the broker's certificate, and those of clients.
        doors: addresses of ``SASL``, ``TLS`` and ``OAUTH``.
    """

    def __init__(self, home: Path) -> None:
        """``home`` must exist and be empty; certificates are made."""
        for name in ("tls", "broker"):
            (home / name).mkdir()
        self.authority = Authority(home / "tls")
        pair = self.authority.issue("broker")
        whole = home / "tls" / "whole.pem"
        whole.write_text(pair.key.read_text() + pair.cert.read_text())
        self.doors = {name: f"127.0.0.1:{free_port()}" for name in ("SASL", "TLS", "OAUTH")}
        doors = ",".join(f"{name}://{address}" for name, address in self.doors.items())
        texts = {"plain": _PLAIN, "scram": _SCRAM, "oauth": _OAUTH}
        settings = _DOORS.format(doors=doors, pair=whole, ca=self.authority.cert, **texts)
        super().__init__(home / "broker", properties=settings)

    def start(self, *, timeout_seconds: float = 60.0) -> None:
        """Start it, and make the user for both kinds of SCRAM."""
        super().start(timeout_seconds=timeout_seconds)
        admin = self.admin()
        for kind in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
            made = UserScramCredentialUpsertion(USER, ScramCredentialInfo(kind, 4096), PASSWORD.encode())
            admin.alter_user_scram_credentials([made])[USER].result(30)
