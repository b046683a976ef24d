"""What a function is, as data, and the table of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Implementation: TypeAlias = Callable[..., Any]


class ArgumentProblem(Exception):
    """A literal argument that can never work; raised by a function's ``checks`` before anything runs."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Check:
    """A test of one argument at compile time.

    Args:
        test: gets the value of a literal argument; raises ``ArgumentProblem``.
        literal: the argument must be a literal.
        prepare: called instead where the argument is no literal: to load what is seldom needed, before it is.
    """

    test: Callable[[Any], object]
    literal: bool = False
    prepare: Callable[[], object] | None = None


@dataclass(frozen=True, slots=True)
class Overload:
    """One signature of a function.

    Args:
        parameters: kinds such as ``string``, ``int|double`` or ``dyn``; the receiver comes first.
        result: the kind of the result.
        run: the implementation; gets values of just these kinds, raises ``EvalFault``.
        variadic: any number of arguments; ``run`` gets them as one list.
        bounded: ``run`` also takes ``limit``, the size that it may build.
        charging: ``run`` takes the evaluation's budget as its last argument.
        heavy: its time grows with its first argument, which is weighed; lists always are.
    """

    parameters: tuple[str, ...]
    result: str
    run: Implementation
    variadic: bool = False
    bounded: bool = False
    charging: bool = False
    heavy: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """A function that expressions may call.

    Args:
        name: with its namespace, such as ``math.abs``.
        overloads: its signatures, tried in order.
        doc: one line for a person.
        example: an expression that is true.
        receiver: called as ``x.name(...)``; otherwise as ``name(x, ...)``.
        checks: tests of literal arguments, by position.
    """

    name: str
    overloads: tuple[Overload, ...]
    doc: str
    example: str
    receiver: bool = False
    checks: Mapping[int, Check] = field(default_factory=dict)

    def taking(self, count: int) -> tuple[Overload, ...]:
        """The overloads that take ``count`` arguments, the receiver counted."""
        return tuple(one for one in self.overloads if one.variadic or len(one.parameters) == count)

    @property
    def arities(self) -> str:
        """How many arguments it takes besides the receiver, in words."""
        counts = sorted({len(one.parameters) - self.receiver for one in self.overloads})
        return " or ".join(str(count) for count in counts)


class FunctionTable:
    """The functions of an environment; a name may stand once as a receiver's and once as a global one."""

    def __init__(self, functions: Iterable[Function]) -> None:
        self._functions = {(one.name, one.receiver): one for one in functions}

    def __iter__(self) -> Iterator[Function]:
        return iter(self._functions.values())

    def find(self, name: str, *, receiver: bool) -> Function | None:
        """The function of this name and style, or None."""
        return self._functions.get((name, receiver))

    def names(self, *, receiver: bool) -> tuple[str, ...]:
        """All names of one style."""
        return tuple(name for name, style in self._functions if style is receiver)


def plain(
    name: str, parameters: str, result: str, run: Implementation, doc: str, example: str, **more: Any
) -> Function:
    """A global function of one signature; ``parameters`` are kinds separated by blanks."""
    flags = {flag: more.pop(flag, False) for flag in ("bounded", "charging", "heavy")}
    signature = Overload(tuple(parameters.split()), result, run, **flags)
    return Function(name, (signature,), doc, example, **more)


def method(
    name: str, parameters: str, result: str, run: Implementation, doc: str, example: str, **more: Any
) -> Function:
    """A receiver's function of one signature; the receiver's kind comes first in ``parameters``."""
    return plain(name, parameters, result, run, doc, example, receiver=True, **more)
