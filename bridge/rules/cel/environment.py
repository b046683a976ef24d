"""What expressions may name."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from bridge.rules.cel.functions import FunctionTable, standard_functions


class Environment:
    """The variables, constants and functions of expressions; immutable.

    Args:
        variables: names whose values come with every evaluation; ``a.b`` is a qualified name.
        functions: the function table; by default all standard functions, without secrets and time zone.
        constants: names whose values are known now; an unknown field of a constant map is a compile fault.
    """

    __slots__ = ("constants", "functions", "variables")

    def __init__(
        self,
        variables: Iterable[str] = (),
        functions: FunctionTable | None = None,
        constants: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        self.variables = frozenset(variables)
        self.functions = functions if functions is not None else standard_functions()
        self.constants = MappingProxyType(dict(constants))


@dataclass(frozen=True, slots=True)
class Local:
    """An extra name of one expression: a let, a loop name.

    Args:
        make: gives the Python expression to splice in for every use of the name.
        type: the static type, when it is known.
        fails: whether computing it may fault.
    """

    make: Callable[[], ast.expr]
    type: str = "dyn"
    fails: bool = True


LocalLike: TypeAlias = str | Callable[[], ast.expr] | Local


def local(value: LocalLike) -> Local:
    """A ``Local`` from the name of a Python local, a factory of Python expressions, or itself.

    Raises:
        ValueError: text that is no identifier.
    """
    if isinstance(value, Local):
        return value
    if not isinstance(value, str):
        return Local(value)
    if not value.isidentifier():
        raise ValueError(f"{value!r} is no Python name")
    return Local(lambda: ast.Name(value, ast.Load()), fails=False)


def python_name(variable: str) -> str:
    """The Python local that holds a variable in generated code: ``v_event`` for ``event``."""
    return "v_" + variable.replace(".", "__")
