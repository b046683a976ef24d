"""Every error that the bridge raises, one tree.

::

    BridgeError                 what a person can be told
    ├── ConfigError             a file or a value of it is wrong: path, line, column, hint
    │   └── RuleFileError       the same in a rule file
    ├── ConsumerError           a broker client cannot go on
    │   └── ConnectionLost      it may after a reconnect
    ├── DeadLetterError         a dead letter could not be written or was not confirmed
    │   └── DeadLetterTooLarge  its store will never take a letter of this size
    └── UsageError              a command was given what it cannot use

Poison, rule faults, refusals and filtering are values (``bridge.model``), never exceptions.
"""

from __future__ import annotations


class BridgeError(Exception):
    """Root of the tree. ``str()`` is one line for a person; it never holds a payload or a secret."""

    exit_code = 1


class ConfigError(BridgeError):
    """A configuration that must not run.

    Args:
        problem: what is wrong, one line.
        path: the file, as the user named it.
        line: 1-based line in ``path``; 0 when it has none.
        column: 1-based column.
        where: the key path, such as ``sources[0].brokers``.
        hint: the remedy, or the nearest known name.
    """

    exit_code = 2

    def __init__(
        self,
        problem: str,
        *,
        path: str = "",
        line: int = 0,
        column: int = 0,
        where: str = "",
        hint: str = "",
    ) -> None:
        self.problem = problem
        self.path = path
        self.line = line
        self.column = column
        self.where = where
        self.hint = hint
        super().__init__(self._text())

    def _text(self) -> str:
        place = f"{self.path}:{self.line}:{self.column}" if self.line else self.path
        parts = [part for part in (place, self.where, self.problem) if part]
        return ": ".join(parts) + (f" ({self.hint})" if self.hint else "")


class RuleFileError(ConfigError):
    """A rule file that does not compile; the same fields as ``ConfigError``."""


class ConfigErrors(ConfigError):
    """All that is wrong with a configuration at once."""

    def __init__(self, errors: list[ConfigError]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(str(error) for error in errors))


class ConsumerError(BridgeError):
    """A broker client that cannot go on; ``remedy`` tells the operator what to do."""

    exit_code = 3

    def __init__(self, problem: str, remedy: str = "") -> None:
        self.remedy = remedy
        super().__init__(f"{problem} ({remedy})" if remedy else problem)


class ConnectionLost(ConsumerError):
    """The broker is gone for now; the consumer reconnects by itself."""


class DeadLetterError(BridgeError):
    """A dead letter was not written, or its write was not confirmed: nothing may settle."""

    exit_code = 3


class DeadLetterTooLarge(DeadLetterError):
    """The store's own limit is below this letter: a reference to the original is written instead."""


class UsageError(BridgeError):
    """A command was given what it cannot use."""

    exit_code = 2
