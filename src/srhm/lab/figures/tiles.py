"""How a datum and its tree are laid out and drawn: rows of tiles, one row a level, on a page in inches."""

from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, PathPatch
from matplotlib.path import Path

from ...derivation import Tree
from ...params import Params
from .style import (
    BLANK,
    DOUBLE_COLUMN,
    FAINT,
    FEATURE_COLOURS,
    INK,
    MUTED,
    TITLE_SIZE,
    Number,
    feature_colour,
    text_colour,
)

MARK = "#E6007E"
"""Colour of outlines and arrows; no feature has it."""

_LABELS, _EDGE = 0.98, 0.12  # inches left of the tree, for the names of its rows, and at the other edges
_CELL, _LEAST_CELL = 0.34, 0.095  # widest and narrowest input cell
_TILE, _ROW = 0.20, 0.47  # height of a tile, and from one row to the next
_HEADING, _WORDS, _GAP, _KEY = 0.36, 0.25, 0.26, 0.55  # page title; words above a tree; below it; the key


@dataclass(frozen=True)
class Page:
    """A figure with room for some trees, one above the other."""

    params: Params
    figure: Figure
    axes: Axes
    """Covers the figure; its coordinates are inches from the lower left corner."""

    @classmethod
    def blank(cls, params: Params, trees: int, title: str) -> "Page":
        """Make the figure, with its title and the key of the tiles."""
        width = max(_LABELS + params.d * _cell(params) + _EDGE, 0.7 * DOUBLE_COLUMN)
        height = _HEADING + trees * (_height(params) + _GAP) + _KEY
        figure = Figure(figsize=(width, height))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(0, width)
        axes.set_ylim(0, height)
        page = cls(params, figure, axes)
        axes.text(_EDGE, height - 0.13, title, fontsize=TITLE_SIZE, fontweight="bold", va="top", gid="title")
        page._key()
        return page

    def _key(self) -> None:
        """Say at the bottom what a tile and a branching mean."""
        params, x, y, size = self.params, _EDGE, 0.34, 0.17
        if params.s0:
            self._tile(x, y, size, None, "key/blank", size)
            self.axes.text(x + 0.24, y + size / 2, "blank", fontsize=7, va="center")
            x += 0.78
        self._tile(x, y, size, 0, "key/feature", size)
        words = f"one of the $v$ = {params.v} features; every level has its own"
        if params.v > len(FEATURE_COLOURS):
            words += "; colours repeat, numbers do not"
        self.axes.text(x + 0.24, y + size / 2, words, fontsize=7, va="center")
        words = f"Class and features branch into $s$ = {params.s} features, by one of their "
        words += f"$m$ = {params.m} rules" + (", and into blanks." if params.s0 else ".")
        self.axes.text(_EDGE, 0.2, words, fontsize=7, va="center")

    def _tile(
        self,
        x: float,
        y: float,
        width: float,
        feature: int | None,
        gid: str,
        height: float = _TILE,
        narrowest: float = _TILE,
    ) -> None:
        """Draw a feature with its number, as large as the narrowest tile of its row allows, or a blank."""
        fill = BLANK if feature is None else feature_colour(feature)
        tile = _rounded(x, y, width, height, facecolor=fill, linewidth=0, zorder=2, gid=gid)
        self.axes.add_patch(tile)
        if feature is None:
            tile.set(hatch="/////", edgecolor=FAINT)
            return
        size = min(8.0, 72 * narrowest / (0.4 + 0.5 * len(str(feature))))
        self.axes.text(
            x + width / 2, y + height / 2 - 0.006, str(feature), color=text_colour(fill), ha="center",
            va="center", fontsize=size, zorder=3, gid=gid.replace("feature", "number"),
        )  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """The place of one tree on a page; everything drawn there has a `gid` that begins with its number."""

    page: Page
    block: int
    """0 for the tree at the top."""

    @property
    def params(self) -> Params:
        """The numbers of the model."""
        return self.page.params

    def box(self, level: int, position: Number) -> tuple[float, float, float]:
        """Return left and lower edge and width of the tile of a position; level L + 1 is the class."""
        params, cell = self.params, _cell(self.params)
        page_width, page_height = self.page.figure.get_size_inches()
        left = _LABELS + max(0.0, (page_width - _LABELS - _EDGE - params.d * cell) / 2)
        top = page_height - _HEADING - self.block * (_height(params) + _GAP) - _WORDS
        lower = top - _TILE - (params.L + 1 - level) * _ROW
        if level == params.L + 1:
            width = min(0.8, params.d * cell)
            return left + (params.d * cell - width) / 2, lower, width
        width = cell * params.patch ** (level - 1)
        trim = min(0.04 * cell + 0.012 * (level - 1), 0.1 * width)  # half of the gap between two tiles
        edge = 0.10 * cell  # and more of it between two patches
        before = trim + edge * (position % params.patch == 0)
        after = trim + edge * (position % params.patch == params.patch - 1)
        return left + position * width + before, lower, width - before - after

    def draw(self, tree: Tree, words: str) -> None:
        """Draw a tree of one datum, with words above it."""
        params, axes = self.params, self.page.axes
        label = int(tree.label[0])
        x, y, width = self.box(params.L + 1, 0)
        axes.add_patch(
            _rounded(x, y, width, _TILE, facecolor=INK, linewidth=0, zorder=2, gid=self._gid("class"))
        )
        axes.text(
            x + width / 2, y + _TILE / 2, f"class {label}", color="white", fontweight="bold", ha="center",
            va="center", fontsize=7.5, zorder=3,
        )  # fmt: skip
        axes.text(_EDGE, y + _TILE + 0.08, words, fontsize=8.5, va="bottom", gid=self._gid("words"))
        self._row_name(y, "class")
        for level in range(params.L, 0, -1):
            places, symbols = tree.positions[level - 1][0].tolist(), tree.features[level - 1][0].tolist()
            features = dict(zip(places, symbols, strict=True))
            narrowest = min(self.box(level, position)[2] for position in range(params.patch))
            for position in range(params.patch ** (params.L - level + 1)):
                x, y, width = self.box(level, position)
                feature = features.get(position)
                kind = "blank" if feature is None else "feature"
                self.page._tile(x, y, width, feature, self._gid(kind, level, position), narrowest=narrowest)
            self._row_name(y, f"level {level}" + (" (input)" if level == 1 else ""))
            parents = [0] if level == params.L else tree.positions[level][0].tolist()
            for child, position in enumerate(features):
                self._branch(level, parents[child // params.s], position)

    def _row_name(self, y: float, name: str) -> None:
        self.page.axes.text(
            _LABELS - 0.1, y + _TILE / 2, name, color=MUTED, ha="right", va="center", fontsize=7
        )

    def _branch(self, level: int, parent: int, position: int) -> None:
        """Join a feature to its parent."""
        x0, y0 = self._edge_of(level + 1, parent, 0.0)
        x1, y1 = self._edge_of(level, position, 1.0)
        middle = (y0 + y1) / 2
        path = Path([(x0, y0), (x0, middle), (x1, middle), (x1, y1)], [Path.MOVETO] + [Path.CURVE4] * 3)
        self.page.axes.add_patch(
            PathPatch(
                path, facecolor="none", edgecolor=INK, linewidth=0.9, zorder=1, capstyle="round",
                gid=self._gid("branch", level, position),
            )
        )  # fmt: skip

    def _edge_of(self, level: int, position: int, height: float) -> tuple[float, float]:
        """Return the middle of the lower (0) or upper (1) edge of a tile."""
        x, y, width = self.box(level, position)
        return x + width / 2, y + height * _TILE

    def outline(self, level: int, position: int, kind: str, *, dashed: bool = False) -> None:
        """Draw an outline just outside a tile."""
        x, y, width = self.box(level, position)
        out = min(0.018, 0.06 * width)
        frame = _rounded(x - out, y - out, width + 2 * out, _TILE + 2 * out)
        frame.set(
            facecolor="none", edgecolor=MARK, linewidth=1.5, zorder=4, gid=self._gid(kind, level, position)
        )
        if dashed:
            frame.set(linestyle=(0, (2, 1.2)), linewidth=1.0)
        self.page.axes.add_patch(frame)

    def arrow(self, level: int, old: int, new: int) -> None:
        """Draw an arrow below a row, from an old position to a new one."""
        start, end = self._edge_of(level, old, 0.0), self._edge_of(level, new, 0.0)
        if level > 1:  # keep clear of the branches, which leave from the middle
            aside = 0.2 * self.box(level, new)[2] * (1 if new > old else -1)
            start, end = (start[0] + aside, start[1]), (end[0] - aside, end[1])
        bow = min(0.6, 0.13 / abs(end[0] - start[0]))  # in units of the distance: all arrows sag alike
        self.page.axes.add_patch(
            FancyArrowPatch(
                (start[0], start[1] - 0.03), (end[0], end[1] - 0.03), arrowstyle="-|>", mutation_scale=6,
                connectionstyle=f"arc3,rad={bow if new > old else -bow}", color=MARK, linewidth=1.1,
                shrinkA=0, shrinkB=0, zorder=5, gid=self._gid("arrow", level, new),
            )
        )  # fmt: skip

    def _gid(self, kind: str, *place: int) -> str:
        return "/".join(map(str, (self.block, kind, *place)))


def _cell(params: Params) -> float:
    """Width of an input cell, in inches."""
    return min(_CELL, max(_LEAST_CELL, (DOUBLE_COLUMN - _LABELS - _EDGE) / params.d))


def _height(params: Params) -> float:
    """Height of a tree with its words, in inches."""
    return _WORDS + params.L * _ROW + _TILE


def _rounded(x: float, y: float, width: float, height: float, **look: Any) -> FancyBboxPatch:
    corner = min(0.03, 0.2 * width)
    return FancyBboxPatch((x, y), width, height, boxstyle=f"round,pad=0,rounding_size={corner}", **look)
