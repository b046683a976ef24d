"""The rule ``completed.yaml`` in other engines: expression in, the same payload out.

Each engine computes all values of the rule in one expression, its cheapest way; what it lacks (``sum``)
it calls as a Python function, where it can. The payload is put together and encoded by the same code for all.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.metadata import version
from typing import Any

import msgspec

from tests.bench import subjects, twin

Values = dict[str, Any]
Peer = Callable[[Any], Values]

_encode = msgspec.json.Encoder().encode
_REGION = {"VND": "domestic", "THB": "sea", "USD": "export"}
_KINDS = {"total": "double_value", "item_count": "int_value", "placed_at": "datetime_value"}
_PARAMS = ("order_ref", "total", "item_count", "item_names", "channel", "tier", "region", "phone_masked")
_LATE_PARAMS = ("email_hash", "placed_at")


def _hmac(text: str) -> str:
    return hmac.new(subjects.KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


def _mask(text: str, kept: int) -> str:
    return "*" * (len(text) - kept) + text[-kept:]


_FUNCTIONS: dict[str, Callable[..., Any]] = {"pii_hmac": _hmac, "pii_mask": _mask, "time_ms": twin.time}

_CEL = """\
event.type == 'order.completed' && event.order.status in ['COMPLETED', 'PAID'] ?
  cel.bind(items, event.order.?items.orValue([]),
  cel.bind(subtotal, total(items.map(i, double(i.qty) * double(i.unit_price))),
  cel.bind(email, event.customer.?email.orValue('').trim().lowerAscii(), {
    'user_id': string(event.customer.id), 'timestamp': event.occurred_at,
    'trace_id': event.?trace_id.orValue(''), 'order_ref': 'order-%d'.format([event.order.number]),
    'total': subtotal - double(event.order.?discount.orValue(0)),
    'item_count': total(items.map(i, i.qty)), 'item_names': items.map(i, i.name).join(', '),
    'channel': event.order.?channel.orValue('web'),
    'tier': subtotal > 500000.0 ? 'gold' : 'standard',
    'region': maps[?event.order.currency].orValue('other'),
    'phone_masked': pii_mask(event.customer.phone, 3),
    'email_hash': email == '' ? '' : pii_hmac(email), 'placed_at': time_ms(event.created_ms)
  }))) : {}"""


def _cel_expr_python() -> Peer:
    """Google's CEL in C++."""
    cel = import_module("cel_expr_python.cel")
    kinds = cel.Type
    signatures = {
        "total": (kinds.DYN, [kinds.List(kinds.DYN)], sum),
        "pii_hmac": (kinds.STRING, [kinds.STRING], _hmac),
        "pii_mask": (kinds.STRING, [kinds.STRING, kinds.INT], _mask),
        "time_ms": (kinds.STRING, [kinds.INT], twin.time),
    }
    functions = [
        cel.FunctionDecl(name, [cel.Overload(name, result, parameters, False, function)])
        for name, (result, parameters, function) in signatures.items()
    ]
    extensions = [
        import_module("cel_expr_python.ext.ext_bindings").ExtBindings(),
        import_module("cel_expr_python.ext.ext_strings").ExtStrings(),
        import_module("cel_expr_python.ext.ext_optional").ExtOptional(),
    ]
    environment = cel.NewEnv(
        variables={"event": kinds.DYN, "maps": kinds.DYN}, extensions=extensions, functions=functions
    )
    program = environment.compile(_CEL)
    return lambda event: program.eval(data={"event": event, "maps": _REGION}).plain_value()


_RUST_CEL = """\
event.type == 'order.completed' && event.order.status in ['COMPLETED', 'PAID'] ? {
    'user_id': string(event.customer.id), 'timestamp': event.occurred_at,
    'trace_id': event.trace_id, 'order_ref': 'order-' + string(event.order.number),
    'total': total(event.order.items.map(i, double(i.qty) * double(i.unit_price)))
      - double(has(event.order.discount) ? event.order.discount : 0),
    'item_count': total(event.order.items.map(i, i.qty)),
    'item_names': event.order.items.map(i, i.name).join(', '),
    'channel': has(event.order.channel) ? event.order.channel : 'web',
    'tier': total(event.order.items.map(i, double(i.qty) * double(i.unit_price))) > 500000.0
      ? 'gold' : 'standard',
    'region': event.order.currency in maps ? maps[event.order.currency] : 'other',
    'phone_masked': pii_mask(event.customer.phone, 3),
    'email_hash': has(event.customer.email) ? pii_hmac(event.customer.email.trim().lowerAscii()) : '',
    'placed_at': time_ms(event.created_ms)
  } : {}"""


