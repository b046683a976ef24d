"""Stage 3: documents → events, by YAML rules whose expressions are CEL.

``load_rules`` compiles every rule to one Python function. ``RuleSet.of`` gives the rules of a stream, and
``StreamRules.apply`` puts a record through them: events, faults, or why there are none.
"""

from __future__ import annotations

from bridge.rules.identity import event_id_of
from bridge.rules.load import compile_files, load_rules, unfit
from bridge.rules.ruleset import RuleSet, StreamRules

__all__ = ["RuleSet", "StreamRules", "compile_files", "event_id_of", "load_rules", "unfit"]
