"""Every code that ``check`` tells, with an example that is told and one that is not. Data; docs come from it.

The examples are lines of a rule file, put in their places in a frame by ``example_file``; the tests run them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ERROR, WARNING = "error", "warning"
_TOP = frozenset({"from", "timezone", "envelope", "maps", "secrets", "destination", "rules"})
_RULE = frozenset({"name", "when", "let", "on_error"})
_DEFAULTS = {
    "event_type": "event_type: track",
    "event_name": "event_name: Order Paid",
    "user_id": 'user_id: "event.customer.id"',
}


@dataclass(frozen=True, slots=True)
class Lint:
    """One code.

    Args:
        code: fixed, for filters and for comments that silence it.
        severity: how bad it is; where it depends, the worst.
        what: one sentence on what is told.
        why: one sentence on why it matters, or what to write.
        wrong: lines that are told.
        right: lines that are not.
        sample: a record as a line of JSON, where the code is about samples.
    """

    code: str
    severity: str
    what: str
    why: str
    wrong: str
    right: str
    sample: str = ""


_SAMPLE = '{"topic": "shop.orders", "json": {"customer": {"id": 7}, "total": 5}}'
_TWIN = """rules:
  - name: one
    emit: [{event_type: track, event_name: A, user_id: "event.id"}]
  - name: two
    emit: [{event_type: track, event_name: A, user_id: "event.id"}]"""

LINTS: tuple[Lint, ...] = (
    Lint(
        *("ambiguous-text", WARNING, "An unquoted scalar is text here and something else in YAML 1.1."),
        "Helm, PyYAML and many editors read `no` as false and `010` as 8; quotes say what is meant.",
        "maps: {country: {no: Norway}}\n" + 'event_params: {Country: "maps.country[event.country]"}',
        'maps: {country: {"no": Norway}}\n' + 'event_params: {Country: "maps.country[event.country]"}',
    ),
    Lint(
        *("duplicate-rule", WARNING, "Two rules of one stream send the same events."),
        "All rules that match a record apply, so every event leaves twice.",
        _TWIN,
        _TWIN.replace("A, user_id", "B, user_id", 1),
    ),
    Lint(
        *("event-name-expression", WARNING, "An `event_name` looks like an expression."),
        "It is plain text and goes out as it stands; write one rule for each name.",
        'event_name: "event.type"',
        "event_name: Order Refunded",
    ),
    Lint(
        *("format-arguments", ERROR, "The text of `format` and its list of values do not fit."),
        "A clause without a value, or one that there is not, is a fault for every record.",
        "event_params: {Label: \"'%s-%d'.format([event.sku])\"}",
        "event_params: {Label: \"'%s-%d'.format([event.sku, event.line])\"}",
    ),
    Lint(
        *("ignore-comment", WARNING, "A comment that silences nothing."),
        "It names no code, an unknown one, or one that is not told there: it would hide the next mistake.",
        'when: "event.total > 5"  # filum-bridge: ignore[never-true]',
        'when: "event.total > 5 && event.total < 5"  # filum-bridge: ignore[never-true]',
    ),
    Lint(
        *("integer-division", WARNING, "A division of whole numbers cuts the fraction off."),
        "`7 / 2` is 3; write `double(x) / y`.",
        'event_params: {Total: {double: "event.cents / 100"}}',
        'event_params: {Total: {double: "event.cents / 100.0"}}',
    ),
    Lint(
        *("invalid", ERROR, "The file does not compile, or its shape is wrong."),
        "`run` refuses it; each such fault has its own message and remedy.",
        'when: "event.type = 1"',
        'when: "event.type == 1"',
    ),
    Lint(
        *("never-equal", WARNING, "The two sides are of kinds that never equal each other."),
        "Mostly an optional compared with a plain value; write `.orValue(…)`.",
        "when: \"event.?type == 'order.paid'\"",
        "when: \"event.?type.orValue('') == 'order.paid'\"",
    ),
    Lint(
        *("never-true", WARNING, "A `when` that is false for every record."),
        "The rule never applies.",
        "when: \"event.type == 'a' && event.type == 'b'\"",
        "when: \"event.type == 'a' || event.type == 'b'\"",
    ),
    Lint(
        *("no-identity", ERROR, "An event can have neither `user_id` nor `anonymous_id`."),
        "Every such event would be the fault `no_identity`.",
        "user_id: \"''\"",
        'user_id: "event.?user_id"\n' + 'anonymous_id: "event.device_id"',
    ),
    Lint(
        *("no-sample", WARNING, "No sample record belongs to the rule (`--samples`)."),
        "The rule was held against nothing; give records of its topic or queue.",
        "from: {topics: [shop.carts]}",
        "from: {topics: [shop.orders]}",
        _SAMPLE,
    ),
    Lint(
        *("no-such-field", ERROR, "A field is read from a value that has none."),
        "Lists, texts and numbers have no fields; the length of a list is `size(x)`.",
        'let: {items: "event.items.filter(i, i.qty > 0)"}\n' + 'when: "items.length > 0"',
        'let: {items: "event.items.filter(i, i.qty > 0)"}\n' + 'when: "size(items) > 0"',
    ),
    Lint(
        *("operand-kinds", ERROR, "The operator or function never works on these kinds of value."),
        "No record can make it work.",
        'when: "event.?total > 5"',
        'when: "event.?total.orValue(0) > 5"',
    ),
    Lint(
        *("profile-key", WARNING, "A key of the profile in another case of letters."),
        "`identify` sets the profile by `Name`, `Email` and `Phone`, exactly so.",
        "event_type: identify\n" + 'event_params: {email: "event.email"}',
        "event_type: identify\n" + 'event_params: {Email: "event.email"}',
    ),
    Lint(
        *("sample-line", WARNING, "A sample record cannot be decoded (`--samples`)."),
        "It would be a dead letter, and is no help here.",
        'when: "true"',
        'when: "true"',
        '{"topic": "shop.orders", "value": "{"}',
    ),
    Lint(
        *("sample-path", WARNING, "No sample record has a field that the rule reads (`--samples`)."),
        "Mostly a field that is spelt otherwise; the hint names what is there.",
        'event_params: {Total: {double: "event.totel"}}',
        'event_params: {Total: {double: "event.total"}}',
        _SAMPLE,
    ),
    Lint(
        *("secret-unset", WARNING, "A secret is not set where the rules are checked."),
        "`run` refuses it; a pipeline may check without.",
        "secrets: {pii_key: {env: LINT_EXAMPLE_UNSET}}\n" + 'event_params: {Hash: "pii.hmac(event.email)"}',
        'event_params: {Hash: "pii.sha256(event.email)"}',
    ),
    Lint(
        *("similar-parameters", WARNING, "Two parameters differ only in case or blanks."),
        "They would be two columns that nobody tells apart.",
        'event_params: {Total Value: "event.a", total value: "event.b"}',
        'event_params: {Total Value: "event.a", Total Items: "event.b"}',
    ),
    Lint(
        *("slow-regex", WARNING, "The regular expression needs the slow engine."),
        "Characters and classes in a row, of which only the last may repeat, run ten times faster.",
        "when: \"event.sku.matches('(a|b)+c')\"",
        "when: \"event.sku.matches('^[0-9]+')\"",
    ),
    Lint(
        *("system-event-name", WARNING, "The event name is one of the platform's own."),
        "Your events would mix with those that Filum makes.",
        "event_name: Conversation Closed",
        "event_name: Support Ticket Closed",
    ),
    Lint(
        *("topic-name", WARNING, "No topic of Kafka can have this name."),
        "A pattern begins with `^`; without it the name is taken as it stands.",
        "from: {topics: ['shop.*']}",
        "from: {topics: ['^shop\\..*$']}",
    ),
    Lint(
        *("type-may-mismatch", WARNING, "One outcome of the expression never fits its place."),
        "Records that take this way are faults.",
        "event_params: {Items: {int: \"event.?n.orValue('0')\"}}",
        'event_params: {Items: {int: "event.?n.orValue(0)"}}',
    ),
    Lint(
        *("type-mismatch", ERROR, "The value never fits its place."),
        "Kinds are declared, never guessed; wrap the value or declare its kind.",
        'event_params: {Items: "event.ok ? 1 : [2]"}',
        'event_params: {Items: {int: "event.ok ? 1 : 2"}}',
    ),
    Lint(
        *("unknown-map", ERROR, "No map of the file has this name."),
        "A mistyped name is a fault for every record.",
        "maps: {region: {VN: home}}\n" + "event_params: {Region: \"maps['regoin'][event.country]\"}",
        "maps: {region: {VN: home}}\n" + "event_params: {Region: \"maps['region'][event.country]\"}",
    ),
    Lint(
        *("unknown-map-key", ERROR, "The map has no such key."),
        "The key is written out, so no record can change it.",
        "maps: {fee: {home: low}}\n" + 'event_params: {Fee: "maps.fee.hoem"}',
        "maps: {fee: {home: low}}\n" + 'event_params: {Fee: "maps.fee.home"}',
    ),
    Lint(
        *("unknown-meta", ERROR, "The variable `meta` has no such field."),
        "Its fields are those of the broker, the same for every record.",
        "when: \"meta.tpoic == 'a'\"",
        "when: \"meta.topic == 'a'\"",
    ),
    Lint(
        *("unused-let", WARNING, "Nothing uses the let."),
        "Leave it out, or use it.",
        'let: {total: "event.total"}',
        'let: {total: "event.total"}\n' + 'when: "total > 0"',
    ),
    Lint(
        *("unused-map", WARNING, "Nothing uses the map."),
        "Leave it out, or use it.",
        "maps: {region: {VN: home}}",
        "maps: {region: {VN: home}}\n" + 'event_params: {Region: "maps.region[event.country]"}',
    ),
    Lint(
        *("unused-secret", WARNING, "Nothing uses the secret."),
        "Leave it out: a secret that is not needed need not be mounted.",
        "secrets: {pii_key: {env: HOME}}",
        "secrets: {pii_key: {env: HOME}}\n" + 'event_params: {Hash: "pii.hmac(event.email)"}',
    ),
)

CODES = tuple(lint.code for lint in LINTS)


def example_file(lines: str) -> str:
    """A whole rule file that holds the lines of an example, each key where it belongs."""
    top: list[str] = []
    rule: list[str] = []
    emit = dict(_DEFAULTS)
    for entry in re.split(r"\n(?=\S)", lines):
        key = entry.partition(":")[0]
        if key in _TOP:
            top.append(entry)
        elif key in _RULE:
            rule.append(entry)
        else:
            emit[key] = entry
    if emit["event_type"] != _DEFAULTS["event_type"]:
        del emit["event_name"]
    if not lines.startswith("from:"):
        top.insert(0, "from: {topics: [shop.orders]}")
    if any(entry.startswith("rules:") for entry in top):
        return "\n".join([*top, ""])
    first, *others = emit.values()
    rules = ["rules:", "  - name: example", *(f"    {entry}" for entry in rule), "    emit:"]
    return "\n".join([*top, *rules, f"      - {first}", *(f"        {entry}" for entry in others), ""])


_PAGE = """# What `check` tells

Generated by `filum-bridge schema lints`; the tests run every example. Errors are what can never work: `check`
ends with 1. Warnings work, but hardly as meant: they fail only under `check --strict`.

A warning is silenced where it stands, with a comment behind the value, on the line above it, or above the
`- name` of a rule for the whole rule; errors are not silenced:

```yaml
# filum-bridge: ignore[slow-regex, unused-let]
```

| code | severity | tells |
| --- | --- | --- |
"""


def lints_page() -> str:
    """Markdown: a table of all codes, then each with its examples."""
    rows = [f"| [`{one.code}`](#{one.code}) | {one.severity} | {one.what} |\n" for one in LINTS]
    return _PAGE + "".join(rows) + "".join(map(_section, LINTS))


def _section(one: Lint) -> str:
    text = f"\n## {one.code}\n{one.what} {one.why}\n"
    if one.wrong == one.right:
        return f"{text}\nTold of this sample:\n\n```json\n{one.sample}\n```\n"
    samples = f"\nWith the sample\n\n```json\n{one.sample}\n```\n" if one.sample else ""
    return f"{text}{samples}\nTold:\n\n```yaml\n{one.wrong}\n```\n\nNot told:\n\n```yaml\n{one.right}\n```\n"