def _common_expression_language() -> Peer:
    """CEL in Rust; it parses neither ``.?`` nor ``cel.bind``, and has no ``format``."""
    cel = import_module("cel")
    context = cel.Context({"maps": _REGION})
    import_module("cel.stdlib").add_stdlib_to_context(context)
    for name, function in (_FUNCTIONS | {"total": sum}).items():
        context.add_function(name, function)
    program = cel.compile(_RUST_CEL)

    def values(event: Any) -> Values:
        context.add_variable("event", event)
        return program.execute(context)  # type: ignore[no-any-return]

    return values


_JSONATA = """\
type = "order.completed" and order.status in ["COMPLETED", "PAID"] ? (
  $items := order.items; $subtotal := $sum($items.(qty * unit_price));
  $email := $lowercase($trim(customer.email));
  {"user_id": $string(customer.id), "timestamp": occurred_at, "trace_id": trace_id,
   "order_ref": "order-" & order.number, "total": $subtotal - (order.discount ? order.discount : 0),
   "item_count": $sum($items.qty), "item_names": $join($items.name, ", "),
   "channel": order.channel ? order.channel : "web", "tier": $subtotal > 500000 ? "gold" : "standard",
   "region": $lookup($maps, order.currency), "phone_masked": $pii_mask(customer.phone, 3),
   "email_hash": $email ? $pii_hmac($email), "placed_at": $time_ms(created_ms)}) : {}"""


def _jlens() -> Peer:
    """JSONata in Rust."""
    expression = import_module("jlens").Expression(_JSONATA)
    for name, function in _FUNCTIONS.items():
        expression.register_function(name, function)
    bindings = {"maps": _REGION}
    return lambda event: expression.evaluate(event, bindings)


_VRL = """\
if .type == "order.completed" && includes(["COMPLETED", "PAID"], .order.status) {
  items = array(.order.items) ?? []
  subtotal = 0.0
  count = 0
  names = []
  for_each(items) -> |_i, item| {
    subtotal = subtotal + (to_float(item.qty) ?? 0.0) * (to_float(item.unit_price) ?? 0.0)
    count = count + (int(item.qty) ?? 0)
    names = push(names, item.name)
  }
  email = downcase(strip_whitespace(string(.customer.email) ?? ""))
  tier = "standard"
  if subtotal > 500000.0 { tier = "gold" }
  phone = string!(.customer.phone)
  . = {"user_id": to_string!(.customer.id), "timestamp": .occurred_at, "trace_id": .trace_id,
    "order_ref": "order-" + to_string!(.order.number),
    "total": subtotal - (to_float(.order.discount) ?? 0.0), "item_count": count,
    "item_names": join!(names, separator: ", "), "channel": .order.channel || "web", "tier": tier,
    "region": get({"VND": "domestic", "THB": "sea", "USD": "export"}, [.order.currency]) ?? "other",
    "phone_masked": replace(slice!(phone, 0, -3), r'.', "*") + slice!(phone, -3),
    "email_hash": encode_base16(hmac(email, "KEY")),
    "placed_at": format_timestamp!(
      from_unix_timestamp!(.created_ms, unit: "milliseconds"), "%Y-%m-%dT%H:%M:%S%.3fZ")}
} else { . = {} }
."""


def _pyvrl() -> Peer:
    """Vector's VRL, which cannot call back: what is needed happens to be in its library."""
    return import_module("pyvrl").Transform(_VRL.replace("KEY", subjects.KEY)).remap  # type: ignore[no-any-return]


PEERS: dict[str, Callable[[], Peer]] = {
    "cel-expr-python": _cel_expr_python,
    "common-expression-language": _common_expression_language,
    "jlens": _jlens,
    "pyvrl": _pyvrl,
}


def body(values: Values) -> bytes | None:
    """The payload of these values; None where ``when`` refused."""
    if not values:
        return None
    context = {"topic": subjects.RECORD.stream.name}
    if values["trace_id"]:
        context["trace_id"] = values["trace_id"]
    named = [*_PARAMS, *(name for name in _LATE_PARAMS if values[name])]
    params = [{"key": name, "value": {_KINDS.get(name, "string_value"): values[name]}} for name in named]
    return _encode(
        {
            "event_type": "track",
            "event_name": "Order Completed",
            "user_id": values["user_id"],
            "timestamp": values["timestamp"],
            "context": context,
            "event_params": params,
        }
    )


def runs(name: str, event: Any) -> tuple[str, Callable[[], bytes | None]] | None:
    """An engine with its version, and a call that does the whole rule; None where it is not installed.

    Raises:
        ValueError: its payload is another than the rule's.
    """
    try:
        peer = PEERS[name]()
    except ModuleNotFoundError:
        return None
    expected = subjects.bodies(subjects.sample("completed", with_event_id=False), event)
    made = body(peer(event))
    if [one for one in [made] if one is not None] != expected:
        problem = f"{name} made {made!r}, the rule makes {expected!r}"
        raise ValueError(problem)
    return f"{name} {version(name)}", partial(_run, peer, event)


def _run(peer: Peer, event: Any) -> bytes | None:
    return body(peer(event))
