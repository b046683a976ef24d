"""What librdkafka's error codes mean to us, in one table. Pure; knows names of codes, not the library.

Codes: ``rdkafka.h`` (those that begin with ``_`` are local) and the Kafka protocol's error table.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from bridge.errors import ConnectionLost, ConsumerError


class Kind(Enum):
    """What to do about a fault."""

    BROKER_GONE = 1
    """One connection failed; another may serve."""
    UNREACHABLE = 2
    """No broker answers."""
    REFUSED = 3
    """Credentials, TLS or rights: waits for an operator, tried again meanwhile."""
    UNKNOWN_TOPIC = 4
    OFFSET_LOST = 5
    """The offset to read from is not on the broker any more."""
    NOT_MEMBER = 6
    """The group moved on; the client joins again by itself."""
    METADATA_TOO_LARGE = 7
    TOO_LARGE = 8
    """The broker does not take a record of this size."""
    CONFIGURATION = 9
    """Cannot work as configured."""
    FATAL = 10
    """The client instance is of no use any more."""
    OTHER = 11
    END = 12
    """No error: the partition has no more records for now; told only where that was asked for."""


class Fault(NamedTuple):
    """One error of the client library, translated."""

    kind: Kind
    text: str
    remedy: str = ""

    def as_error(self) -> ConsumerError:
        """The exception to raise for it; a connection that may come back is ``ConnectionLost``."""
        passing = self.kind in _PASSING
        return (ConnectionLost if passing else ConsumerError)(self.text, self.remedy)


class PartitionFault(NamedTuple):
    """A fault of one partition, or of a whole topic (``number`` -1)."""

    topic: str
    number: int
    fault: Fault


_PASSING = {Kind.BROKER_GONE, Kind.UNREACHABLE, Kind.NOT_MEMBER, Kind.OTHER}

_CREDENTIALS = "check `security`: protocol, mechanism, username and password"
_CERTIFICATES = "check `security`: ca, cert and key, and whether the brokers speak TLS on that port"
_RIGHTS = "grant the user READ and DESCRIBE on it (WRITE for a dead-letter topic)"
_TABLE: dict[str, tuple[Kind, str]] = {
    "_TRANSPORT": (Kind.BROKER_GONE, "check `brokers` and the network"),
    "_RESOLVE": (Kind.BROKER_GONE, "check the host names in `brokers`"),
    "_TIMED_OUT": (Kind.UNREACHABLE, "check `brokers` and the network"),
    "_ALL_BROKERS_DOWN": (Kind.UNREACHABLE, "check `brokers` and the network"),
    "_MSG_TIMED_OUT": (Kind.UNREACHABLE, "check `brokers` and the network"),
    "REQUEST_TIMED_OUT": (Kind.UNREACHABLE, ""),
    "NETWORK_EXCEPTION": (Kind.BROKER_GONE, ""),
    "_AUTHENTICATION": (Kind.REFUSED, _CREDENTIALS),
    "SASL_AUTHENTICATION_FAILED": (Kind.REFUSED, _CREDENTIALS),
    "UNSUPPORTED_SASL_MECHANISM": (Kind.REFUSED, _CREDENTIALS),
    "ILLEGAL_SASL_STATE": (Kind.REFUSED, _CREDENTIALS),
    "_SSL": (Kind.REFUSED, _CERTIFICATES),
    "TOPIC_AUTHORIZATION_FAILED": (Kind.REFUSED, _RIGHTS),
    "GROUP_AUTHORIZATION_FAILED": (Kind.REFUSED, "grant the user READ on the consumer group"),
    "CLUSTER_AUTHORIZATION_FAILED": (Kind.REFUSED, "grant the user IDEMPOTENT_WRITE on the cluster"),
    "_PARTITION_EOF": (Kind.END, ""),
    "UNKNOWN_TOPIC_OR_PART": (Kind.UNKNOWN_TOPIC, "create the topic, or correct its name"),
    "_UNKNOWN_TOPIC": (Kind.UNKNOWN_TOPIC, "create the topic, or correct its name"),
    "_UNKNOWN_PARTITION": (Kind.UNKNOWN_TOPIC, ""),
    "_AUTO_OFFSET_RESET": (Kind.OFFSET_LOST, ""),
    "OFFSET_OUT_OF_RANGE": (Kind.OFFSET_LOST, ""),
    "ILLEGAL_GENERATION": (Kind.NOT_MEMBER, ""),
    "UNKNOWN_MEMBER_ID": (Kind.NOT_MEMBER, ""),
    "REBALANCE_IN_PROGRESS": (Kind.NOT_MEMBER, ""),
    "STALE_MEMBER_EPOCH": (Kind.NOT_MEMBER, ""),
    "FENCED_MEMBER_EPOCH": (Kind.NOT_MEMBER, ""),
    "_ASSIGNMENT_LOST": (Kind.NOT_MEMBER, ""),
    "_MAX_POLL_EXCEEDED": (Kind.NOT_MEMBER, ""),
    "OFFSET_METADATA_TOO_LARGE": (Kind.METADATA_TOO_LARGE, ""),
    "MSG_SIZE_TOO_LARGE": (Kind.TOO_LARGE, "raise the topic's max.message.bytes"),
    "RECORD_LIST_TOO_LARGE": (Kind.TOO_LARGE, "raise the topic's max.message.bytes"),
    "_INVALID_ARG": (Kind.CONFIGURATION, "correct the source's settings"),
    "_NOT_IMPLEMENTED": (Kind.CONFIGURATION, "correct the source's settings"),
    "_UNSUPPORTED_FEATURE": (Kind.CONFIGURATION, "the brokers are too old for these settings"),
    "UNSUPPORTED_VERSION": (
        Kind.CONFIGURATION,
        "the brokers do not know this; try `group_protocol: classic`",
    ),
    "UNSUPPORTED_ASSIGNOR": (Kind.CONFIGURATION, "the brokers do not know this assignor"),
    "INVALID_SESSION_TIMEOUT": (Kind.CONFIGURATION, "set `session.timeout.ms` within the brokers' bounds"),
    "INCONSISTENT_GROUP_PROTOCOL": (
        Kind.CONFIGURATION,
        "other members of this group use another assignor or protocol: stop them, or take another `group`",
    ),
    "FENCED_INSTANCE_ID": (Kind.FATAL, "another process uses the same `instance_id`"),
    "UNRELEASED_INSTANCE_ID": (Kind.FATAL, "another process uses the same `instance_id`"),
    # What a consumer is told when librdkafka gives its instance up; why is in the text alone.
    "_FATAL": (Kind.FATAL, ""),
}
_GIVEN_UP = {
    "group.instance.id": "another process uses the same `instance_id`",
    "instance ID is still used": (
        "another process uses the same `instance_id`, or did until it was killed: wait for its session to end"
    ),
    "group id does not exist": (
        "stop all members with `group_protocol: classic` first: the brokers convert no group with them in it"
    ),
}
"""Text of a fatal error → what to do; the first that is found counts."""


def fault_of(name: str, text: str, *, fatal: bool = False) -> Fault:
    """Translate an error.

    Args:
        name: the code's name, such as ``_TRANSPORT``.
        text: librdkafka's own words; no secret is ever in them.
        fatal: the library gave this instance up.
    """
    kind, remedy = _TABLE.get(name, (Kind.OTHER, ""))
    if "GSSAPI" in text:
        kind, remedy = (
            Kind.CONFIGURATION,
            "GSSAPI (Kerberos) is not built in; use PLAIN, SCRAM or OAUTHBEARER",
        )
    if name == "_FATAL":
        remedy = next((remedy for part, remedy in _GIVEN_UP.items() if part in text), "")
    if kind is Kind.BROKER_GONE and "certificate" in text:
        # What a broker says to a client whose certificate it does not take comes as a broken connection.
        kind, remedy = Kind.REFUSED, _CERTIFICATES
    return Fault(Kind.FATAL if fatal else kind, text, remedy)
