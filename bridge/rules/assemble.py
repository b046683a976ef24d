"""A rule's compiled expressions → the bodies of its Python functions. Pure: nodes in, nodes out.

The rule's function takes ``turn``, whose scope has the variables; it returns False where ``when`` refused,
else it strikes the events into the turn and returns True. Everything is computed before anything is sent.
A ``when`` that looks at the scope alone is a function of its own: who is refused needs no turn.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from bridge.rules.cel import BUDGET, pyast, tree
from bridge.rules.lets import Lets
from bridge.rules.rule import Emit, Expression, Kind, Parameter, Rule
from bridge.rules.snippets import constant, snippet
from bridge.rules.turn import encode

ELEMENT, INDEX = "x_item", "x_index"


@dataclass(frozen=True, slots=True)
class Coded:
    """A compiled expression: its Python node, the static type, its tree, and its two shapes if it has two."""

    node: ast.expr
    type: str = "dyn"
    checked: tree.Node | None = None
    exact: ast.expr | None = None
    fast: ast.expr | None = None


class Assembly:
    """Puts one rule's function together.

    Args:
        rule: what is emitted.
        coded: the code of an expression.
        lets: the rule's lets.
        tool: names a run-time function or value → the expression that gives it.
    """

    def __init__(
        self,
        rule: Rule,
        coded: Callable[[Expression], Coded],
        lets: Lets,
        tools: Mapping[str, ast.expr],
    ) -> None:
        self._rule = rule
        self._coded = coded
        self._lets = lets
        self._tools = dict(tools)
        self._tests_alone = False

    def test(self) -> list[ast.stmt]:
        """The function of ``scope`` that says whether ``when`` takes it; empty where it needs more.

        Ask for it before ``body``, which leaves ``when`` out where there is one.
        """
        code = self._coded(self._rule.when) if self._rule.when is not None else None
        self._tests_alone = code is not None and self._is_of_scope(code)
        if code is None or not self._tests_alone:
            return []
        if code.fast is None or code.exact is None:
            body = snippet("return VALUE", code.node, VALUE=code.node)
        else:
            body = snippet(_TEST, code.exact, VALUE=code.exact, FAST=code.fast, **self._tools)
        given = ((name, _INPUTS[name].removeprefix("turn.")) for name in _inputs(body))
        return [*(one for name, source in given for one in snippet(f"{name} = {source}", body[0])), *body]

    def _is_of_scope(self, code: Coded) -> bool:
        nodes = [node for node in (code.exact, code.fast) if node is not None] if code.fast else [code.node]
        given = all(_INPUTS[name].startswith("turn.scope.") for name in _inputs(nodes))
        return code.type == "bool" and given and not self._lets.in_use(nodes)

    def body(self) -> list[ast.stmt]:
        """All statements of the rule's function."""
        when = [] if self._tests_alone else self._when()
        statements: list[ast.stmt] = []
        for index, emit in enumerate(self._rule.emits):
            statements += self._emit(emit, index)
        last: ast.AST = statements[-1] if statements else ast.Pass(lineno=1, col_offset=0)
        statements += snippet("return True", last)
        prologue = self._lets.prologue(statements[0])
        used = _inputs([*prologue, *when, *statements])
        early = used if self._lets.in_use(when) else _inputs(when)
        late = {name: None for name in used if name not in early}
        return [*prologue, *self._bind(early, last), *when, *self._bind(late, last), *statements]

    def _bind(self, inputs: Iterable[str], at: ast.AST) -> list[ast.stmt]:
        """What the turn gives for these names; asked only where it is used, and behind ``when`` if it can."""
        return [one for name in inputs for one in snippet(f"{name} = {_INPUTS[name]}", at, **self._tools)]

    def _make(
        self, source: str, code: Coded, *, certain: bool = True, **holes: str | bytes | float | None
    ) -> list[ast.stmt]:
        """A snippet around one expression, which stands in the hole ``VALUE``."""
        before, node = self._lets.ready(code.node, certain=certain)
        constants = {name: constant(value, node) for name, value in holes.items()}
        return [*before, *snippet(source, node, VALUE=node, **self._tools, **constants)]

    def _when(self) -> list[ast.stmt]:
        if self._rule.when is None:
            return []
        code = self._coded(self._rule.when)
        test = "VALUE" if code.type == "bool" else "TO_CONDITION(VALUE)"
        return self._make(f"if not {test}:\n    return False", code)

    def _emit(self, emit: Emit, index: int) -> list[ast.stmt]:
        if emit.each is None:
            return self._payload(emit, index, certain=True)
        source = f"""
            elements = TO_LIST(VALUE)
            CHECK_ROOM(turn, EMIT, LEN(elements))
            for {INDEX}, {ELEMENT} in ENUMERATE(elements):
                pass
        """
        statements = self._make(source, self._coded(emit.each), EMIT=index)
        loop = statements[-1]
        assert isinstance(loop, ast.For)  # noqa: S101 - for the type checker: the snippet ends with it
        loop.body = self._payload(emit, index, certain=False)
        return statements

    def _payload(self, emit: Emit, index: int, *, certain: bool) -> list[ast.stmt]:
        about = emit.user_id or emit.anonymous_id
        assert about is not None  # noqa: S101 - the parser wants one of them
        at = self._coded(about).node
        head = encode({"event_type": emit.event_type, "event_name": emit.event_name}).removesuffix(b"}")
        statements = snippet("parts = [HEAD]\nuser_id = anonymous_id = None", at, HEAD=constant(head, at))
        for key, expression in (("user_id", emit.user_id), ("anonymous_id", emit.anonymous_id)):
            if expression is not None:
                statements += self._id(key, expression, certain=certain)
        statements += self._timestamp(emit, at, certain=certain)
        statements += self._context(emit, at, certain=certain)
        statements += self._params(emit, at, certain=certain)
        element = "0" if emit.each is None else INDEX
        return [
            *statements,
            *snippet(
                f"STRIKE(turn, TYPE, parts, (user_id, anonymous_id), (EMIT, {element}), time_ms)",
                at,
                EMIT=constant(index, at),
                TYPE=constant(emit.event_type, at),
                **self._tools,
            ),
        ]

    def _id(self, key: str, expression: Expression, *, certain: bool) -> list[ast.stmt]:
        source = f"""
            value = VALUE
            if value.__class__ is not STR or not value:
                value = TO_ID(value)
            if value is not None:
                {key} = value
                parts += (KEY, ENCODE(value))
        """
        return self._make(source, self._coded(expression), certain=certain, KEY=_lead(key))

    def _timestamp(self, emit: Emit, at: ast.AST, *, certain: bool) -> list[ast.stmt]:
        if emit.without_timestamp:
            return snippet("time_ms = None", at)
        statements: list[ast.stmt] = []
        if emit.timestamp is not None:
            statements += self._make(
                "stamp = TO_TIMESTAMP(VALUE, ZONE)\nif stamp is None:\n    stamp = TIME(turn)",
                self._coded(emit.timestamp),
                certain=certain,
            )
        else:
            statements += snippet("stamp = TIME(turn)", at, **self._tools)
        return [
            *statements,
            *snippet(
                """
                if stamp is None:
                    time_ms = None
                else:
                    value, time_ms = stamp
                    parts += (KEY, ENCODE(value))
                """,
                at,
                KEY=constant(_lead("timestamp"), at),
                **self._tools,
            ),
        ]

    def _context(self, emit: Emit, at: ast.AST, *, certain: bool) -> list[ast.stmt]:
        if not emit.context:
            return []
        source = """
            value = VALUE
            if value.__class__ is not STR and (value.__class__ is not INT or not INT_MIN <= value <= INT_MAX):
                value = TO_JSON(value)
            if value is not None:
                parts += (KEY, ENCODE(value), END)
        """
        statements: list[ast.stmt] = []
        for key, expression in emit.context:
            name = encode(key) + b":"
            statements += self._make(source, self._coded(expression), certain=certain, KEY=name, END=b",")
        return self._enclosed(_lead("context") + b"{", statements, b"}", at)

    def _enclosed(self, opening: bytes, inside: list[ast.stmt], ending: bytes, at: ast.AST) -> list[ast.stmt]:
        """Parts that each end with a comma, between brackets; nothing at all where there are none."""
        ends = {
            "OPENING": constant(opening, at),
            "ENDING": constant(ending, at),
            "NOTHING": constant(b"", at),
            "LAST": constant(-1, at),
        }
        return [
            *snippet("parts += (OPENING,)\nbefore = LEN(parts)", at, **ends, **self._tools),
            *inside,
            *snippet(_ENCLOSE, at, **ends, **self._tools),
        ]

    def _params(self, emit: Emit, at: ast.AST, *, certain: bool) -> list[ast.stmt]:
        if not emit.params:
            return []
        statements: list[ast.stmt] = []
        for parameter in emit.params:
            statements += self._param(parameter, certain=certain)
        return self._enclosed(_lead("event_params") + b"[", statements, b"}}]", at)

    def _param(self, parameter: Parameter, *, certain: bool) -> list[ast.stmt]:
        code = self._coded(parameter.value)
        key = b'{"key":%b,"value":{"%b_value":' % (encode(parameter.key), parameter.kind.value.encode())
        holes: dict[str, str | bytes | float | None] = {"KEY": key, "END": b"}},"}
        if parameter.default is not None:
            source = _DEFAULTED + _CONVERSIONS[parameter.kind] + _SERVED + _APPEND
            return self._make(source, code, certain=False, DEFAULT=parameter.default, **holes)
        source = "value = VALUE\n" + _CONVERSIONS[parameter.kind]
        if code.type == "string" and parameter.kind is Kind.STRING:
            source = "value = VALUE\n"
        return self._make(source + _APPEND, code, certain=certain, **holes)


