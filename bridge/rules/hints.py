"""The remedy of an expression that does not compile: what people of other languages meant. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from types import MappingProxyType

from bridge.rules import cel

_NEEDS = {
    "before": "debezium",
    "op": "debezium",
    "source": "debezium",
    "cloudevent": "cloudevents",
}
_WORDS = MappingProxyType(
    {
        "and": "write && for and",
        "or": "write || for or",
        "is": "write == to compare",
        "if": "write `condition ? this : that`",
        "else": "write `condition ? this : that`",
        "for": "write list.map(i, i.name) or list.filter(i, i.qty > 0)",
        "like": "write x.contains('a'), x.startsWith('a') or x.matches('a.*b')",
        "between": "write x >= 1 && x <= 5",
    }
)
_NAMES = MappingProxyType(
    {
        **dict.fromkeys(("None", "nil", "NULL", "Null", "undefined"), "write null"),
        **dict.fromkeys(("True", "TRUE", "yes", "on"), "write true"),
        **dict.fromkeys(("False", "FALSE", "no", "off"), "write false"),
        "item": "`item` is the element of `for_each`, which this event has not",
        **{
            name: f"it is meta.{name}"
            for name in (
                "topic",
                "queue",
                "key",
                "headers",
                "partition",
                "offset",
                "routing_key",
                "message_id",
            )
        },
        "secrets": "a secret is only used by pii.hmac(x, 'NAME')",
        **dict.fromkeys(("env", "ENV", "os"), "rules do not see the environment: put values under `maps`"),
        "index": "the name that `for_each: {item: …, index: NAME}` gives",
    }
)
_RECORD = frozenset(
    {
        "payload",
        "data",
        "value",
        "message",
        "msg",
        "record",
        "body",
        "doc",
        "root",
        "this",
        "it",
        "e",
        "after",
    }
)
_FUNCTIONS = MappingProxyType(
    {
        **dict.fromkeys(("len", "length", "count"), "write size(x)"),
        **dict.fromkeys(("str", "toString", "to_string", "text"), "write string(x)"),
        **dict.fromkeys(("includes", "has_key", "in_"), "write x in list"),
        **dict.fromkeys(("get", "getOrDefault", "fetch"), "write event.?x.orValue('y')"),
        **dict.fromkeys(("coalesce", "ifnull", "nvl", "default", "isnull"), "write event.?x.orValue('y')"),
        **dict.fromkeys(
            ("now", "today", "time.now", "Date.now", "utcnow"), "there is no clock: meta.timestamp"
        ),
        **dict.fromkeys(("parseInt", "toInt", "integer"), "write int(x)"),
        **dict.fromkeys(("parseFloat", "float", "toFloat", "number", "Number", "decimal"), "write double(x)"),
        **dict.fromkeys(("round", "ceil", "floor", "abs"), "write math.NAME(x)"),
        **dict.fromkeys(("substr", "slice", "left", "mid"), "write x.substring(0, 3)"),
        **dict.fromkeys(("replaceAll", "sub", "gsub"), "write x.replace('a', 'b') or regex.replace(x, …)"),
        **dict.fromkeys(("toLowerCase", "lower", "lowercase", "downcase"), "write x.lowerAscii()"),
        **dict.fromkeys(("toUpperCase", "upper", "uppercase", "upcase"), "write x.upperAscii()"),
        **dict.fromkeys(("strip", "lstrip", "rstrip"), "write x.trim()"),
        **dict.fromkeys(("concat", "append"), "write a + b"),
        **dict.fromkeys(("startswith", "starts_with", "hasPrefix"), "write x.startsWith('a')"),
        **dict.fromkeys(("endswith", "ends_with", "hasSuffix"), "write x.endsWith('a')"),
        **dict.fromkeys(("match", "test", "search", "regex", "isMatch"), "write x.matches('a.*b')"),
        **dict.fromkeys(("some", "any"), "write list.exists(i, i.qty > 0)"),
        **dict.fromkeys(("every",), "write list.all(i, i.qty > 0)"),
        **dict.fromkeys(("find",), "write list.filter(i, i.qty > 0).first()"),
        **dict.fromkeys(("reduce", "fold"), "write list.map(i, i.qty).sum()"),
        **dict.fromkeys(("isEmpty", "empty"), "write size(x) == 0"),
        **dict.fromkeys(("keys", "values", "items"), "write map.transformList(k, v, k)"),
        **dict.fromkeys(("strftime", "formatDate", "date_format"), "write time.format(x, '%Y-%m-%d')"),
        **dict.fromkeys(
            ("strptime", "parseDate", "Date", "to_date", "datetime"), "write time.parse(x, '%Y-%m-%d')"
        ),
        **dict.fromkeys(("JSON.stringify", "stringify", "dumps", "toJson"), "write json.encode(x)"),
        **dict.fromkeys(("JSON.parse", "loads", "fromJson"), "write json.decode(x)"),
        **dict.fromkeys(("sha256", "hash", "md5", "sha1", "hashlib.sha256"), "write pii.sha256(x)"),
        **dict.fromkeys(("hmac",), "write pii.hmac(x)"),
        **dict.fromkeys(("uuid", "uuid4"), "write uuid.v5(namespace, name); nothing is random"),
        **dict.fromkeys(("exists",), "write has(event.x), or list.exists(i, i.qty > 0)"),
    }
)
_SIGNS = MappingProxyType(
    {
        **dict.fromkeys("‘’“”„", "typographic quotes: write ' instead"),
        **dict.fromkeys("–—−", "write - (a plain minus)"),
        "×": "write *",
        "÷": "write /",
        "≠": "write !=",
        "≤": "write <=",
        "≥": "write >=",
        "…": "write it out",
        ";": "one expression only: put parts of it under `let`",
        "`": "text is written in single quotes: 'order-' + string(event.number)",
        "@": "text is written in single quotes: 'a@b'",
        "\\": "a backslash stands inside quotes only",
    }
)
_PUT_TOGETHER = "put text together with +: 'order-' + string(event.number)"


def remedy(text: str, offset: int, message: str, hint: str, lets: Collection[str] = ()) -> str:
    """What to write instead.

    Args:
        text: the expression.
        offset: where the fault is.
        message: of the compiler.
        hint: of the compiler; kept where nothing better is known.
        lets: names of lets that this expression cannot use yet.
    """
    if named := re.match(r"unknown variable '(.*)'$", message):
        return _variable(text, offset, named[1], hint, lets)
    if named := re.match(r"unknown function '(.*)'$", message):
        name = named[1]
        known = _FUNCTIONS.get(name, _FUNCTIONS.get(name.rpartition(".")[2], ""))
        return hint if hint.startswith("write") else known.replace("NAME", name) or hint or _DOCUMENTED
    if message.startswith("pii.hmac takes 2"):
        return (
            "say `secrets: {pii_key: {env: PII_KEY}}` at the top; of several name one: pii.hmac(x, 'pii_key')"
        )
    if message.startswith("unknown escape"):
        return "a regular expression is best written r'…'; in double quotes of YAML, too, \\ is written twice"
    if message.startswith("no ") and message.endswith(" in maps"):
        return hint or "tables stand at the top of the file: `maps: {region: {VND: domestic}}`"
    if message.startswith("not a regular expression"):
        return "RE2 has neither look-around nor back-references" if "perl operator" in message else hint
    if arity := re.match(r"(\S+) takes .* argument", message):
        return hint or _example(arity[1])
    if message == "unexpected '?'" and text[:offset].count("?") > text[:offset].count(":"):
        return "put an inner condition in parentheses: a ? (b ? 1 : 2) : 3"
    if message == "unexpected ')'" and text[:offset].count("(") <= text[:offset].count(")"):
        return "nothing opened it: leave it out"
    if message.startswith("number does not fit"):
        return "write so long a number as text, in single quotes"
    if message.startswith(("unexpected", "expected", "text without")) or not hint:
        return _sign(text, offset) or hint
    return hint


def misfit(found: Collection[str], fitting: Collection[str]) -> str:
    """What makes a value of one of the kinds ``found`` one of the kinds ``fitting``; empty if unknown."""
    kinds = frozenset(found)
    if kinds == {"optional"}:
        return "say what counts when it is absent: .orValue(…)"
    if "timestamp" in fitting:
        return "a number is made a time by time.ms(x), time.s(x) or time.us(x)" if kinds <= _NUMBERS else ""
    if fitting == {"bool"}:
        return "compare it, such as x == 1 or x != ''"
    if kinds == {"string"} and ("int" in fitting or "double" in fitting) and "string" not in fitting:
        return "wrap it in double(…)" if "double" in fitting else "wrap it in int(…)"
    if kinds == {"double"} and "int" in fitting:
        return "wrap it in int(…), which cuts off, or in math.round(…)"
    if "string" in fitting and kinds <= _SIMPLE:
        return "wrap it in string(…)"
    if "string" in fitting and kinds <= {"list", "map"}:
        return "use json.encode(…), or ….join(', ') of a list"
    if "list" in fitting and kinds == {"map"}:
        return "of a map take x.transformList(k, v, v)"
    return "split it: x.split(',')" if "list" in fitting and kinds == {"string"} else ""


_NUMBERS = frozenset({"int", "uint", "double"})
_SIMPLE = _NUMBERS | {"bool", "timestamp", "duration"}


@lru_cache(maxsize=64)
def _example(name: str) -> str:
    for one in cel.standard_functions():
        if one.name == name and one.example != "true":
            return f"such as {one.example}"
    return ""


_DOCUMENTED = "the functions are listed by `filum-bridge schema functions`"


def _variable(text: str, offset: int, name: str, hint: str, lets: Collection[str]) -> str:
    if name in lets:
        return f"a let may use only those above it: `{name}` is not"
    if name in _NEEDS:
        return f"only under `envelope: {_NEEDS[name]}`"
    if name in _NAMES:
        return _NAMES[name]
    behind = text[offset + len(name) :]
    before = text[:offset].rstrip()
    if dashed := re.search(r"([\w.]+)\.(\w+)-$", text[:offset]):
        field = re.match(r"[\w-]+", text[offset:])
        return f"a name with a dash is written {dashed[1]}['{dashed[2]}-{field[0] if field else name}']"
    if name in _RECORD:
        return "the record's body is `event`"
    if hint:
        return hint
    if re.fullmatch(r"[\w-]+", text):
        return f"text is written '{text}', a field of the record event.{name}"
    if behind.lstrip().startswith((".", "[")):
        return f"the record's body is `event`: event.{name}…"
    if before.endswith(("==", "!=", "in", "(", ",", "[", "+", "?", ":", "-")) or not (before or behind):
        return f"text is written '{name}', a field of the record event.{name}"
    return f"a field of the record is written event.{name}"


def _sign(text: str, offset: int) -> str:
    """By what stands at the fault, and just before it."""
    before, rest = text[:offset], text[offset:]
    if optional := re.search(r"([\w.\])]+)\?\.(\w+)", text):
        holder, _, field = optional[1].rpartition(".")
        return f"write {holder}.?{field}.?{optional[2]}" if holder else f"write {field}.?{optional[2]}"
    if (sliced := re.search(r"\[(\d*):(\d*)\]", text)) and sliced.start() < offset < sliced.end():
        return f"write .substring({sliced[1] or 0}, {sliced[2] or 'n'}), of a list .slice(…)"
    for pattern, words in _AROUND:
        if pattern.match(rest) or pattern.search(text, max(0, offset - 2), offset + 2):
            return words
    word = re.match(r"\w+", rest)
    last = re.search(r"(\w+)\s*$", before)
    if word and word[0].lower() in _WORDS:
        return _WORDS[word[0].lower()]
    if (word and word[0] == "not") or (last and last[1] == "not"):
        return "write !(…) for not"
    if rest[:1] in _SIGNS:
        return _SIGNS[rest[0]]
    if rest[:1] and not rest[0].isprintable():
        return f"an invisible character (U+{ord(rest[0]):04X}): delete it"
    if rest[:1].isspace() or rest[:1] == "\xa0":
        return f"no ordinary blank (U+{ord(rest[0]):04X}): write a space"
    return _texts(text, before, rest, word)


def _texts(text: str, before: str, rest: str, word: re.Match[str] | None) -> str:
    if rest[:1] in ("'", '"') and before[-1:] in ("f", "F"):
        return _PUT_TOGETHER
    if re.fullmatch(r"\d[\d.]*", before[-4:].lstrip("(+-*/ ")) and word and word[0] in ("f", "d", "L"):
        return "write the number without a letter"
    if re.match(r"\d{4}-\d\d", text):
        return f"text is written '{text.strip()}'"
    if re.match(r"[\w]+$", rest) and re.fullmatch(r"[\w ]+", text):
        return f"text is written '{text.strip()}'"
    if word and re.search(r"[\w)] +$", before):
        field = re.search(r"([\w.]+)\.(\w+) +$", before)
        named = f"a name with a blank is written {field[1]}['{field[2]} {word[0]}']; " if field else ""
        return f"{named}text is written in single quotes"
    return ""


_AROUND: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"<>", "write !="),
        (r"!==", "write !="),
        (r"===", "write =="),
        (r"=~", "write x.matches('a.*b')"),
        (r"[=-]>", "write list.map(i, i.name): the name, then the value"),
        (r"\?\?", "write event.?x.orValue('y')"),
        (r"\?:", "write event.?x.orValue('y')"),
        (r"\*\*", "write x * x; there is no power"),
        (r"\+\+|--|\+=|-=", "nothing is assigned: write x + 1"),
        (r":=", "nothing is assigned: put it under `let`"),
        (r"\$\{", _PUT_TOGETHER),
        (r"\{\{|\}\}", 'an expression stands without braces: "event.order.number"'),
        (r",", "a list is written ['a', 'b'], and a number without separators"),
        (r"\$", "the record's body is `event`: event.order.number"),
    )
)
