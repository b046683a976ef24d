"""The audit that the fuzzer relies on: it passes what the compiler makes, and nothing that goes further."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.rules.fuzz.audit import escapes_of_code, escapes_of_globals, escapes_of_tree

ROOT = Path(__file__).parents[3]
COMPILER = sorted((ROOT / "bridge" / "rules" / "cel").rglob("*.py"))
# Nothing here does input or output; zoneinfo and phonenumbers read data files of their own.
IMPORTS = frozenset(
    {"__future__", "ast", "base64", "binascii", "bisect", "bridge", "collections", "contextlib", "copy"}
    | {"dataclasses", "datetime", "difflib", "fractions", "functools", "hashlib", "hmac", "itertools", "math"}
    | {"msgspec", "operator", "phonenumbers", "re", "re2", "sys", "textwrap", "types", "typing", "uuid"}
    | {"zoneinfo"}
)
REFLECTIVE = frozenset(
    {"eval", "exec", "compile", "open", "getattr", "setattr", "delattr", "vars", "globals", "locals"}
    | {"__import__", "breakpoint", "input", "memoryview"}
)
# The places where the compiler looks at its own nodes by name, and the one where code is made.
KNOWN = frozenset(
    {("never.py", "getattr"), ("pyast.py", "vars"), ("unit.py", "exec"), ("unit.py", "compile")}
)


@pytest.mark.parametrize(
    "source",
    [
        "v_event.__class__",
        "turn.scope.__class__",
        "turn.scope.event.items",
        "event",
        "open",
        "__import__('os')",
        "r_add(x=1)",
        "f'{v_event}'",
        "(x := 1)",
        "lambda y: y",
        "v_é",
        "{1}",
        "v_event ** v_event",
        "(yield)",
        "import os",
        "global c1",
        "del c1",
        "while c1: pass",
        "try:\n    pass\nexcept c1 as e:\n    pass",
        "class c1: pass",
        "params.extend",
        "c1.append",
        "parts.append",
        "v_event += (c1,)",
        "parts -= c1",
        "c1 + c1",
    ],
)
def test_the_audit_refuses(source: str) -> None:
    """Attributes, names, statements and operators beyond the lists."""
    assert list(escapes_of_tree(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    ["v_event['__class__']", "r_add(v_event, '__import__')", "turn.scope.event", "parts += (c1, c2)"],
)
def test_the_audit_passes_what_the_compiler_makes(source: str) -> None:
    """Texts of a rule are constants, whatever they say."""
    assert not list(escapes_of_tree(ast.parse(source)))


def test_bytecode_is_judged_by_itself() -> None:
    """What a tree would hide shows in the names of the code."""
    assert list(escapes_of_code(compile("lambda: v_event.mro", "<rule>", "eval")))
    assert not list(escapes_of_code(compile("r_add(v_event, 'mro')", "<rule>", "eval")))


@pytest.mark.parametrize("scope", [{}, {"__builtins__": {}, "c1": ast}, {"__builtins__": {}, "os": 1}])
def test_globals_are_judged(scope: dict[str, object]) -> None:
    """Builtins that are not empty, a module, a name of no family."""
    assert list(escapes_of_globals(scope))


@pytest.mark.parametrize("path", COMPILER, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_compiler_and_functions_import_nothing_that_reaches_out(path: Path) -> None:
    """The code that rules run on opens nothing, and looks nothing up by a name that a rule could give."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert {name.name.split(".")[0] for name in node.names} <= IMPORTS
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] in IMPORTS
            assert node.module is None or not node.module.startswith("bridge.") or "rules.cel" in node.module
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in REFLECTIVE:
            assert (path.name, node.func.id) in KNOWN
