"""Parsed rules → functions. One unit of generated code a rule; every fault of an expression is collected."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Mapping
from functools import partial

from bridge.config import Destination, Limits, Secret
from bridge.errors import ConfigError
from bridge.rules import cel, convert
from bridge.rules.assemble import ELEMENT, INDEX, Assembly, Coded
from bridge.rules.cel import pyast
from bridge.rules.cel.values import INT_MAX, INT_MIN
from bridge.rules.faults import Places
from bridge.rules.hints import misfit, remedy
from bridge.rules.index import Key, is_key, key_of
from bridge.rules.lets import UNSET, Lets, variable
from bridge.rules.meta import fields_read
from bridge.rules.reader import Reader
from bridge.rules.rule import Emit, Expression, Kind, Rule, RuleFile
from bridge.rules.ruleset import CompiledRule
from bridge.rules.times import zone_of
from bridge.rules.turn import Mint, Turn, encode

_BY_ENVELOPE = {
    "auto": ("event", "meta", "cloudevent"),
    "cloudevents": ("event", "meta", "cloudevent"),
    "none": ("event", "meta"),
    "debezium": ("event", "meta", "before", "op", "source", "cloudevent"),
}
_TEXT = frozenset({"string"})
_WHOLE = frozenset({"int", "uint"})
ID_KINDS = _TEXT | _WHOLE
"""What ``user_id`` and ``anonymous_id`` take."""
TIME_KINDS = frozenset({"timestamp", "string"})
"""What ``timestamp`` takes."""
FITTING = {
    Kind.STRING: _TEXT,
    Kind.INT: _WHOLE | {"bool"},
    Kind.DOUBLE: _WHOLE | {"double"},
    Kind.DATETIME: TIME_KINDS,
}
"""What a parameter of each kind takes."""
_JUDGED = frozenset(
    {"bool", "int", "uint", "double", "string", "bytes", "list", "map", "timestamp", "duration", "type"}
)


def compile_file(
    file: RuleFile,
    reader: Reader,
    destinations: Mapping[str, Destination],
    limits: Limits,
    secret_of: Callable[[Secret], str],
) -> list[CompiledRule]:
    """Compile the rules of one file; faults go to the reader, and such rules are left out.

    Args:
        file: as parsed.
        reader: of the same file.
        destinations: their ``event_id`` is used; a name that is not here counts as one with ids.
        limits: bounds of expressions, events and payloads.
        secret_of: reads a secret; raises ``ConfigError``.
    """
    secrets = _secrets(file, reader, secret_of)
    compiled = []
    for rule in file.rules:
        destination = destinations.get(rule.destination)
        mint = Mint(rule.name, rule.destination, destination is None or destination.event_id, limits)
        try:
            one = _Compiler(file, reader, rule, limits, secrets).compile(mint)
        except RecursionError:
            reader.fault(rule.keypath, "the lets of this rule name one another in too long a chain")
            continue
        if one is not None:
            compiled.append(one)
    return compiled


def environment_of(file: RuleFile, rule: Rule, secrets: Mapping[str, Callable[[], bytes]]) -> cel.Environment:
    """What the expressions of a rule may name."""
    functions = cel.standard_functions(secrets=secrets, timezone=rule.timezone or "")
    return cel.Environment(_BY_ENVELOPE[rule.envelope], functions, {"maps": file.maps or {}})


def bounds_of(limits: Limits) -> cel.Limits:
    """The bounds of expressions among those of the configuration."""
    return cel.Limits(limits.loop_steps, limits.string, limits.expression, limits.expression_depth)


def _secrets(
    file: RuleFile, reader: Reader, secret_of: Callable[[Secret], str]
) -> dict[str, Callable[[], bytes]]:
    values: dict[str, Callable[[], bytes]] = {}
    for name, secret in (file.secrets or {}).items():
        try:
            value = secret_of(secret).encode()
        except ConfigError as error:
            reader.fault(("secrets", name), error.problem, error.hint)
            value = b""
        values[name] = partial(bytes, value)
    return values


class _Compiler:
    """Compiles one rule."""

    def __init__(
        self,
        file: RuleFile,
        reader: Reader,
        rule: Rule,
        limits: Limits,
        secrets: Mapping[str, Callable[[], bytes]],
    ) -> None:
        self._file = file
        self._reader = reader
        self._rule = rule
        self._steps = limits.loop_steps
        environment = environment_of(file, rule, secrets)
        self._unit = cel.Unit(environment, filename=f"<rule {rule.name}>", limits=bounds_of(limits))
        self._coded: dict[Expression, Coded] = {}
        self._by_index: dict[int, Expression] = {}
        self._key: Key | None = None
        self._is_key = False

    def compile(self, mint: Mint) -> CompiledRule | None:
        """The rule's function, or None when an expression is at fault."""
        lets = self._compile_lets()
        if self._rule.when is not None:
            code = self._expression(self._rule.when, lets, frozenset({"bool"}), "bool")
            if code is not None and code.checked is not None:
                self._key, self._is_key = key_of(code.checked), is_key(code.checked)
        for emit in self._rule.emits:
            self._compile_emit(emit, lets)
        if self._reader.errors:
            return None
        nodes = {name: self._coded[expression].node for name, expression in self._rule.lets}
        assembly = Assembly(
            self._rule,
            self._coded.__getitem__,
            Lets(nodes, self._unit.constant(UNSET), self._unit.constant(Exception)),
            self._tools(mint),
        )
        test = assembly.test()
        accepts = self._unit.build(_function("accepts", "scope", test)) if test else None
        function = self._unit.build(_function("rule", "turn", assembly.body()))
        places = Places(self._file.located, self._rule, self._unit, self._by_index)
        return CompiledRule(self._rule, function, places.explain, self._key, accepts, self._is_key)

    def _compile_lets(self) -> dict[str, cel.Local | str]:
        known: dict[str, cel.Local | str] = {}
        for name, expression in self._rule.lets:
            code = self._expression(expression, known)
            known[name] = cel.Local(partial(_load, variable(name)), code.type if code else "dyn")
        return known

    def _compile_emit(self, emit: Emit, lets: Mapping[str, cel.Local | str]) -> None:
        scope = dict(lets)
        if emit.each is not None:
            self._expression(emit.each, lets, frozenset({"list"}), "list")
            scope["item"] = ELEMENT
        if emit.index is not None:
            scope[emit.index] = cel.Local(partial(_load, INDEX), "int", fails=False)
        for one in (emit.user_id, emit.anonymous_id):
            if one is not None:
                self._expression(one, scope, ID_KINDS, "string or int")
        if emit.timestamp is not None:
            self._expression(emit.timestamp, scope, TIME_KINDS, "timestamp or string")
        for _, one in emit.context:
            self._expression(one, scope)
        for parameter in emit.params:
            self._expression(parameter.value, scope, FITTING[parameter.kind], parameter.kind.value)

    def _expression(
        self,
        expression: Expression,
        scope: Mapping[str, cel.Local | str],
        fitting: frozenset[str] = frozenset(),
        wanted: str = "",
    ) -> Coded | None:
        """Compile one expression; a result that can never fit is a fault already now."""
        try:
            compiled = self._unit.expression(expression.text, locals=scope)
        except cel.CompileFault as fault:
            later = {name for name, _ in self._rule.lets if name not in scope}
            for one in (fault, *fault.others):
                hint = remedy(expression.text, one.offset, one.message, one.hint, later)
                self._fault(expression, one.offset, one.message, hint)
            return None
        if fitting and compiled.type in _JUDGED and compiled.type not in fitting:
            hint = misfit({compiled.type}, fitting)
            self._fault(expression, 0, f"expected {wanted}, and this is always {compiled.type}", hint)
            return None
        self._by_index[compiled.index] = expression
        node = self._unit.shaped(compiled)
        self._coded[expression] = Coded(node, compiled.type, compiled.checked, compiled.node, compiled.fast)
        return self._coded[expression]

    def _fault(self, expression: Expression, offset: int, problem: str, hint: str) -> None:
        self._reader.fault_inside(expression, offset, problem, hint)

    def _tools(self, mint: Mint) -> dict[str, ast.expr]:
        """What the scaffolding calls, by the name of its hole."""
        values: dict[str, object] = {
            "STR": str,
            "INT": int,
            "DOUBLE": float,
            "INT_MIN": INT_MIN,
            "INT_MAX": INT_MAX,
            "LEAST": -sys.float_info.max,
            "MOST": sys.float_info.max,
            "LEN": len,
            "ENUMERATE": enumerate,
            "EXCEPTION": Exception,
            "FAULTS": cel.FAULTS,
            "BUDGET": partial(cel.Budget, self._steps),
            "TO_CONDITION": convert.to_condition,
            "TO_LIST": convert.to_list,
            "TO_ID": convert.to_id,
            "TO_TIMESTAMP": convert.to_timestamp,
            "TO_JSON": convert.to_json,
            "TO_STRING": convert.to_string,
            "TO_INT": convert.to_int,
            "TO_DOUBLE": convert.to_double,
            "TO_DATETIME": convert.to_datetime,
            "ZONE": zone_of(self._rule.timezone) if self._rule.timezone else None,
            "IS_MISSING": self._is_missing,
            "TIME": Turn.time,
            "META_FIELDS": self._meta_fields(),
            "CHECK_ROOM": mint.check_room,
            "STRIKE": mint.strike,
            "ENCODE": encode,
        }
        return {name: self._unit.constant(value) for name, value in values.items()}

    def _meta_fields(self) -> frozenset[str] | None:
        trees = [code.checked for code in self._coded.values() if code.checked is not None]
        return fields_read(trees)

    def _is_missing(self, error: Exception) -> bool:
        fault = self._unit.fault(error)
        return fault is not None and fault.missing


def _load(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


def _function(name: str, argument: str, body: list[ast.stmt]) -> ast.FunctionDef:
    arguments = ast.arguments([], [ast.arg(argument)], None, [], [], None, [])
    function = ast.FunctionDef(name, arguments, body, [], None, None)
    ast.copy_location(function, body[0])
    pyast.fill_places(function)
    return function
