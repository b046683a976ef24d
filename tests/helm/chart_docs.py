"""Writes the schema and the tables of the README that follow from ``helm/values.yaml``."""

from __future__ import annotations

from pathlib import Path

from tests.helm.values_file import read_values
from tests.helm.values_page import page_with_tables
from tests.helm.values_schema import schema_text

CHART = Path(__file__).parents[2] / "helm"


def generated() -> dict[Path, str]:
    """Each file that is generated, and what it must say."""
    values = read_values(CHART / "values.yaml")
    page = CHART / "README.md"
    return {
        CHART / "values.schema.json": schema_text(values),
        page: page_with_tables(page.read_text(), values),
    }


if __name__ == "__main__":
    for path, text in generated().items():
        path.write_text(text)