_INPUTS = {
    BUDGET: "BUDGET()",
    "v_event": "turn.scope.event",
    "v_before": "turn.scope.before",
    "v_op": "turn.scope.op",
    "v_source": "turn.scope.source",
    "v_cloudevent": "turn.scope.cloudevent",
    "v_meta": "turn.meta(META_FIELDS)",
}


def _inputs(nodes: Iterable[ast.AST]) -> dict[str, None]:
    """The variables that are used, each once, in the order of their first use."""
    names = (part.id for node in nodes for part in pyast.walk(node) if isinstance(part, ast.Name))
    return {name: None for name in names if name in _INPUTS}


_TEST = """\
try:
    return FAST
except FAULTS:
    return VALUE
"""
_DEFAULTED = """\
try:
    value = VALUE
except EXCEPTION as fault:
    if not IS_MISSING(fault):
        raise
    value = None
"""
_CONVERSIONS = {
    Kind.STRING: "if value.__class__ is not STR:\n    value = TO_STRING(value)\n",
    Kind.INT: (
        "if value.__class__ is not INT or not INT_MIN <= value <= INT_MAX:\n    value = TO_INT(value)\n"
    ),
    # Neither NaN nor infinity is between the two.
    Kind.DOUBLE: (
        "if value.__class__ is not DOUBLE or not LEAST <= value <= MOST:\n    value = TO_DOUBLE(value)\n"
    ),
    Kind.DATETIME: "value = TO_DATETIME(value, ZONE)\n",
}
_SERVED = "if value is None:\n    value = DEFAULT\n"
_APPEND = "if value is not None:\n    parts += (KEY, ENCODE(value), END)\n"
_ENCLOSE = "parts[LAST] = ENDING if LEN(parts) > before else NOTHING"


def _lead(key: str) -> bytes:
    """A property of the payload but for its value."""
    return b",%b:" % encode(key)
