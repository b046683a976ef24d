"""A small compiler of the Common Expression Language to Python functions; knows nothing of the bridge.

``Unit`` turns expressions into Python ``ast`` nodes, which its user composes into one function;
``evaluate`` runs a single expression.
"""

from __future__ import annotations

from bridge.rules.cel.codegen import BUDGET
from bridge.rules.cel.environment import Environment, Local, python_name
from bridge.rules.cel.faults import CompileFault, EvalFault
from bridge.rules.cel.flow import FAULTS
from bridge.rules.cel.functions import FunctionTable, standard_functions
from bridge.rules.cel.limits import Budget, Limits
from bridge.rules.cel.unit import Compiled, Location, Unit, evaluate
from bridge.rules.cel.values import NONE, Optional, Uint

__all__ = [
    "BUDGET",
    "FAULTS",
    "NONE",
    "Budget",
    "CompileFault",
    "Compiled",
    "Environment",
    "EvalFault",
    "FunctionTable",
    "Limits",
    "Local",
    "Location",
    "Optional",
    "Uint",
    "Unit",
    "evaluate",
    "python_name",
    "standard_functions",
]
