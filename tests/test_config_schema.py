"""The schema that editors use is the one the loader's settings give."""

import json
import re
from pathlib import Path
from typing import Any

from bridge.cli.schema import config_schema, schema_text
from bridge.config import Config
from bridge.consumers.kafka_settings import Security
from bridge.located_yaml import read_yaml

CONFIG = Path(__file__).parent.parent / "config"
COPY = CONFIG / "schema" / "config.schema.json"


def test_the_copy_for_editors_is_what_is_generated() -> None:
    """``filum-bridge schema > config/schema/config.schema.json`` brings it up to date."""
    assert COPY.read_text() == schema_text()


def test_every_reference_inside_the_schema_leads_somewhere() -> None:
    """A definition that was renamed must not leave a hole."""
    schema = config_schema()
    wanted = set(re.findall(r'"#/\$defs/([^"]+)"', json.dumps(schema)))
    assert wanted <= schema["$defs"].keys()


def test_the_schema_has_the_keys_of_a_file_and_no_others() -> None:
    """``base`` is where the file lies, not something it says."""
    schema = config_schema()
    assert schema["properties"].keys() == Config.model_fields.keys() - {"base"}
    assert schema["additionalProperties"] is False


def test_the_shipped_configuration_uses_only_known_keys() -> None:
    """Its first line tells editors where the schema lies."""
    located = read_yaml(CONFIG / "bridge.yaml")
    definitions: dict[str, Any] = config_schema()["$defs"]
    assert located.value.keys() <= config_schema()["properties"].keys()
    for source in located.value["sources"]:
        assert source.keys() <= definitions[f"source_{source['type']}"]["properties"].keys()
    assert "$schema=schema/config.schema.json" in (CONFIG / "bridge.yaml").read_text()


def test_durations_and_sizes_are_text_and_numbers_may_be_references() -> None:
    """An editor must not underline what the loader takes."""
    definitions: dict[str, Any] = config_schema()["$defs"]
    duration = definitions["Timeout"]["properties"]["connect"]["anyOf"][0]
    assert re.search(duration["pattern"], "1m30s")
    assert not re.search(duration["pattern"], "10 seconds")
    assert re.search(definitions["Limits"]["properties"]["buffer"]["anyOf"][0]["pattern"], "64MiB")
    number, reference = definitions["Admin"]["properties"]["port"]["anyOf"]
    assert number["type"] == "integer"
    assert re.search(reference["pattern"], "${ADMIN_PORT:-9464}")


def test_security_is_known_in_either_case() -> None:
    """The loader takes Kafka's own spelling, ``SASL_SSL``, and an editor does not underline it."""
    security = config_schema()["$defs"]["Security"]["properties"]
    protocol, _ = security["protocol"]["anyOf"]
    assert {"sasl_ssl", "SASL_SSL"} <= {*protocol["enum"]}
    taken = Security(protocol="SASL_SSL", mechanism="scram-sha-512", username="u", password={"env": "P"})
    assert (taken.protocol, taken.mechanism) == ("sasl_ssl", "SCRAM-SHA-512")
    assert "scram-sha-512" in json.dumps(security["mechanism"])
