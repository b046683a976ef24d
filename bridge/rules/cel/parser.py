"""Tokens to a tree: a Pratt parser."""

from __future__ import annotations

import re

from bridge.rules.cel import tree
from bridge.rules.cel.faults import CompileFault
from bridge.rules.cel.lexer import Token, tokens
from bridge.rules.cel.limits import Limits
from bridge.rules.cel.literals import number, text_or_bytes
from bridge.rules.cel.macros import expand
from bridge.rules.cel.tree import Node, Span

_CONDITIONAL, _OR, _AND, _RELATION, _SUM, _PRODUCT = 1, 2, 3, 4, 5, 6
_POWERS = {
    "?": _CONDITIONAL,
    "||": _OR,
    "&&": _AND,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in"), _RELATION),
    **dict.fromkeys("+-", _SUM),
    **dict.fromkeys("*/%", _PRODUCT),
}
_CONSTANTS = {"true": True, "false": False, "null": None}
_SURROGATE = re.compile("[\ud800-\udfff]")
_KEYWORDS = frozenset({*_CONSTANTS, "in"})
_RESERVED = frozenset(
    {"as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop"}
    | {"package", "namespace", "return", "var", "void", "while"}
)


def parse(text: str, limits: Limits) -> Node:
    """Read one expression, macros expanded.

    Args:
        text: the expression.
        limits: bounds on its length and nesting.

    Returns:
        The tree.

    Raises:
        CompileFault: the text is no expression, or is beyond the limits.
    """
    if len(text) > limits.expression_chars:
        raise CompileFault(f"expression is longer than {limits.expression_chars} characters", 0, len(text))
    if (surrogate := _SURROGATE.search(text)) is not None:
        raise CompileFault("a lone surrogate is no text", surrogate.start())
    root = _Parser(text, limits.depth).whole()
    _check_depth(root, limits.depth)
    return root


def _check_depth(root: Node, depth: int) -> None:
    """Refuse what would recurse too deep when code is generated."""
    level = [root]
    for _ in range(depth):
        level = [part for node in level for part in tree.children(node)]
        if not level:
            return
    raise _too_deep(level[0].span.offset, depth)


def _too_deep(offset: int, depth: int) -> CompileFault:
    return CompileFault(f"expression is nested deeper than {depth}", offset, 1, "split it with let")


