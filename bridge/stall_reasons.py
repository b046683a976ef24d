"""Why something waits: the closed set of ``bridge_stalled``, in words for who is woken by one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Why(NamedTuple):
    """One reason.

    Attributes:
        says: a clause that goes on from "source shop waits: " or "destination default waits: ".
        do: what ends it; where it ends by itself, when.
    """

    says: str
    do: str


STALL_REASONS: Mapping[str, Why] = {
    # Of a destination
    "auth": Why(
        "it answers 401 or 403 to everybody",
        "put a right write key in place (`write_key`); it is read again by itself, nothing is lost meanwhile",
    ),
    "address": Why(
        "it answers 404, 405 or a redirect to everybody",
        "check `destinations.….url`: it must be the Event API's own address, without a redirect",
    ),
    "html": Why(
        "a web page answers in the place of the API",
        "look for a proxy, a sign-in or a maintenance page in between",
    ),
    "breaker": Why(
        "it fails or cannot be reached, whoever the event is about",
        "look at its status and the way to it; an event probes it, and all goes on when that is accepted",
    ),
    "rate_limit": Why(
        "events leave no faster than `rate_limit` has it",
        "nothing, if the backlog shrinks; else raise `destinations.….rate_limit`",
    ),
    "retry_after": Why(
        "it asked for a pause (429 or Retry-After)",
        "nothing: it goes on when the time is over; if it happens often, set `rate_limit` below its quota",
    ),
    # Of a source
    "broker_down": Why(
        "its broker is not connected, or its group's coordinator does not take it in",
        "check that the brokers run and can be reached, and what the log says of `broker link`",
    ),
    "rebalance": Why(
        "partitions are being handed over; what is open ends first",
        "nothing: `shutdown.revoke` bounds it",
    ),
    "offset_lost": Why(
        "the broker no longer has the record to read next (retention, or a topic made again)",
        "set `on_offset_lost: earliest`, or reset the group's offset, and restart",
    ),
    "not_allowed": Why(
        "its broker refuses to let this user read what waits",
        "grant the user READ and DESCRIBE on the topic; all goes on by itself",
    ),
    "paused_by_operator": Why(
        "an operator paused it",
        "say `filum-bridge resume SOURCE`",
    ),
    "room": Why(
        "as many records are in flight as `limits.records_in_flight` allows",
        "nothing, if its destinations accept; else see what they wait for",
    ),
    "memory": Why(
        "the records in flight are as large as `limits.buffer` allows",
        "nothing, if its destinations accept; for large records raise `limits.buffer` and the memory limit",
    ),
    "blocked": Why(
        "what it reads is for a destination that is blocked",
        "see what that destination waits for",
    ),
    "hot_user": Why(
        "users whose events fail again and again hold their share of the room",
        "look at `bridge_retries_total`; they end by `retry.max_attempts` and `max_age` as dead letters",
    ),
    "rule_stopped": Why(
        "a rule with `on_error: stop` could not make its event",
        "mend the rule: when it is reloaded, the record is tried with it; the log names record and place",
    ),
    "no_rule": Why(
        "a record came of a topic or queue that no rule names",
        "write a rule for it, or set `unmatched: filter` at the source",
    ),
    "registry_unavailable": Why(
        "the schema of a record is not known yet",
        "check `schema_registry`; records are tried when their schema comes",
    ),
    "dead_letter_budget": Why(
        "a rule made as many dead letters as it may",
        "mend the rule: when it is reloaded, what waits is tried with it; or `filum-bridge resume SOURCE`",
    ),
    "dead_letters_unavailable": Why(
        "a dead letter cannot be written",
        "check that the target of `dead_letters` is there, has room, and may be written to",
    ),
    "metadata_full": Why(
        "so much finished out of order that the commit has no room to say so",
        "see which users or destinations hold the oldest records; it goes on as they end",
    ),
    "delivery_limit": Why(
        "a record came back almost as often as its queue allows; then the broker drops it",
        "see in the log why (a crash, an outage); then `resume SOURCE`, or `skip QUEUE` for a dead letter",
    ),
    "given_back": Why(
        "its queue was given back to the broker before the broker's consumer timeout",
        "see what else waits; the queue is read again as soon as a probe is accepted",
    ),
}
