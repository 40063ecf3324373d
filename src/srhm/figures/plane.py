"""A sample in the plane with its tree: the pictures of all levels above one another, and the input next to them."""

from math import isqrt
from typing import Any

from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Polygon

from ..model.derivation import Tree
from ..model.params import Params
from ..model.plane import pixels
from .picture import NAMES, WORDS, Picture
from .style import BLANK, DOUBLE_COLUMN, FAINT, INK, MUTED, feature_colour, text_colour
from .tiles import EDGE, MARK, TILE

_WIDTH, _DEPTH, _SHEAR = 2.35, 0.95, 0.62
"""Of the pictures of levels, which are seen from the side: their front edge, their height, and how far the back edge is
moved to the right, in inches."""
_APART = 0.42  # inches between two of them
_BESIDE = 0.3  # inches between them and the input

WIDTH = DOUBLE_COLUMN
"""Width of a sample with the names of its levels, in inches."""


def height(params: Params) -> float:
    """Height of a sample with the words above it, in inches."""
    return WORDS + TILE + params.L * (_APART + _DEPTH) + 0.26


class PlanePicture(Picture):
    """The place of a sample in the plane on a canvas."""

    def draw(self, tree: Tree, words: str) -> None:
        """Draw a sample and its tree, with words above."""
        params, canvas = self.params, self.canvas
        top = self.top - WORDS - TILE
        canvas.write(self.margin, top + TILE + 0.08, words, 8.5, va="bottom", gid=self._gid("words"))
        x, y = self._centre(params.L + 1, 0)
        canvas.class_tile(x - 0.4, y - TILE / 2, 0.8, f"class {int(tree.label[0])}", self._gid("class"))
        canvas.row_name(self.margin + NAMES, top, "class")
        for level in range(1, params.L + 1):
            places, symbols = tree.positions[level - 1][0].tolist(), tree.features[level - 1][0].tolist()
            features = dict(zip(places, symbols, strict=True))
            for position in range(params.level(level).positions):
                self._cell(self._corners(level, position), features.get(position), level, position, 3 * level)
                if level == 1:
                    self._cell(self._pixel(position), features.get(position), 0, position, 1)
            parents = [0] if level == params.L else tree.positions[level][0].tolist()
            for child, position in enumerate(features):
                self._branch(level, parents[child // params.level(level).s], position)
            name = f"level {level}" + (" (input)" if level == 1 else "")
            canvas.row_name(self.margin + NAMES, self._base(level) + 0.02, name)
        left, side = self._flat()
        rows = " × ".join(map(str, params.shape))
        canvas.write(
            left + side / 2, self.top - WORDS - side - 0.12, f"the input, {rows}", color=MUTED, ha="center"
        )

    def outline(self, level: int, position: int, kind: str, *, dashed: bool = False) -> None:
        """Draw an outline around a cell; of the input also in the picture next to the tree."""
        line: dict[str, Any] = (
            {"linewidth": 1.0, "linestyle": (0, (2, 1.2))} if dashed else {"linewidth": 1.4}
        )
        shown = [(self._corners(level, position), level), (self._pixel(position), 0)]
        for corners, number in shown if level == 1 else shown[:1]:
            self.canvas.axes.add_patch(
                Polygon(
                    corners, facecolor="none", edgecolor=MARK, zorder=40, gid=self._gid(kind, number, position), **line
                )
            )  # fmt: skip

    def arrow(self, level: int, old: int, new: int) -> None:
        """Draw an arrow from an old position to a new one, of the input in the picture next to the tree."""
        start, end = (
            _middle(self._pixel(one)) if level == 1 else self._centre(level, one) for one in (old, new)
        )
        self.canvas.axes.add_patch(
            FancyArrowPatch(
                start, end, arrowstyle="-|>", mutation_scale=6, color=MARK, linewidth=1.0, shrinkA=1, shrinkB=2,
                zorder=41, gid=self._gid("arrow", level, new),
            )
        )  # fmt: skip

    def _base(self, level: int) -> float:
        """Return the height of the front edge of a level's picture."""
        return self.top - WORDS - TILE - (self.params.L + 1 - level) * (_APART + _DEPTH)

    def _flat(self) -> tuple[float, float]:
        """Return left edge and side of the input next to the tree, whose upper edge is that of the class."""
        left = self.left + _WIDTH + _SHEAR + _BESIDE
        return left, self.canvas.figure.get_figwidth() - EDGE - left

    def _centre(self, level: int, position: int) -> tuple[float, float]:
        if level == self.params.L + 1:
            return self.left + (_WIDTH + _SHEAR) / 2, self.top - WORDS - TILE / 2
        return _middle(self._corners(level, position))

    def _corners(self, level: int, position: int) -> list[tuple[float, float]]:
        """Return the corners of a cell in the picture of its level, seen from the side."""
        return [
            (self.left + _WIDTH * across + _SHEAR * (1 - down), self._base(level) + _DEPTH * (1 - down))
            for across, down in self._square(level, position)
        ]

    def _pixel(self, position: int) -> list[tuple[float, float]]:
        """Return the corners of a pixel of the input next to the tree."""
        left, side = self._flat()
        top = self.top - WORDS
        return [(left + side * across, top - side * down) for across, down in self._square(1, position)]

    def _square(self, level: int, position: int) -> list[tuple[float, float]]:
        """Return the corners of a cell, right and down, where the picture is a square of side 1."""
        params, numbers = self.params, self.params.level(level)
        cells, edge = isqrt(numbers.positions), isqrt(numbers.patch)
        spans = []
        for at in divmod(int(pixels(params, level)[position]), cells):
            # Less room at the borders of patches, which so are seen.
            first, last = at % edge == 0, at % edge == edge - 1
            spans.append(((at + 0.05 + 0.08 * first) / cells, (at + 0.95 - 0.08 * last) / cells))
        (up, down), (left, right) = spans
        return [(left, up), (right, up), (right, down), (left, down)]

    def _cell(
        self, corners: list[tuple[float, float]], feature: int | None, level: int, position: int, order: int
    ) -> None:
        """Draw a cell; level 0 is the input next to the tree."""
        kind, fill = ("blank", BLANK) if feature is None else ("feature", feature_colour(feature))
        order = order if feature is None else order + 1
        look: dict[str, Any] = (
            {"edgecolor": FAINT, "linewidth": 0.25} if feature is None else {"linewidth": 0}
        )
        gid = self._gid(kind, level, position)
        self.canvas.axes.add_patch(Polygon(corners, facecolor=fill, zorder=order, gid=gid, **look))
        width, high = corners[1][0] - corners[0][0], corners[0][1] - corners[3][1]
        size = min(8.0, 72 * min(width, 1.2 * high) / (0.4 + 0.5 * len(str(feature))))
        if feature is None or size < 5.5:
            return
        x, y = _middle(corners)
        look = {"color": text_colour(fill), "ha": "center", "zorder": order + 0.5}
        self.canvas.write(x, y - 0.006, str(feature), size, gid=self._gid("number", level, position), **look)

    def _branch(self, level: int, parent: int, position: int) -> None:
        """Join a feature to its parent; dotted where the picture of the parent is in front."""
        end = _middle(self._corners(level, position)[:2])
        if level == self.params.L:
            x, y = self._centre(level + 1, parent)
            start, edge = (x, y - TILE / 2), y - TILE / 2
        else:
            start, edge = _middle(self._corners(level + 1, parent)[2:]), self._base(level + 1)
        part = (start[1] - edge) / (start[1] - end[1])
        front = start[0] + part * (end[0] - start[0]), edge
        gid = self._gid("branch", level, position)
        parts = [([front, end], gid, {"color": INK, "linewidth": 0.8, "zorder": 3 * level + 1.5})]
        if level < self.params.L:
            hidden = {"color": MUTED, "linewidth": 0.5, "linestyle": (0, (1, 1.6)), "zorder": 3 * level + 3.5}
            parts.append(([start, front], gid.replace("branch", "behind"), hidden))
        for ends, name, look in parts:
            self.canvas.axes.add_line(Line2D(*zip(*ends, strict=True), gid=name, **look))


def _middle(corners: list[tuple[float, float]]) -> tuple[float, float]:
    xs, ys = zip(*corners, strict=True)
    return sum(xs) / len(xs), sum(ys) / len(ys)
