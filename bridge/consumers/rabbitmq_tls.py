"""TLS to a RabbitMQ: the context that the files of ``tls`` make, and what OpenSSL's errors mean."""

from __future__ import annotations

import re
import ssl

from bridge.config import Tls
from bridge.consumers.rabbitmq_faults import Fault, Kind
from bridge.errors import ConsumerError

_NO_PASSWORD = ""
_PEM = (
    "PEM files: authorities in `ca`; in `cert` the certificate with its chain; in `key` its key, no password"
)
_CODE = re.compile(r"\[SSL: ([A-Z0-9_/]+)\]")
_EXPIRED_CODES = {9, 10}
_NAME_CODES = {62, 63, 64}
"""``X509_V_ERR_…`` of OpenSSL: not valid yet or any more; another host, e-mail or address."""
_RENEW = "renew the broker's certificate, or its authority's in `tls.ca`; or set the clock of this machine"
_NAME = "connect by a name that the broker's certificate has, or have one issued for this name"
_AUTHORITY = "give `tls.ca` the authority that signed the broker's certificate"
_CLIENT = (
    "give `tls.cert` and `tls.key`: a certificate that the broker's authority signed and that is still valid"
)
_NO_TLS = "check the port of `url`: amqps:// is for one that speaks TLS"
_BROKERS_LOG = "see the broker's log for what it wants of TLS"


def context_of(tls: Tls) -> ssl.SSLContext:
    """Verification on, the client's certificate in it; made for each attempt, so that new files are found.

    Raises:
        ConsumerError: a file is missing, or is not what it should be; names the file.
    """
    try:
        context = ssl.create_default_context(cafile=tls.ca)
    except OSError as error:
        raise _unusable(f"`tls.ca` {tls.ca}", error) from error
    if tls.cert is not None and tls.key is not None:
        try:
            # Without a password of ours OpenSSL would ask the terminal for one.
            context.load_cert_chain(tls.cert, tls.key, lambda: _NO_PASSWORD)
        except OSError as error:
            raise _unusable(f"`tls.cert` {tls.cert} with `tls.key` {tls.key}", error) from error
    return context


def _unusable(files: str, error: OSError) -> ConsumerError:
    why = _reason(error).replace("_", " ").lower() or error.strerror or type(error).__name__
    return ConsumerError(f"{files} cannot be used: {why}", _PEM)


def tls_fault(error: ssl.SSLError) -> Fault:
    """Why a handshake failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _untrusted(error)
    return _ended(_reason(error))


def tls_fault_in(text: str) -> Fault | None:
    """The same, where pika kept only the text of what ended the connection; None when that is not TLS."""
    found = _CODE.search(text)
    return None if found is None else _ended(found[1])


def last_word(connection: ssl.SSLSocket, error: BaseException) -> BaseException:
    """The alert that lies unread behind a write that failed; else the failure itself.

    In TLS 1.3 a client has shaken hands before the other end looks at its certificate: a refusal meets the
    first write.
    """
    try:
        connection.recv(1)
    except ssl.SSLError as alert:
        if "_ALERT_" in _reason(alert):
            return alert
    except OSError:
        pass
    return error


def _reason(error: OSError) -> str:
    """OpenSSL's name for it; empty where the error is not OpenSSL's own."""
    return getattr(error, "reason", None) or ""


def _untrusted(error: ssl.SSLCertVerificationError) -> Fault:
    remedy, code = _AUTHORITY, getattr(error, "verify_code", 0)
    if code in _EXPIRED_CODES:
        remedy = _RENEW
    elif code in _NAME_CODES:
        remedy = _NAME
    why = getattr(error, "verify_message", "").rstrip(".") or "it cannot be verified"
    return Fault(Kind.TLS, f"the broker's certificate is not trusted: {why}", remedy)


def _ended(code: str) -> Fault:
    """By OpenSSL's name for it; an alert is what the other end said."""
    _, is_alert, alert = code.partition("_ALERT_")
    words = (alert or code).replace("_", " ").lower()
    if is_alert and ("CERTIFICATE" in alert or alert in ("UNKNOWN_CA", "HANDSHAKE_FAILURE", "ACCESS_DENIED")):
        return Fault(Kind.TLS, f"the broker wants another certificate of us: {words}", _CLIENT)
    if code in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return Fault(Kind.PROTOCOL, f"no TLS at this address: {words}", _NO_TLS)
    if code in ("", "UNEXPECTED_EOF_WHILE_READING"):
        return Fault(Kind.PROTOCOL, "the other end hung up in the middle of the TLS handshake", _BROKERS_LOG)
    return Fault(Kind.PROTOCOL, f"TLS failed: {words}", _BROKERS_LOG)
