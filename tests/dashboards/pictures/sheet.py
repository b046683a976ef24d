"""One picture: boxes, words and axes at places in pixels, from the top left."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from PIL import Image

from tests.dashboards.pictures.look import INK, PAPER, PLAIN, WIDTH

_DOTS = 72
_SCALE = 4 / 3
_COLORS = 256
_ROUNDS = 4
_BEHIND_AXES = -1
mpl.rcParams.update({"font.family": "DejaVu Sans", "path.simplify": True, "axes.unicode_minus": False})


class Place(NamedTuple):
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float

    def inside(self, left: float, top: float, right: float, bottom: float) -> Place:
        """What is left of it within these margins."""
        return Place(self.x + left, self.y + top, self.width - left - right, self.height - top - bottom)


class Sheet:
    """A picture as wide as all are."""

    def __init__(self, height: float) -> None:
        self.width, self.height = float(WIDTH), height
        self.figure = Figure(figsize=(WIDTH / _DOTS, height / _DOTS), dpi=_DOTS, facecolor=PAPER)
        self._renderer: Any = FigureCanvasAgg(self.figure).get_renderer()  # type: ignore[no-untyped-call]

    def box(self, place: Place, color: str, edge: str = "none") -> None:
        """A filled rectangle."""
        x, y, width, height = self._share(place)
        drawn = Rectangle((x, y), width, height, facecolor=color, edgecolor=edge, linewidth=1)
        drawn.set_zorder(_BEHIND_AXES)
        self.figure.add_artist(drawn)

    def words(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = PLAIN,
        color: str = INK,
        across: str = "left",
        bold: bool = False,
        mono: bool = False,
    ) -> None:
        """One line of text; ``y`` is its middle."""
        self.figure.text(
            x / self.width,
            1 - y / self.height,
            text.replace("$", r"\$"),
            fontproperties=_font(size, bold=bold, mono=mono),
            color=color,
            ha=across,
            va="center_baseline",
        )

    def width_of(self, text: str, size: float = PLAIN, *, bold: bool = False, mono: bool = False) -> float:
        """How wide a line of text is."""
        font = _font(size, bold=bold, mono=mono)
        width, _, _ = self._renderer.get_text_width_height_descent(text, font, ismath=False)
        return float(width)

    def fitting(self, text: str, room: float, size: float = PLAIN) -> str:
        """The text, or as much of it as there is room for."""
        if self.width_of(text, size) <= room:
            return text
        while text and self.width_of(text + "…", size) > room:
            text = text[:-1]
        return text + "…"

    def axes(self, place: Place) -> Axes:
        """Axes that fill a place."""
        return self.figure.add_axes(self._share(place))

    def png(self) -> bytes:
        """The file: few colors, and nothing of when or by what it was made."""
        whole = io.BytesIO()
        self.figure.savefig(whole, format="png", dpi=_DOTS * _SCALE, facecolor=PAPER)
        small = io.BytesIO()
        with Image.open(whole) as image:
            plain = image.convert("RGB").quantize(_COLORS, kmeans=_ROUNDS, dither=Image.Dither.NONE)
            plain.save(small, format="png", optimize=True)
        return small.getvalue()

    def _share(self, place: Place) -> tuple[float, float, float, float]:
        top = 1 - (place.y + place.height) / self.height
        return place.x / self.width, top, place.width / self.width, place.height / self.height


def _font(size: float, *, bold: bool, mono: bool) -> FontProperties:
    family = "DejaVu Sans Mono" if mono else "DejaVu Sans"
    return FontProperties(family=family, size=size, weight="bold" if bold else "normal")
