"""What a YAML parser complains of → what the writer of the file did. Pure: text in, words out.

The parser tells where it gave up and which token it missed; people mistyped a quote, a tab or an indentation
earlier. Source of the phrases matched here: ruamel.yaml's scanner and parser, ``problem`` and ``context``.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Complaint(NamedTuple):
    """What the parser said: ``problem`` at ``place``, in a ``context`` that began at ``context_place``."""

    context: str
    problem: str
    place: int
    context_place: int
    last: tuple[int, int] = (0, 0)
    """Where the last node that could be read began and ended."""


class Explained(NamedTuple):
    """The problem in words for people, the remedy, and where to point."""

    problem: str
    hint: str
    place: int


_QUOTES = ('"', "'")
_NOT_FIRST = {"%": "a `%`", "@": "an `@`", "`": "a backtick"}
_KEY = re.compile(r"[^\s:#'\"{\[,-][^:#'\"{\[]*:(?=\s|$)")
_ENTRY = re.compile(r"\s*(?:- +)*(?:[^\s'\"#{\[][^'\"#{\[]*?: +|(?:\"[^\"]*\"|'[^']*'): +)?")
_EXPRESSION_SIGNS = re.compile(r"&&|\|\||[?!=<>(]")


def explain(text: str, complaint: Complaint) -> Explained:
    """Put a complaint of the parser into words.

    Args:
        text: the whole file.
        complaint: what the parser said.
    """
    for judge in _JUDGES:
        if found := judge(text, complaint):
            return found
    reason = ", ".join(part for part in (complaint.context, complaint.problem) if part)
    return Explained(f"not YAML: {reason}", "", complaint.place)


def quoted(expression: str) -> str:
    """The text in double quotes, the double quotes in it as single ones."""
    inner = expression.strip()
    if len(inner) > 1 and inner[0] == inner[-1] and inner[0] in _QUOTES:
        inner = inner[1:-1]
    return '"' + inner.replace("\\", "\\\\").replace('"', "'") + '"'


def flow_value(text: str, start: int) -> str:
    """From ``start`` to the end of the value in its line, brackets balanced, quotes passed over."""
    depth, quote, position = 0, "", start
    while position < len(text) and text[position] not in "\r\n":
        character = text[position]
        if quote:
            quote = "" if character == quote else quote
        elif character in _QUOTES:
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
            if depth < 0:
                break
        position += 1
    return text[start:position].strip()


def _tab(text: str, complaint: Complaint) -> Explained | None:
    start = _line_start(text, complaint.place)
    lead = re.match(r"[ \t]*", text[start:])
    if "\\t" not in complaint.problem and "\t" not in (lead[0] if lead else ""):
        return None
    place = text.find("\t", start)
    hint = "YAML is indented with spaces: replace the tab"
    return Explained("a tab in the indentation", hint, place if place >= 0 else complaint.place)


def _open_quote(text: str, complaint: Complaint) -> Explained | None:
    if "end of stream" in complaint.problem and "quoted scalar" in complaint.context:
        return Explained("the quote opened here is never closed", "close it", complaint.context_place)
    start, end = complaint.last
    if text[start : start + 1] not in _QUOTES or text[end : complaint.place].strip():
        return None
    lines = len(re.findall(r"\r\n|\r|\n", text[start:end]))
    if lines and "expected" in complaint.problem:
        ends = f"the next one like it ends it {lines} line(s) below"
        return Explained("the quote opened here is not closed in its line", f"close it: {ends}", start)
    return None


def _behind_quote(text: str, complaint: Complaint) -> Explained | None:
    start, end = complaint.last
    if "expected" not in complaint.problem or text[end - 1 : end] not in (*_QUOTES, "]", "}"):
        return None
    if text[end : complaint.place].strip() or "\n" in text[start : complaint.place]:
        return None
    if text[end - 1] in "]}":
        begin = _line_start(text, complaint.place)
        entry = _ENTRY.match(_line(text, complaint.place))
        start = begin + (entry.end() if entry else 0)
    what = "quote" if text[end - 1] in _QUOTES else "bracket"
    hint = f"put the whole value in double quotes: {quoted(flow_value(text, start))}"
    return Explained(f"something follows the closing {what}", hint, complaint.place)


def _open_bracket(text: str, complaint: Complaint) -> Explained | None:
    if not complaint.context.startswith("while parsing a flow"):
        return None
    opened = complaint.context_place
    closing = {"{": "}", "[": "]"}.get(text[opened : opened + 1], "}")
    if _line_start(text, opened) != _line_start(text, complaint.place) or closing not in text[opened:]:
        return Explained(f"the `{text[opened : opened + 1]}` opened here is not closed", "close it", opened)
    if text.startswith("${", complaint.place - 1):
        hint = "put it in quotes: '${…}'"
        return Explained("inside [ ] and { } a reference needs quotes: '${…}'", hint, complaint.place)
    start = text.rfind(": ", opened, complaint.place)
    start = start + 2 if start >= 0 else opened + 1
    if text.startswith("[", complaint.place) or re.search(r"\?[^:]*$", text[start : complaint.place]):
        start = max(start, opened + 1)
    elif (earlier := text.find(": ", opened, complaint.place)) >= 0:
        start = earlier + 2
    hint = f"put the value in double quotes: {quoted(flow_value(text, start))}"
    problem = "inside { } and [ ] an expression must be quoted"
    return Explained(problem, hint, min(start, complaint.place))


def _second_colon(text: str, complaint: Complaint) -> Explained | None:
    if "mapping values are not allowed" not in complaint.problem:
        return None
    line = _line(text, complaint.place)
    begin = _line_start(text, complaint.place)
    match = _ENTRY.match(line)
    value = begin + (match.end() if match else 0)
    if value < complaint.place and match and ":" in match[0]:
        hint = f"put the value in double quotes: {quoted(line[match.end() :])}"
        if _EXPRESSION_SIGNS.search(line[match.end() :]):
            return Explained("an expression must be quoted", hint, value)
        return Explained("a second `: ` in one value", hint, complaint.place)
    above = text[:begin].rstrip("\r\n")
    if glued := re.search(r"^[ ]*(-)[^\s-][^\r\n]*\Z", above, re.MULTILINE):
        return Explained("a dash without its space", "write `- ` before the key", glued.start(1))
    first = begin + len(line) - len(line.lstrip())
    hint = "line it up with the keys above it"
    return Explained("indented deeper than the line above, which has its value already", hint, first)


def _indentation(text: str, complaint: Complaint) -> Explained | None:
    """A line that begins a mapping or a list where none can begin."""
    begin = _line_start(text, complaint.place)
    lead = text[begin : complaint.place]
    if "<block end>" not in complaint.problem or lead.strip("- "):
        return None
    indent = len(text[begin:]) - len(text[begin:].lstrip(" "))
    hint = "line it up with the keys it belongs to"
    if beside := _sibling(text, begin, indent):
        hint = f"{beside[0]} spaces would put it beside `{beside[1]}`"
    return Explained(f"this line's indentation ({indent} spaces) fits nothing above it", hint, begin + indent)


def _sibling(text: str, begin: int, indent: int) -> tuple[int, str] | None:
    """The nearest indentation of a key above that is still open, and that key."""
    found: dict[int, str] = {}
    lowest = 1_000
    for line in reversed(text[:begin].splitlines()):
        body = line.lstrip(" ")
        if not body or body.startswith("#"):
            continue
        dashes = re.match(r"(?:- +)*", body)
        at = len(line) - len(body) + (dashes.end() if dashes else 0)
        key = _KEY.match(line[at:])
        if key and at < lowest:
            found.setdefault(at, key[0][:-1])
        lowest = min(lowest, at if not dashes or not dashes[0] else len(line) - len(body))
    found.pop(indent, None)
    if not found:
        return None
    nearest = min(found, key=lambda at: (abs(at - indent), -at))
    return nearest, found[nearest]


def _not_first(text: str, complaint: Complaint) -> Explained | None:
    character = text[complaint.place : complaint.place + 1]
    if "cannot start any token" in complaint.problem and character in _NOT_FIRST:
        hint = f"put it in double quotes: {quoted(flow_value(text, complaint.place))}"
        return Explained(f"a value cannot begin with {_NOT_FIRST[character]}", hint, complaint.place)
    if "block scalar" in complaint.context or "sequence entries are not" in complaint.problem:
        start = complaint.context_place if "block scalar" in complaint.context else complaint.place
        hint = f"put an expression in double quotes: {quoted(flow_value(text, start))}"
        return Explained(f"a value cannot begin with `{text[start]} `", hint, start)
    if complaint.context == "while scanning an alias":
        start = complaint.context_place
        hint = f"put it in double quotes: {quoted(flow_value(text, start))}"
        return Explained("a value cannot begin with `*`", hint, start)
    return None


def _escape(text: str, complaint: Complaint) -> Explained | None:
    if "unknown escape character" not in complaint.problem:
        return None
    character = text[complaint.place : complaint.place + 1]
    hint = (
        "in double quotes write each backslash twice, a regular expression as r'…': \"x.matches(r'\\\\d+')\""
    )
    return Explained(f"YAML knows no escape `\\{character}`", hint, complaint.place - 1)


def _no_colon(text: str, complaint: Complaint) -> Explained | None:
    if "could not find expected ':'" not in complaint.problem:
        return None
    start = complaint.context_place
    glued = re.match(r"\w+:(?=\S)", text[start:])
    hint = "a space belongs behind the colon" if glued else "write `key: value`"
    return Explained("a key without its colon", hint, start)


_JUDGES = (
    *(_tab, _escape, _not_first, _open_quote, _open_bracket),
    *(_behind_quote, _indentation, _second_colon, _no_colon),
)


def _line_start(text: str, index: int) -> int:
    return max(text.rfind("\n", 0, index), text.rfind("\r", 0, index)) + 1


def _line(text: str, index: int) -> str:
    return re.split(r"[\r\n]", text[_line_start(text, index) :], maxsplit=1)[0]
