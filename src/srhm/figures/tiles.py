"""A canvas in inches, and the tiles of features, blanks and classes on it."""

from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from ..model.params import Params
from .style import (
    BLANK,
    FAINT,
    FEATURE_COLOURS,
    INK,
    MUTED,
    TITLE_SIZE,
    Drawing,
    Number,
    feature_colour,
    text_colour,
)

MARK = "#E6007E"
"""Colour of outlines and arrows; no feature has it."""

EDGE = 0.12
"""Inches left free at the edges of a canvas."""
TILE = 0.20
"""Height of a tile, in inches."""
HEADING, KEY = 0.36, 0.55
"""Heights of the title and of the key of tiles, in inches."""


@dataclass(frozen=True)
class Canvas:
    """A figure on which tiles are laid out in inches."""

    figure: Figure
    axes: Axes
    """Covers the figure; its coordinates are inches from the lower left corner."""

    @classmethod
    def blank(cls, width: Number, height: Number, title: str) -> "Canvas":
        """Make the figure, with its title."""
        figure = Drawing(figsize=(width, height))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(0, width)
        axes.set_ylim(0, height)
        axes.text(EDGE, height - 0.13, title, fontsize=TITLE_SIZE, fontweight="bold", va="top", gid="title")
        return cls(figure, axes)

    def key(self, params: Params) -> None:
        """Say at the bottom what a tile and a branching mean."""
        x, y, size = EDGE, 0.34, 0.17
        if params.has_blanks:
            self.tile(x, y, size, None, "key/blank", size, plain=params.plane)
            self.write(x + 0.24, y + size / 2, "blank")
            x += 0.78
        self.tile(x, y, size, 0, "key/feature", size)
        words = f"one of the $v$ = {params.v} features; every level has its own"
        if max(level.v for level in params.levels) > len(FEATURE_COLOURS):
            words += "; colours repeat, numbers do not"
        self.write(x + 0.24, y + size / 2, words)
        words = f"Class and features branch into $s$ = {params.s} features, by one of their "
        words += f"$m$ = {params.m} rules" + (", and into blanks." if params.has_blanks else ".")
        self.write(EDGE, 0.2, words)

    def write(self, x: float, y: float, words: str, size: float = 7.0, **look: Any) -> None:
        """Write words, whose middle is at a height, or what `va` says."""
        self.axes.text(x, y, words, fontsize=size, **{"va": "center", **look})

    def row_name(self, x: float, y: float, name: str) -> None:
        """Write the name of a row of tiles at its left."""
        self.write(x, y + TILE / 2, name, color=MUTED, ha="right")

    def frame(self, x: float, y: float, width: float, out: float, gid: str, **line: Any) -> None:
        """Draw an outline just outside of tiles."""
        frame = rounded(x - out, y - out, width + 2 * out, TILE + 2 * out, gid=gid)
        frame.set(facecolor="none", edgecolor=MARK, zorder=4, **line)
        self.axes.add_patch(frame)

    def tile(
        self,
        x: float,
        y: float,
        width: float,
        feature: int | None,
        gid: str,
        height: float = TILE,
        narrowest: float = TILE,
        *,
        plain: bool = False,
    ) -> None:
        """Draw a feature with its number, as large as the narrowest tile of its row allows, or a blank."""
        fill = BLANK if feature is None else feature_colour(feature)
        tile = rounded(x, y, width, height, facecolor=fill, linewidth=0, zorder=2, gid=gid)
        self.axes.add_patch(tile)
        if feature is None:
            tile.set(edgecolor=FAINT, **({"linewidth": 0.25} if plain else {"hatch": "/////"}))
            return
        size = min(8.0, 72 * narrowest / (0.4 + 0.5 * len(str(feature))))
        look = {"color": text_colour(fill), "ha": "center", "zorder": 3}
        number = gid.replace("feature", "number")
        self.write(x + width / 2, y + height / 2 - 0.006, str(feature), size, gid=number, **look)

    def class_tile(self, x: float, y: float, width: float, words: str, gid: str) -> None:
        """Draw a class."""
        self.axes.add_patch(rounded(x, y, width, TILE, facecolor=INK, linewidth=0, zorder=2, gid=gid))
        look = {"color": "white", "fontweight": "bold", "ha": "center", "zorder": 3}
        self.write(x + width / 2, y + TILE / 2, words, 7.5, **look)


def rounded(x: float, y: float, width: float, height: float, **look: Any) -> FancyBboxPatch:
    """Return a rectangle with rounded corners."""
    corner = min(0.03, 0.2 * width)
    return FancyBboxPatch((x, y), width, height, boxstyle=f"round,pad=0,rounding_size={corner}", **look)
