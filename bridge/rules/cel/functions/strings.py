"""Texts."""

from __future__ import annotations

from collections.abc import Callable

from bridge.rules.cel.arithmetic import sized
from bridge.rules.cel.faults import EvalFault
from bridge.rules.cel.functions.formatting import format_text
from bridge.rules.cel.functions.table import Function, Overload, method, plain

_BLANKS = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_QUOTED = str.maketrans(
    {
        "\a": "\\a",
        "\b": "\\b",
        "\f": "\\f",
        "\n": "\\n",
        "\r": "\\r",
        "\t": "\\t",
        "\v": "\\v",
        "\\": "\\\\",
        '"': '\\"',
    }
)


def _at(text: str, position: int) -> int:
    if 0 <= position <= len(text):
        return position
    raise EvalFault(f"index {position} is out of range of a text of {len(text)}", "argument")


def _char_at(text: str, position: int) -> str:
    return text[_at(text, position) :][:1]


def _index_of(text: str, part: str, start: int) -> int:
    return text.find(part, _at(text, start))


def _last_index_of(text: str, part: str, last: int) -> int:
    return _find_last(text[: _at(text, last) + len(part)], part)


def _find_last(text: str, part: str) -> int:
    """Python searches backwards in quadratic time, forwards in linear time."""
    if len(text) * len(part) <= _QUICK:
        return text.rfind(part)
    found = text[::-1].find(part[::-1])
    return found if found < 0 else len(text) - found - len(part)


_QUICK = 2**16


def _lower(text: str) -> str:
    return text.lower() if text.isascii() else text.encode().lower().decode()


def _upper(text: str) -> str:
    return text.upper() if text.isascii() else text.encode().upper().decode()


def _trim(text: str) -> str:
    return text.strip(_BLANKS)


def _replace(text: str, old: str, new: str, limit: int) -> str:
    return _replace_some(text, old, new, -1, limit)


def _replace_some(text: str, old: str, new: str, count: int, limit: int) -> str:
    found = text.count(old)
    times = found if count < 0 else min(found, count)
    if len(text) + times * (len(new) - len(old)) > limit:
        raise EvalFault(f"a result is larger than {limit}", "budget")
    return str(sized(text.replace(old, new, times), limit))


def _split(text: str, separator: str) -> list[str]:
    return text.split(separator) if separator else list(text)


def _split_some(text: str, separator: str, count: int) -> list[str]:
    if count < 0:
        return _split(text, separator)
    if count == 0:
        return []
    if separator:
        return text.split(separator, count - 1)
    return [*text[: count - 1], *([text[count - 1 :]] if len(text) >= count else [])]


def _substring(text: str, start: int, end: int) -> str:
    if _at(text, start) > _at(text, end):
        raise EvalFault(f"substring starts at {start}, after its end {end}", "argument")
    return text[start:end]


def _quote(text: str, limit: int) -> str:
    return str(sized(f'"{text.translate(_QUOTED)}"', limit))


def _two(
    name: str,
    kinds: str,
    result: str,
    run: Callable[..., object],
    more: Callable[..., object],
    doc: str,
    example: str,
) -> Function:
    """A receiver's function whose last argument may be left out."""
    every = tuple(kinds.split())
    overloads = (Overload(every[:-1], result, run), Overload(every, result, more))
    return Function(name, overloads, doc, example, receiver=True)


_REPLACE = (
    Overload(("string", "string", "string"), "string", _replace, bounded=True),
    Overload(("string", "string", "string", "int"), "string", _replace_some, bounded=True),
)

FUNCTIONS = (
    method(
        "contains", "string string", "bool", str.__contains__, "Whether a part occurs.", "'abc'.contains('b')"
    ),
    method(
        "startsWith",
        "string string",
        "bool",
        str.startswith,
        "Whether it starts so.",
        "'abc'.startsWith('a')",
    ),
    method("endsWith", "string string", "bool", str.endswith, "Whether it ends so.", "'abc'.endsWith('c')"),
    method(
        "charAt",
        "string int",
        "string",
        _char_at,
        "One character; empty at the end.",
        "'abc'.charAt(1) == 'b'",
    ),
    _two(
        *("indexOf", "string string int", "int", str.find, _index_of),
        *(
            "Where a part first occurs, from a position on; -1 when it does not.",
            "'tacocat'.indexOf('a', 2) == 5",
        ),
    ),
    _two(
        *("lastIndexOf", "string string int", "int", _find_last, _last_index_of),
        *(
            "Where a part last occurs, up to a position; -1 when it does not.",
            "'tacocat'.lastIndexOf('a') == 5",
        ),
    ),
    method(
        "lowerAscii",
        "string",
        "string",
        _lower,
        "Lower case of A to Z.",
        "'TacoCÆt'.lowerAscii() == 'tacocÆt'",
    ),
    method(
        "upperAscii", "string", "string", _upper, "Upper case of a to z.", "'tacoα'.upperAscii() == 'TACOα'"
    ),
    method("trim", "string", "string", _trim, "Without blanks at both ends.", "'  a b '.trim() == 'a b'"),
    Function(
        *(
            "replace",
            _REPLACE,
            "Parts replaced, all or a number of them.",
            "'a-b-c'.replace('-', '+') == 'a+b+c'",
        ),
        receiver=True,
    ),
    _two(
        *("split", "string string int", "list", _split, _split_some),
        *("Parts between separators, at most a number of them.", "'a,b,c'.split(',') == ['a', 'b', 'c']"),
    ),
    _two(
        *("substring", "string int int", "string", lambda text, start: text[_at(text, start) :], _substring),
        *("From a position to the end, or up to another.", "'tacocat'.substring(0, 4) == 'taco'"),
    ),
    plain(
        *("strings.quote", "string", "string", _quote, "In double quotes, with escapes."),
        "strings.quote('a\\nb') == '\"a\\\\nb\"'",
        bounded=True,
    ),
    method(
        *("format", "string list", "string", format_text, "Clauses such as %s, %d and %.2f filled in."),
        "'order-%d: %.2f'.format([7, 1.5]) == 'order-7: 1.50'",
        bounded=True,
    ),
)
