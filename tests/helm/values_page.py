"""The tables of values in ``helm/README.md``; all else in it is written by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby

from tests.helm.values_file import Value

BEGIN = "<!-- values: written by scripts/chart-docs -->"
END = "<!-- end of values -->"


def page_with_tables(page: str, values: Sequence[Value]) -> str:
    """The same page with the tables as they are now.

    Raises:
        ValueError: the page has no place for them.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"no {BEGIN} and {END} in the page")
    return f"{before}{BEGIN}\n\n{tables(values)}\n{END}{after}"


def tables(values: Sequence[Value]) -> str:
    """One table for each section."""
    listed = [one for value in values for one in value.all() if not one.is_group or one.text]
    return "\n".join(
        f"### {section}\n\n| value | default | |\n| --- | --- | --- |\n" + "".join(map(_row, of_section))
        for section, of_section in groupby(listed, key=lambda value: value.section)
    )


def _row(value: Value) -> str:
    default = "" if value.is_group else f"`{json.dumps(value.default, ensure_ascii=False)}`"
    return f"| `{'.'.join(value.path)}` | {_cell(default)} | {_cell(value.text)} |\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
