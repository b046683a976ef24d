"""Against Google's C++ CEL: random well-typed expressions over random documents give the same.

The oracle is a development dependency. int∘double is left out: there the dialect deviates on purpose.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge.rules import cel

oracle = pytest.importorskip("cel_expr_python.cel", reason="the oracle has no wheel for this platform")

ERROR = object()
NAMES = {"i": "INT", "j": "INT", "x": "DOUBLE", "s": "STRING", "b": "BOOL"}
TYPES = {name: getattr(oracle.Type, kind) for name, kind in NAMES.items()} | {
    "l": oracle.Type.List(oracle.Type.INT),
    "m": oracle.Type.Map(oracle.Type.STRING, oracle.Type.INT),
}
ORACLE = oracle.NewEnv(variables=TYPES)
OURS = cel.Environment(list(TYPES))

INT64 = st.integers(-(2**63), 2**63 - 1)
SMALL = st.integers(-3, 3)
TEXT = st.text(alphabet="aB1 é'\\\n", max_size=4)
DOCUMENTS = st.fixed_dictionaries(
    {
        "i": SMALL | INT64,
        "j": SMALL,
        "x": st.floats(allow_nan=False, width=32) | st.just(0.0),
        "s": TEXT,
        "b": st.booleans(),
        "l": st.lists(SMALL, max_size=4),
        "m": st.dictionaries(st.sampled_from(["a", "b", "c"]), SMALL, max_size=3),
    }
)


def quoted(text: str) -> str:
    """A CEL literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


def literal(value: float) -> str:
    """A number as CEL writes it; a negative one in brackets."""
    return f"({value!r})" if value < 0 else repr(value)


def forms(*templates: str, **parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """One of these texts with its places filled in."""
    return st.one_of([_filled(template, parts) for template in templates])


def _filled(template: str, parts: dict[str, st.SearchStrategy[str]]) -> st.SearchStrategy[str]:
    used = {name: part for name, part in parts.items() if "{" + name + "}" in template}
    return st.fixed_dictionaries(used).map(lambda found: template.format(**found))


def expressions(kind: str, depth: int, names: tuple[str, ...] = ()) -> st.SearchStrategy[str]:
    """Texts of this kind; ``names`` are loop variables in scope, all int."""
    leaves = {
        "int": st.sampled_from(["i", "j", *names]) | SMALL.map(literal),
        "double": st.just("x") | st.floats(-4, 4, width=16).map(literal),
        "string": st.just("s") | TEXT.map(quoted),
        "bool": st.sampled_from(["b", "true", "false"]),
        "list": st.sampled_from(["l", "[]", "[1, 2]"]),
    }[kind]
    return leaves if depth == 0 else leaves | st.deferred(lambda: _composed(kind, depth - 1, names))


def _composed(kind: str, depth: int, names: tuple[str, ...]) -> st.SearchStrategy[str]:
    def part(of: str, *more: str) -> st.SearchStrategy[str]:
        return expressions(of, depth, names + more)

    parts = {
        short: part(of)
        for short, of in zip("idtbl", ("int", "double", "string", "bool", "list"), strict=True)
    }
    parts |= {
        "j": part("int"),
        "u": part("string"),
        "c": part("bool"),
        "k": part("list"),
        "e": part("double"),
    }
    loop = f"v{len(names)}"
    parts |= {"p": part("bool", loop), "q": part("int", loop)}
    templates = {
        "int": (
            *("({i} + {j})", "({i} - {j})", "({i} * {j})", "({i} / {j})", "({i} % {j})", "(-{i})"),
            *("size({t})", "size({l})", "{l}[{i}]", "m['a']", "m.b", "({b} ? {i} : {j})", "int({d})"),
        ),
        "double": ("({d} + {e})", "({d} * {e})", "({d} / {e})", "(-{d})", "double({i})", "({b} ? {d} : {e})"),
        "string": ("({t} + {u})", "string({i})", "string({b})", "({b} ? {t} : {u})"),
        "bool": (
            *("({b} && {c})", "({b} || {c})", "(!{b})", "({i} < {j})", "({d} >= {e})", "({t} == {u})"),
            *("({i} in {l})", "('a' in m)", "has(m.c)", "{t}.contains({u})", "{t}.startsWith({u})"),
            *(
                f"{{l}}.all({loop}, {{p}})",
                f"{{l}}.exists({loop}, {{p}})",
                f"{{l}}.exists_one({loop}, {{p}})",
            ),
            *("({l} == {k})", "({t} < {u})", "({b} ? {b} : {c})", "(i == {i} || 1 / j > 0)"),
        ),
        "list": ("({l} + {k})", "[{i}, {j}]", f"{{l}}.map({loop}, {{q}})", f"{{l}}.filter({loop}, {{p}})"),
    }[kind]
    return forms(*templates, **parts)


def theirs(text: str, document: dict[str, Any]) -> object:
    """The oracle's value, or ERROR."""
    value = ORACLE.compile(text).eval(data=document)
    return ERROR if value.type() == oracle.Type.ERROR else value.plain_value()


def ours(text: str, document: dict[str, Any], *, exact: bool) -> object:
    """Our value in one of the two shapes of code, or ERROR."""
    try:
        return cel.evaluate(text, document, OURS, exact=exact)
    except cel.EvalFault:
        return ERROR


def same(one: object, other: object) -> bool:
    """Equal in kind and value; NaN is itself."""
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


ANY = st.sampled_from(["int", "double", "string", "bool", "list"]).flatmap(lambda kind: expressions(kind, 3))


@settings(max_examples=600, deadline=None)
@given(text=ANY, document=DOCUMENTS)
@example(text="(b || 1 / j > 0)", document={"i": 1, "j": 0, "x": 0.0, "s": "", "b": True, "l": [], "m": {}})
def test_random_expressions_agree_with_the_oracle(text: str, document: dict[str, Any]) -> None:
    """Value and kind, and whether it is an error at all; in both shapes of code."""
    expected = theirs(text, document)
    for exact in (True, False):
        got = ours(text, document, exact=exact)

        assert same(expected, got), f"{text}: oracle {expected!r}, ours {got!r}, {exact=}"
