"""Random expressions out of the function table: well- and ill-typed, deep, long, and full of odd literals."""

from __future__ import annotations

from random import Random

from bridge.rules.cel import FunctionTable, standard_functions
from bridge.rules.cel.functions.table import Function
from tests.rules.fuzz.documents import KEYS, TEXTS

SECRET = "canary-7f3a-of-the-fuzzer"
TABLE: FunctionTable = standard_functions(secrets={"k": SECRET.encode}, timezone="Asia/Ho_Chi_Minh")
FUNCTIONS: tuple[Function, ...] = tuple(TABLE)
VARIABLES = ("event", "meta", "before", "op", "source", "cloudevent")
_LOOPS = ("all", "exists", "exists_one", "existsOne", "map", "filter", "sortBy")
_PAIRS = ("transformList", "transformMap", "transformMapEntry", "all", "exists")
_NAMES = (
    "i",
    "v",
    "item",
    "__class__",
    "__builtins__",
    "lambda",
    "None",
    "self",
    "turn",
    "VALUE",
    "c1",
    "r_add",
)
_NUMBERS = (
    *(
        "0",
        "1",
        "2",
        "-1",
        "3u",
        "0x7f",
        "-0x80",
        "9223372036854775807",
        "-9223372036854775808",
        "1e308",
        "1e999",
    ),
    *("1.5", ".5", "18446744073709551615u", "10000000", "64", "-0.0", "1e-320", "0u", "20", "9" * 40),
)
_STRINGS = (
    *(
        "''",
        "'a'",
        '"b"',
        "'''x\n'y'''",
        r"'\n\t\\'",
        r"r'\d+'",
        r"'\u00e9\U0001F9E8'",
        r"b'\xff\000'",
        "b'abc'",
    ),
    *(
        "'(a+)+$'",
        "'[0-9]+'",
        "'([a-z]*)*(b|c)'",
        "'%s %d %.2f'",
        "'%.1000f'",
        "'%x'",
        "'VN'",
        "'k'",
        "'UTC'",
        "'dns'",
    ),
    *(
        "'Asia/Ho_Chi_Minh'",
        "'2024-07-15T07:58:13Z'",
        "'%Y-%m-%dT%H'",
        "'%d%d'",
        "'{\"a\":[1,2,{}]}'",
        "'1h30m'",
    ),
)
_BINARY = ("+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "&&", "||")


class Grammar:
    """Writes expressions; ``names`` are what may stand for a value besides the variables."""

    def __init__(self, rng: Random, names: tuple[str, ...] = ()) -> None:
        self._rng = rng
        self._names = names

    def expression(self, depth: int | None = None) -> str:
        """One expression, nested up to ``depth``."""
        if depth is None:
            depth = self._rng.choice((1, 2, 2, 3, 3, 4, 6))
            if self._rng.random() < 0.06:
                return self._monster()
        return self._made(depth, ())

    def _made(self, depth: int, scope: tuple[str, ...]) -> str:
        rng = self._rng
        pick = rng.random()
        if depth <= 0 or pick < 0.12:
            return self._leaf(scope)
        if pick < 0.42:
            return self._call(depth - 1, scope)
        if pick < 0.6:
            left, right = self._made(depth - 1, scope), self._made(depth - 1, scope)
            return f"({left} {rng.choice(_BINARY)} {right})"
        if pick < 0.78:
            return self._macro(depth - 1, scope)
        return self._other(depth - 1, scope)

    def _leaf(self, scope: tuple[str, ...]) -> str:
        rng = self._rng
        pick = rng.random()
        if pick < 0.5:
            return self._path(scope)
        if pick < 0.66:
            return rng.choice(_NUMBERS)
        if pick < 0.84:
            return rng.choice(_STRINGS) if rng.random() < 0.6 else quoted(rng.choice(TEXTS))
        return rng.choice(
            ("true", "false", "null", "[]", "{}", "[1, 2, 3]", "['a', 'b']", "{'a': 1}", "int", "maps.m")
        )

    def _path(self, scope: tuple[str, ...]) -> str:
        rng = self._rng
        root = rng.choice((*scope, *self._names)) if (scope or self._names) and rng.random() < 0.5 else ""
        root = root or rng.choice((*VARIABLES, "event", "event", "event", "event", "maps"))
        for _ in range(rng.choice((0, 1, 1, 2))):
            key = rng.choice(KEYS[:14]) if rng.random() < 0.85 else rng.choice(KEYS)
            if not key.isidentifier() or not key.isascii():
                root += f"[{quoted(key)}]"
            else:
                root += rng.choice((".", ".", ".?")) + key
        return root

    def _call(self, depth: int, scope: tuple[str, ...]) -> str:
        function = self._rng.choice(FUNCTIONS)
        overload = self._rng.choice(function.overloads)
        kinds = list(overload.parameters) if not overload.variadic else ["dyn"] * self._rng.randrange(1, 4)
        if self._rng.random() < 0.06:
            kinds.append("dyn")
        parts = [self._of_kind(kind.split("|")[0], depth, scope) for kind in kinds]
        if function.name == "pii.hmac" and len(parts) > 1:
            parts[1] = "'k'"
        if function.receiver and parts:
            return f"{parts[0]}.{function.name}({', '.join(parts[1:])})"
        return f"{function.name}({', '.join(parts)})"

    def _of_kind(self, kind: str, depth: int, scope: tuple[str, ...]) -> str:
        """Mostly what fits the kind, sometimes anything."""
        rng = self._rng
        if rng.random() < 0.3 or kind not in _FITTING:
            return self._made(depth, scope)
        return rng.choice(_FITTING[kind]) if rng.random() < 0.6 else self._path(scope)

    def _macro(self, depth: int, scope: tuple[str, ...]) -> str:
        rng = self._rng
        source, name, other = self._of_kind("list", depth, scope), rng.choice(_NAMES), rng.choice(_NAMES)
        body = self._made(depth, (*scope, name))
        pick = rng.random()
        if pick < 0.5:
            return f"{source}.{rng.choice(_LOOPS)}({name}, {body})"
        if pick < 0.65:
            both = self._made(depth, (*scope, name, other))
            return f"{source}.{rng.choice(_PAIRS)}({name}, {other}, {both})"
        if pick < 0.75:
            return f"{source}.map({name}, {self._made(depth, (*scope, name))}, {body})"
        if pick < 0.87:
            return f"cel.bind({name}, {source}, {body})"
        return f"{self._path(scope)}.{rng.choice(('optMap', 'optFlatMap'))}({name}, {body})"

    def _other(self, depth: int, scope: tuple[str, ...]) -> str:
        rng = self._rng

        def part() -> str:
            return self._made(depth, scope)

        forms = (
            lambda: f"({part()} ? {part()} : {part()})",
            lambda: f"{rng.choice('!-')}{part()}",
            lambda: f"[{part()}, ?{part()}]",
            lambda: "{" + f"{part()}: {part()}, ?{part()}: {part()}" + "}",
            lambda: f"has({self._path(scope)})",
            lambda: f"{part()}[{rng.choice(('', '?'))}{part()}]",
            lambda: f"{part()}.orValue({part()})",
            lambda: f"{part()}.or({part()})",
            lambda: f"{part()}.`{rng.choice(('a b', 'a-b', '__class__'))}`",
            lambda: f"{part()}.{rng.choice(KEYS[:16])}",
        )
        return rng.choice(forms)()

    def _monster(self) -> str:
        """Long, deep, or both; near the limits on either side."""
        rng = self._rng
        count = rng.choice((10, 24, 45, 49, 50, 51, 99, 200, 1000))
        leaf = rng.choice(("1", "event", "event.a", self._leaf(())))
        forms = (
            lambda: "(" * count + leaf + ")" * count,
            lambda: "[" * count + leaf + "]" * count,
            lambda: "!" * count + leaf,
            lambda: "-" * count + leaf,
            lambda: rng.choice((" + ", " && ", " || ", " == ", " ? 1 : ", ", ")).join([leaf] * count),
            lambda: (
                "".join(f"cel.bind(a{n}, [a{n - 1}, a{n - 1}], " for n in range(1, count)).replace("a0", leaf)
                + f"a{count - 1}.flatten({count})"
                + ")" * (count - 1)
            ),
            lambda: "[1].map(x, " * count + "x" + ")" * count,
            lambda: "[1].sortBy(x, " * count + leaf + ")" * count,
            lambda: "(true && (event.a || " * count + leaf + "))" * count,
            lambda: "event" + ".a" * count,
            lambda: "event" + ".?a" * count + f".orValue({leaf})" * 3,
            lambda: "'" + "a" * count * 4 + "'",
            lambda: "[" + ", ".join([leaf] * count) + "]",
            lambda: "lists.range(9999).map(i, " * (count % 4 + 1) + leaf + ")" * (count % 4 + 1),
            lambda: "lists.range(31).map(i, " * (count % 9 + 1) + leaf + ")" * (count % 9 + 1),
            lambda: "optional.of(" * count + leaf + ")" * count,
            lambda: "9" * count,
        )
        return rng.choice(forms)()


def quoted(text: str) -> str:
    """A literal of the language; what no literal can hold is left as it is."""
    plain = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{plain[:600]}'"


_FITTING = {
    "string": (*_STRINGS[:8], "event.text", "event.name", "string(event.n)", "op", "'a,b,c'", *_STRINGS[9:]),
    "bytes": ("b'abc'", r"b'\xff'", "bytes(event.text)"),
    "int": ("0", "1", "-1", "3", "event.n", "event.items.size()", "9223372036854775807", "int(event.id)"),
    "uint": ("1u", "0u", "18446744073709551615u", "uint(event.n)"),
    "double": ("1.5", "0.0", "-2.5", "1e308", "1e999", "double(event.n)", "0.0 / 0.0", "event.x"),
    "list": (
        "event.items",
        "[3, 1, 2]",
        "['b', 'a']",
        "[]",
        "event.items.map(i, i.qty)",
        "lists.range(20)",
        "[[1], [2]]",
    ),
    "map": ("event", "{'a': 1}", "event.customer", "maps.m", "{1: 2, true: 3}"),
    "timestamp": (
        "timestamp(0)",
        "timestamp('2024-07-15T07:58:13Z')",
        "time.ms(event.n)",
        "meta.timestamp",
        "time.s(-62135596800)",
    ),
    "duration": ("duration('1h')", "duration('-1.5s')", "duration('0')", "timestamp(9) - timestamp(0)"),
    "optional": ("event.?a", "optional.none()", "optional.of(1)", "[1][?0]", "event.items.first()"),
    "bool": ("true", "event.a == 1", "has(event.b)"),
}
