"""Phone numbers."""

from __future__ import annotations

from functools import cache
from types import ModuleType

from bridge.rules.cel.faults import EvalFault, did_you_mean
from bridge.rules.cel.functions.table import ArgumentProblem, Check, plain
from bridge.rules.cel.limits import Budget

_MAX_CHARS = 64
# The library's many expressions take some 0.2 ms for one number.
_STEPS = 8


@cache
def _library() -> ModuleType:
    """Loaded when the first expression that needs it is compiled, and never while one is evaluated."""
    import phonenumbers  # noqa: PLC0415

    return phonenumbers


def _e164(text: str, region: str, budget: Budget) -> str:
    budget.charge(_STEPS)
    if len(text) > _MAX_CHARS:
        raise EvalFault("text is no possible phone number", "conversion")
    phonenumbers = _library()
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        raise EvalFault("text is no possible phone number", "conversion") from None
    if not phonenumbers.is_possible_number(number):
        raise EvalFault("text is no possible phone number", "conversion")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _filum(text: str, region: str, budget: Budget) -> str:
    return _e164(text, region, budget).removeprefix("+")


def _check(region: object) -> None:
    known = _library().SUPPORTED_REGIONS
    if region not in known:
        hint = did_you_mean(str(region).upper(), known)
        raise ArgumentProblem(f"unknown region {region!r}", hint)


_REGION = {1: Check(_check, prepare=_library)}

FUNCTIONS = (
    plain(
        *("phone.e164", "string string", "string", _e164, "The number in E.164, read as in a region."),
        "phone.e164('0912 345 678', 'VN') == '+84912345678'",
        charging=True,
        checks=_REGION,
    ),
    plain(
        *("phone.filum", "string string", "string", _filum, "The number's digits with the country's code."),
        "phone.filum('0912 345 678', 'VN') == '84912345678'",
        charging=True,
        checks=_REGION,
    ),
)
