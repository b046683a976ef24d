"""Rules of a few lines of YAML, applied to a record."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridge.config import Destination, Limits, Secret
from bridge.errors import ConfigError, ConfigErrors
from bridge.model import Applied, Fault, Filtered, Poison, Record, Scope, Stream
from bridge.rules import RuleSet, StreamRules, compile_files


@dataclass
class Workshop:
    """Compiles rule text and applies it."""

    folder: Path
    limits: Limits = field(default_factory=Limits)
    destinations: dict[str, Destination] | None = None
    secrets: dict[str, str] = field(default_factory=lambda: {"PII_KEY": "k"})

    def rules(self, *texts: str) -> RuleSet:
        """Compile one file for each text."""
        files = []
        for index, text in enumerate(texts):
            path = self.folder / f"rules{index or ''}.yaml"
            path.write_text(text, "utf-8")
            files.append(path)
        return compile_files(files, self.destinations, self.limits, self._secret)

    def errors(self, *texts: str) -> list[ConfigError]:
        """What is wrong with the texts."""
        with pytest.raises(ConfigErrors) as caught:
            self.rules(*texts)
        return list(caught.value.errors)

    def problem(self, text: str) -> str:
        """The only problem, with its place."""
        errors = self.errors(text)
        assert len(errors) == 1, errors
        return f"{errors[0].line}:{errors[0].column} {errors[0].problem}|{errors[0].hint}"

    def apply(self, text: str, event: Any = None, **given: Any) -> Applied | Poison | Filtered:
        """Put one record through all rules of the text."""
        rules = StreamRules(self.rules(text).rules)
        record = given.pop("record", None) or a_record()
        scope = Scope(event, **given)
        return rules.apply(record, lambda envelope: scope)

    def payloads(self, text: str, event: Any = None, **given: Any) -> list[Any]:
        """The payloads that come out; no faults allowed."""
        made = self.apply(text, event, **given)
        if isinstance(made, Filtered):
            return []
        assert isinstance(made, Applied), made
        assert not made.faults, made.faults
        return [msgspec.json.decode(one.body) for one in made.events]

    def fault(self, text: str, event: Any = None, **given: Any) -> Fault:
        """The only fault; no events allowed."""
        made = self.apply(text, event, **given)
        assert isinstance(made, Applied), made
        assert not made.events
        assert len(made.faults) == 1
        return made.faults[0]

    def param(self, param: str, event: Any = None, **given: Any) -> Any:
        """What ``event_params: {P: param}`` becomes: the value object, or None where it is left out."""
        params = self.payloads(RULE.format(param=param), event, **given)[0].get("event_params")
        return params[0]["value"] if params else None

    def param_fault(self, param: str, event: Any = None, **given: Any) -> str:
        """The fault's text behind its place."""
        return self.fault(RULE.format(param=param), event, **given).error.partition(": ")[2]

    def _secret(self, secret: Secret) -> str:
        if secret.env not in self.secrets:
            raise ConfigError(f"the environment variable {secret.env} is not set")
        return self.secrets[secret.env]


RULE = """\
from: {{topics: [t]}}
timezone: Asia/Ho_Chi_Minh
secrets: {{pii_key: {{env: PII_KEY}}}}
rules:
  - name: r
    emit:
      - event_type: track
        event_name: E
        user_id: "'u'"
        timestamp: none
        event_params:
          P: {param}
"""


def a_record(**fields: Any) -> Record:
    """A record of topic ``t``."""
    values: dict[str, Any] = {"stream": Stream("shop", "t", 3), "offset": 7, "epoch": 1, "value": b"{}"}
    return Record(**(values | fields))
