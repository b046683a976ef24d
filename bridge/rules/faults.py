"""Exceptions of a rule's function → the fault a person reads: where in which file, and what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bridge.located_yaml import Located
from bridge.model import Reason
from bridge.rules import cel
from bridge.rules.rule import Expression, Rule
from bridge.rules.turn import Unfit


class Places:
    """Explains the exceptions of one unit of generated code.

    Args:
        located: the rule file.
        rule: the rule that the code was made of.
        unit: the generated code.
        expressions: index in the unit → the expression.
    """

    def __init__(
        self, located: Located, rule: Rule, unit: cel.Unit, expressions: Mapping[int, Expression]
    ) -> None:
        self._located = located
        self._rule = rule
        self._name = Path(located.name).name
        self._unit = unit
        self._expressions = expressions

    def explain(self, error: Exception) -> tuple[Reason, str] | None:
        """Reason and text, such as ``orders.yaml:14:23 order.when: no such key 'type'``.

        Returns:
            None for an exception that no record can cause: a bug.
        """
        if isinstance(error, Unfit):
            return error.reason, self._of_emit(error.emit, str(error))
        if isinstance(error, UnicodeEncodeError) and self._unit.raised_here(error):
            return Reason.INVALID_PAYLOAD, self._told(error, "a text with a lone surrogate is not Unicode")
        fault = self._unit.fault(error)
        if fault is not None:
            return Reason.RULE_FAULT, self._told(error, fault.message)
        return None

    def _of_emit(self, emit: int | None, message: str) -> str:
        keypath, where = self._rule.keypath, self._rule.name
        if emit is not None:
            keypath, where = (*keypath, "emit", emit), self._rule.emits[emit].where
        line, column = self._located.at(keypath)
        return f"{self._name}:{line}:{column} {where}: {message}"

    def _told(self, error: Exception, message: str) -> str:
        found = self._unit.locate(error)
        expression = self._expressions.get(found.index) if found is not None else None
        if found is None or expression is None:
            return f"{self._name}: {message}"
        line, column = self._located.scalar_position(expression.keypath, found.offset)
        return f"{self._name}:{line}:{column} {expression.where}: {message}"
