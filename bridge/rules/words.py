"""What people write out of habit where the file format has another word. Data."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

KEYS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("if", "filter", "condition", "where", "match", "on"), "when"),
        **dict.fromkeys(("vars", "variables", "locals", "with", "define", "set"), "let"),
        **dict.fromkeys(("events", "send", "output", "outputs", "then", "actions", "emits"), "emit"),
        **dict.fromkeys(
            ("properties", "params", "parameters", "attributes", "traits", "fields"), "event_params"
        ),
        **dict.fromkeys(("eventParams", "data", "payload"), "event_params"),
        **dict.fromkeys(("type", "eventType", "action", "kind"), "event_type"),
        **dict.fromkeys(("eventName", "title", "event"), "event_name"),
        **dict.fromkeys(("user", "userId", "uid", "customer_id", "distinct_id"), "user_id"),
        **dict.fromkeys(("anonymousId", "device_id"), "anonymous_id"),
        **dict.fromkeys(("time", "ts", "occurred_at", "datetime"), "timestamp"),
        **dict.fromkeys(("foreach", "forEach", "loop", "each", "repeat"), "for_each"),
        **dict.fromkeys(("items", "list", "in", "over", "each", "of", "array"), "item"),
        **dict.fromkeys(("i", "idx", "as", "counter"), "index"),
        **dict.fromkeys(("tz", "time_zone", "zone"), "timezone"),
        **dict.fromkeys(("onError", "error", "on_failure", "onFailure"), "on_error"),
        **dict.fromkeys(("topic", "topics", "queue", "queues"), "from"),
        **dict.fromkeys(("id", "rule_name"), "name"),
        **dict.fromkeys(("lookup", "lookups", "tables", "mappings"), "maps"),
        **dict.fromkeys(("cases", "test"), "tests"),
        **dict.fromkeys(("dest", "target", "to", "sink"), "destination"),
    }
)
"""Wrong key → right key; it counts only where the right one is known and not there."""

KINDS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("str", "text", "varchar", "uuid", "enum", "string_value"), "string"),
        **dict.fromkeys(("integer", "long", "int64", "bigint", "bool", "boolean", "int_value"), "int"),
        **dict.fromkeys(("float", "number", "decimal", "numeric", "money", "double_value"), "double"),
        **dict.fromkeys(("date", "time", "timestamp", "datetime_value"), "datetime"),
        "value": "string",
        "fallback": "default",
        "or": "default",
        "else": "default",
    }
)
"""The same for kinds of parameters."""

TEST_KEYS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("input", "when", "with", "record", "message", "data"), "given"),
        **dict.fromkeys(("output", "expected", "then", "expects", "want", "result"), "expect"),
        **dict.fromkeys(("title", "description", "it", "case"), "name"),
    }
)
"""The same for tests."""

VALUES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("dlq", "deadletter", "dead-letter", "dlt", "reject"), "dead_letter"),
        **dict.fromkeys(("skip", "ignore", "continue", "discard", "pass"), "drop"),
        **dict.fromkeys(("fail", "halt", "retry", "block", "abort", "raise"), "stop"),
        **dict.fromkeys(("cdc",), "debezium"),
        **dict.fromkeys(("cloudevent", "ce", "cloud_events"), "cloudevents"),
        **dict.fromkeys(("json", "plain", "raw"), "none"),
    }
)
"""The same for words that are values."""

REMARKS = frozenset({"description", "desc", "doc", "docs", "comment", "notes", "note", "owner", "version"})
"""Keys for people; a file has comments for that."""

ZONES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            ("hcm", "hcmc", "saigon", "hanoi", "ho_chi_minh", "vietnam", "vn"), "Asia/Ho_Chi_Minh"
        ),
        **dict.fromkeys(("asia/hcm", "asia/hcmc", "asia/hanoi", "asia/vietnam", "ict"), "Asia/Ho_Chi_Minh"),
        **dict.fromkeys(("+07", "+7", "+07:00", "gmt+7", "utc+7", "utc+07:00"), "Asia/Ho_Chi_Minh"),
        **dict.fromkeys(("z", "+00:00", "utc+0", "gmt+0"), "UTC"),
        **dict.fromkeys(("jst", "+09:00"), "Asia/Tokyo"),
        **dict.fromkeys(("sgt", "+08:00", "utc+8", "gmt+8"), "Asia/Singapore"),
    }
)
"""What people call a zone that the IANA database calls otherwise."""
