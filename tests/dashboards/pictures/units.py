"""Numbers with their units, as Grafana writes them. Pure."""

from __future__ import annotations

import math

_THOUSANDS = ("", "K", "Mil", "Bil", "Tri")
_BYTES = ("B", "KiB", "MiB", "GiB", "TiB")
_TIMES = ((86_400.0, "days"), (3_600.0, "hours"), (60.0, "mins"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
_SUFFIXES = {"cps": " c/s", "reqps": " req/s"}


def told(number: float, unit: str, decimals: int | None = None) -> str:
    """A number as a tile, a table or a legend shows it."""
    scaled, suffix = _scaled(number, unit)
    return f"{scaled:,.{_decimals(scaled) if decimals is None else decimals}f}{suffix}"


def tick(number: float, unit: str) -> str:
    """A number as an axis shows it: no more digits than it has."""
    scaled, suffix = _scaled(number, unit)
    return f"{scaled:.4g}{suffix}"


def _scaled(number: float, unit: str) -> tuple[float, str]:
    match unit:
        case "percentunit":
            return number * 100, "%"
        case "s":
            return _time(number)
        case "bytes":
            return _by_steps(number, 1024, _BYTES, " ")
        case "short":
            return _by_steps(number, 1000, _THOUSANDS, " ")
        case "cps" | "reqps":
            scaled, prefix = _by_steps(number, 1000, _THOUSANDS, "")
            return scaled, prefix + _SUFFIXES[unit]
        case "none":
            return number, ""
    raise ValueError(f"no unit of ours: {unit}")


def _time(seconds: float) -> tuple[float, str]:
    if seconds == 0:
        return 0, " s"
    size, name = next((one for one in _TIMES if abs(seconds) >= one[0] * 0.9995), (1e-9, "ns"))
    return seconds / size, f" {name}"


def _by_steps(number: float, step: float, names: tuple[str, ...], gap: str) -> tuple[float, str]:
    power = 0
    while abs(number) >= step and power < len(names) - 1:
        number, power = number / step, power + 1
    return number, gap + names[power] if names[power] else ""


def _decimals(number: float) -> int:
    """Three digits that tell something, as Grafana has it; none for a whole number."""
    rounded = float(f"{number:.3g}")
    return 0 if rounded.is_integer() else 2 - math.floor(math.log10(abs(rounded)))
