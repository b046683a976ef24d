"""What is questionable in rules that compile, or can never work. Pure: rules in, findings out.

``lint_files`` judges files by themselves; ``bridge.rules.lint.samples`` holds them against records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bridge.config import Limits
from bridge.rules.lint import calls, conditions, fields, names, plain, unused, values
from bridge.rules.lint.finding import Finding, Severity
from bridge.rules.lint.view import RuleView, views_of
from bridge.rules.rule import RuleFile

__all__ = ["Finding", "Severity", "lint_files"]

_OF_A_RULE: tuple[Callable[[RuleView], Iterator[Finding]], ...] = (
    values.check,
    calls.check,
    conditions.check,
    names.check,
    fields.check,
    plain.check,
    unused.check_lets,
)


def lint_files(files: Sequence[RuleFile], limits: Limits) -> list[Finding]:
    """Judge parsed rule files.

    Args:
        files: without faults of shape, in the order in which their rules apply.
        limits: bounds of expressions.

    Returns:
        The findings, by file and place. A rule with an expression that does not compile is left out:
        the compiler tells what is wrong with it.
    """
    found: list[Finding] = []
    everything: list[RuleView] = []
    for file in files:
        views = views_of(file, limits)
        of_file = [finding for view in views for check in _OF_A_RULE for finding in check(view)]
        of_file += plain.check_file(file)
        if len(views) == len(file.rules):
            of_file += unused.check_file(file, views)
        found += sorted(of_file, key=lambda one: (one.line, one.column))
        everything += views
    return [*found, *conditions.check_twins(everything)]
