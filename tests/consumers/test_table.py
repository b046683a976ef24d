"""The table of consumers: what is built in, what a plug-in may add, what is told when there is none."""

from __future__ import annotations

import pytest

from bridge import consumers
from bridge.consumers.base import Consumer
from bridge.errors import ConfigError


@pytest.mark.parametrize("kind", ["kafka", "rabbitmq", "file", "memory"])
def test_a_built_in_consumer_loads_with_its_settings(kind: str) -> None:
    """Its settings say the same type."""
    found = consumers.load(kind)

    assert issubclass(found, Consumer)
    assert found.Settings.model_fields["type"].default == kind


def test_the_installed_distribution_announces_them() -> None:
    """The entry-point group is what outside plug-ins join."""
    assert set(consumers.names()) >= {"kafka", "rabbitmq", "file", "memory"}


def test_an_unknown_type_is_told_with_those_that_are() -> None:
    """Instead of an import error."""
    with pytest.raises(ConfigError, match=r"unknown source type 'kafak'.*kafka"):
        consumers.load("kafak")
