"""What a small shop publishes: orders, payments, customer changes. Pure; the dice are passed in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from random import Random
from typing import Any, NamedTuple

ORDERS, PAYMENTS, CUSTOMERS = "shop.orders", "shop.payments", "db1.shop.customers"
TOPICS = (ORDERS, PAYMENTS, CUSTOMERS)

_NAMES = ("Nguyễn Thị Hà", "Trần Văn Minh", "Lê Thu Trang", "Phạm Quốc Bảo", "Hoàng Lan Anh", "Vũ Đức Long")
_GOODS = (("SHIRT-01", "Áo sơ mi", 350_000), ("JEAN-07", "Quần jean", 560_000), ("HAT-03", "Mũ len", 120_000))
_STORES = ("Hà Nội", "Đà Nẵng", "TP. Hồ Chí Minh")
_CUSTOMERS = 400
_BROKEN_SHARE = 0.01

Body = dict[str, Any]


class Message(NamedTuple):
    """One message as it is published."""

    topic: str
    key: bytes
    value: bytes


def traffic(dice: Random, now: Callable[[], datetime]) -> Iterator[Message]:
    """Endless messages of the three topics; one in a hundred is broken, as in life.

    Args:
        dice: seeded by the caller, so that a run can be repeated.
        now: the aware time that a message carries.
    """
    number = 0
    while True:
        number += 1
        customer = dice.randrange(_CUSTOMERS)
        (topic,) = dice.choices(TOPICS, (5, 3, 2))
        body = _MAKERS[topic](dice, number, customer, now())
        value = json.dumps(body, ensure_ascii=False).encode()
        cut = len(value) // 2 if dice.random() < _BROKEN_SHARE else len(value)
        yield Message(topic, f"customer-{customer}".encode(), value[:cut])


def _person(customer: int) -> Body:
    return {
        "id": customer,
        "name": _NAMES[customer % len(_NAMES)],
        "email": f"customer-{customer}@shop.example",
        "phone": f"09{customer:08d}",
    }


def _order(dice: Random, number: int, customer: int, now: datetime) -> Body:
    kind = dice.choice(("order.created", "order.completed", "order.completed", "order.cancelled"))
    goods = dice.sample(_GOODS, dice.randint(1, len(_GOODS)))
    return {
        "type": kind,
        "occurred_at": now.isoformat(),
        "created_ms": int(now.timestamp() * 1000),
        "customer": _person(customer),
        "order": {
            "number": number,
            "status": "PAID" if kind == "order.completed" else "OPEN",
            "currency": "VND",
            "discount": dice.choice((0, 19_000)),
            "items": [
                {"sku": sku, "name": name, "qty": dice.randint(1, 3), "unit_price": price}
                for sku, name, price in goods
            ],
        },
    }


def _payment(dice: Random, number: int, customer: int, now: datetime) -> Body:
    return {
        "type": dice.choice(("payment.started", "payment.completed", "payment.completed", "payment.failed")),
        "occurred_at": now.isoformat(),
        "customer": _person(customer),
        "store": {"name": dice.choice(_STORES)},
        "payment": {
            "id": f"A{number:09d}",
            "amount": dice.randint(50, 2_000) * 1_000,
            "note": "Bảo hành 12 tháng",
        },
    }


def _customer(dice: Random, number: int, customer: int, now: datetime) -> Body:
    micros = int(now.timestamp() * 1_000_000)
    family, _, given = str(_person(customer)["name"]).partition(" ")
    row = {
        "id": customer,
        "first_name": given,
        "last_name": family,
        "email": f"customer-{customer}@shop.example",
        "phone": f"09{customer:08d}",
        "marketing": dice.random() < 0.5,  # noqa: PLR2004 - a fair coin
        "created_at": micros,
        "updated_at": micros,
    }
    changed = dice.random() < 0.5  # noqa: PLR2004 - the same coin
    before = {**row, "email": "old@shop.example"} if changed else row
    return {"op": "u", "before": before, "after": row, "source": {"db": "shop", "table": "customers"}}


_MAKERS: dict[str, Callable[[Random, int, int, datetime], Body]] = {
    ORDERS: _order,
    PAYMENTS: _payment,
    CUSTOMERS: _customer,
}