class _Parser:
    def __init__(self, text: str, depth: int) -> None:
        self._tokens = tokens(text)
        self._position = 0
        self._limit = depth
        self._nesting = 0

    def whole(self) -> Node:
        node = self._expression()
        if self._peek.kind != "end":
            raise self._unexpected()
        return node

    @property
    def _peek(self) -> Token:
        return self._tokens[self._position]

    def _next(self) -> Token:
        token = self._tokens[self._position]
        self._position += token.kind != "end"
        return token

    def _accept(self, text: str) -> Token | None:
        token = self._peek
        if token.text != text or token.kind not in {"operator", "name"}:
            return None
        return self._next()

    def _expect(self, text: str) -> Token:
        token = self._accept(text)
        if token is None:
            raise self._unexpected(f"expected {text!r}")
        return token

    def _unexpected(self, hint: str = "") -> CompileFault:
        token = self._peek
        if token.kind == "end":
            return CompileFault("unexpected end of expression", token.offset, 1, hint)
        return CompileFault(f"unexpected {token.text!r}", token.offset, len(token.text), hint)

    def _expression(self, power: int = 0) -> Node:
        self._nesting += 1
        if self._nesting > 2 * self._limit:
            raise _too_deep(self._peek.offset, self._limit)
        node = self._unary()
        while (found := self._power()) > power:
            node = self._infix(node, found)
        self._nesting -= 1
        return node

    def _power(self) -> int:
        token = self._peek
        return _POWERS.get(token.text, 0) if token.kind in {"operator", "name"} else 0

    def _infix(self, left: Node, power: int) -> Node:
        token = self._next()
        span = _span(token)
        if token.text == "?":
            yes = self._expression(_CONDITIONAL)
            self._expect(":")
            return tree.Conditional(span, left, yes, self._expression(_CONDITIONAL - 1))
        right = self._expression(power)
        if power in {_AND, _OR}:
            return _logic(span, token.text, left, right)
        return tree.Binary(span, token.text, left, right)

    def _unary(self) -> Node:
        token = self._peek
        if token.kind != "operator" or token.text not in "!-":
            return self._postfix(self._primary())
        self._next()
        if token.text == "-" and self._peek.kind in {"int", "double"}:
            digits = self._next()
            span = Span(token.offset, digits.offset + len(digits.text) - token.offset)
            return self._postfix(tree.Literal(span, number(digits, negative=True)))
        self._nesting += 1
        if self._nesting > 2 * self._limit:
            raise _too_deep(token.offset, self._limit)
        operand = self._unary()
        self._nesting -= 1
        return tree.Unary(_span(token), token.text, operand)

    def _primary(self) -> Node:
        token = self._peek
        match token.kind:
            case "int" | "double":
                return tree.Literal(_span(token), number(self._next()))
            case "string":
                return tree.Literal(_span(token), text_or_bytes(self._next()))
            case "name":
                return self._name()
            case "operator" if token.text in "([{.":
                return self._bracketed(self._next())
            case _:
                raise self._unexpected("expected a value")

    def _bracketed(self, token: Token) -> Node:
        match token.text:
            case "(":
                node = self._expression()
                self._expect(")")
                return node
            case "[":
                return self._list(_span(token))
            case "{":
                return self._map(_span(token))
            case _:
                return self._name(absolute=True)

    def _name(self, *, absolute: bool = False) -> Node:
        token = self._next()
        if token.kind != "name" or token.text == "in":
            self._position -= token.kind != "end"
            raise self._unexpected("expected a name")
        if token.text in _CONSTANTS and not absolute:
            return tree.Literal(_span(token), _CONSTANTS[token.text])
        if token.text in _RESERVED:
            raise CompileFault(f"{token.text!r} is a reserved word", token.offset, len(token.text))
        if self._accept("("):
            return expand(tree.Call(_span(token), token.text, None, self._arguments(")")))
        return tree.Name(_span(token), token.text, absolute)

    def _postfix(self, node: Node) -> Node:
        while True:
            if self._accept("."):
                node = self._member(node)
            elif bracket := self._accept("["):
                optional = self._accept("?") is not None
                node = tree.Index(_span(bracket), node, self._expression(), optional)
                self._expect("]")
            else:
                return node

    def _member(self, node: Node) -> Node:
        optional = self._accept("?") is not None
        token = self._next()
        if token.kind == "quoted":
            return tree.Select(_span(token), node, token.text[1:-1], optional)
        if token.kind != "name" or token.text in _KEYWORDS:
            self._position -= token.kind != "end"
            raise self._unexpected("expected a field's name")
        if not optional and self._accept("("):
            return expand(tree.Call(_span(token), token.text, node, self._arguments(")")))
        return tree.Select(_span(token), node, token.text, optional)

    def _arguments(self, end: str) -> tuple[Node, ...]:
        if self._accept(end):
            return ()
        found = [self._expression()]
        while self._accept(","):
            found.append(self._expression())
        self._expect(end)
        return tuple(found)

    def _list(self, span: Span) -> Node:
        items: list[tree.Item] = []
        while not self._accept("]"):
            optional = self._accept("?") is not None
            items.append(tree.Item(self._expression(), optional))
            if not self._accept(","):
                self._expect("]")
                break
        return tree.ListOf(span, tuple(items))

    def _map(self, span: Span) -> Node:
        entries: list[tree.Entry] = []
        while not self._accept("}"):
            optional = self._accept("?") is not None
            key = self._expression()
            self._expect(":")
            entries.append(tree.Entry(key, self._expression(), optional))
            if not self._accept(","):
                self._expect("}")
                break
        return tree.MapOf(span, tuple(entries))


def _span(token: Token) -> Span:
    return Span(token.offset, len(token.text))


def _logic(span: Span, operator: str, *sides: Node) -> tree.Logic:
    operands: list[Node] = []
    for side in sides:
        same = isinstance(side, tree.Logic) and side.operator == operator
        operands.extend(side.operands if same and isinstance(side, tree.Logic) else (side,))
    return tree.Logic(span, operator, tuple(operands))
