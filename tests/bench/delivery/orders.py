"""The records of the race: `orders.completed` of some 700 bytes, the same ones for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

USERS = 10_000
BEGIN_MS = 1_772_323_200_000  # 2026-03-01T00:00:00Z
STEP_MS = 40

_SHOPS = [
    "TP. Hồ Chí Minh, Quận 3",
    "Hà Nội, Cầu Giấy",
    "Đà Nẵng, Sơn Trà",
    "Huế, Phú Xuân",
    "Cần Thơ, Cái Răng",
]
_FIRST = ["Thảo", "Minh", "Quân", "Ngân", "Tâm", "Duy", "Hạnh", "Khoa"]
_LAST = ["Lý Thu", "Đỗ Hoàng", "Bùi Gia", "Trịnh Bảo", "Mai Xuân", "Tô Nhật", "Cao Kim"]
_WARES = [
    "Bình giữ nhiệt 750 ml",
    "Nồi chiên không dầu",
    "Ghế văn phòng lưới",
    "Tai nghe chống ồn",
    "Vali 24 inch",
]
_NOTES = [
    "Gọi trước mười phút, cổng sau toà nhà, gửi bảo vệ nếu em chưa kịp xuống lấy",
    "Đổi sang màu xanh nếu còn, không còn thì giữ nguyên đơn; cảm ơn cả nhà",
    "Xuất hoá đơn công ty, gửi bản mềm qua thư điện tử trước ngày hai mươi lăm",
    "Quà sinh nhật: gói giấy hoa, không kèm hoá đơn giấy, ghi thiệp như đã nhắn",
]


class Order(NamedTuple):
    """One record: its key, and its document before it becomes JSON."""

    user: str
    document: dict[str, Any]

    @property
    def body(self) -> bytes:
        """The record's value."""
        return msgspec.json.encode(self.document)


def orders(count: int, *, users: int = USERS, seed: int = 1) -> Iterator[Order]:
    """So many, spread evenly over the users; ``seq`` counts each user's own."""
    dice = random.Random(seed)  # noqa: S311 - the point of these numbers is that they come again
    seen = [0] * users
    for index in range(count):
        number = int(dice.random() * users)
        yield Order(user_of(number), _document(index, number, seen[number], dice))
        seen[number] += 1


def user_of(number: int) -> str:
    """A user by number, as keys and events name them."""
    return f"KH-{number:06d}"


def early_users(count: int, wanted: int, *, users: int = USERS, until: float = 0.6) -> dict[str, int]:
    """So many users of two orders or more that all come early, with how many; others come after them."""
    numbers: dict[str, list[int]] = {}
    for index, order in enumerate(orders(count, users=users)):
        numbers.setdefault(order.user, []).append(index)
    early = [user for user, of_user in sorted(numbers.items()) if of_user[-1] < count * until]
    fewest = sorted((user for user in early if len(numbers[user]) > 1), key=lambda user: len(numbers[user]))
    return {user: len(numbers[user]) for user in fewest[:wanted]}


def _document(index: int, number: int, seq: int, dice: random.Random) -> dict[str, Any]:
    items = [_item(dice.getrandbits(30)) for _ in range(3)]
    shop, note = dice.getrandbits(8), dice.getrandbits(8)
    return {
        "event": "orders.completed",
        "order_id": f"DH-{index:09d}",
        "customer": {
            "id": user_of(number),
            "name": f"{_LAST[number % 7]} {_FIRST[number // 7 % 8]}",
            "email": f"kh{number:06d}@example.vn",
            "phone": f"+8491{number:07d}",
        },
        "items": items,
        "total": sum([item["qty"] * item["price"] for item in items]),
        "currency": "VND",
        "payment": {"method": "card", "status": "paid"},
        "channel": "app",
        "location": _SHOPS[shop % 5],
        "note": _NOTES[note % 4],
        "created_at": _time(BEGIN_MS + index * STEP_MS),
        "seq": seq,
    }


def _item(noise: int) -> dict[str, Any]:
    ware = noise % 5
    return {
        "sku": f"HG-{ware}-{noise >> 8 & 1023:04d}",
        "name": _WARES[ware],
        "qty": 1 + (noise >> 18) % 3,
        "price": 1_000 * (20 + (noise >> 20)) + 0.5,
    }


def _time(ms: int) -> str:
    days, rest = divmod(ms - BEGIN_MS, 86_400_000)
    seconds, ms = divmod(rest, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"2026-03-{1 + days:02d}T{hours:02d}:{minutes:02d}:{seconds:02d}.{ms:03d}Z"
