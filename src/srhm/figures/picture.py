"""How a sample and its tree are laid out and drawn: rows of tiles, one row a level."""

from dataclasses import dataclass

from matplotlib.patches import FancyArrowPatch, PathPatch
from matplotlib.path import Path

from ..model.derivation import Tree
from ..model.params import Params
from .style import INK, Number
from .tiles import EDGE, MARK, TILE, Canvas

NAMES = 0.76
"""Width of the names of rows, in inches, left of a tree."""

LABELS = EDGE + NAMES + 0.1  # inches left of the trees of a canvas
_CELL, _MIN_CELL = 0.34, 0.095  # widest and narrowest input cell
_ROW = 0.47  # from one row to the next
WORDS, _GAP = 0.25, 0.26  # words above a tree; below it


@dataclass(frozen=True)
class Picture:
    """The place of one tree on a canvas; everything drawn there has a `gid` that begins with its number."""

    canvas: Canvas
    block: int
    """0 for the first tree."""
    params: Params
    """The parameters of the model."""
    margin: float
    """Left edge of the words above the tree, in inches; the names of its rows end at `margin` + `NAMES`."""
    left: float
    """Left edge of the input."""
    top: float
    """Upper edge of the words above the tree."""
    cell: float
    """Width of an input cell."""

    def box(self, level: int, position: Number) -> tuple[float, float, float]:
        """Return left and lower edge and width of the tile of a position; level L + 1 is the class."""
        params, cell, left = self.params, self.cell, self.left
        lower = self.top - WORDS - TILE - (params.L + 1 - level) * _ROW
        if level == params.L + 1:
            width = min(0.8, params.d * cell)
            return left + (params.d * cell - width) / 2, lower, width
        numbers = params.level(level)
        width = cell * (params.d // numbers.positions)
        trim = min(0.04 * cell + 0.012 * (level - 1), 0.1 * width)  # half of the gap between two tiles
        edge = 0.10 * cell  # and more of it between two patches
        before = trim + edge * (position % numbers.patch == 0)
        after = trim + edge * (position % numbers.patch == numbers.patch - 1)
        return left + position * width + before, lower, width - before - after

    def draw(self, tree: Tree, words: str) -> None:
        """Draw a tree of one sample, with words above it."""
        params, canvas = self.params, self.canvas
        x, y, width = self.box(params.L + 1, 0)
        canvas.class_tile(x, y, width, f"class {int(tree.label[0])}", self._gid("class"))
        canvas.write(self.margin, y + TILE + 0.08, words, 8.5, va="bottom", gid=self._gid("words"))
        canvas.row_name(self.margin + NAMES, y, "class")
        for level in range(params.L, 0, -1):
            places, symbols = tree.positions[level - 1][0].tolist(), tree.features[level - 1][0].tolist()
            features = dict(zip(places, symbols, strict=True))
            numbers = params.level(level)
            narrowest = min(self.box(level, position)[2] for position in range(numbers.patch))
            for position in range(numbers.positions):
                x, y, width = self.box(level, position)
                feature = features.get(position)
                kind = "blank" if feature is None else "feature"
                canvas.tile(x, y, width, feature, self._gid(kind, level, position), narrowest=narrowest)
            canvas.row_name(self.margin + NAMES, y, f"level {level}" + (" (input)" if level == 1 else ""))
            parents = [0] if level == params.L else tree.positions[level][0].tolist()
            for child, position in enumerate(features):
                self._branch(level, parents[child // numbers.s], position)

    def _branch(self, level: int, parent: int, position: int) -> None:
        """Join a feature to its parent."""
        x0, y0 = self._edge_of(level + 1, parent, 0.0)
        x1, y1 = self._edge_of(level, position, 1.0)
        middle = (y0 + y1) / 2
        path = Path([(x0, y0), (x0, middle), (x1, middle), (x1, y1)], [Path.MOVETO] + [Path.CURVE4] * 3)
        self.canvas.axes.add_patch(
            PathPatch(
                path, facecolor="none", edgecolor=INK, linewidth=0.9, zorder=1, capstyle="round",
                gid=self._gid("branch", level, position),
            )
        )  # fmt: skip

    def _edge_of(self, level: int, position: int, height: float) -> tuple[float, float]:
        """Return the middle of the lower (0) or upper (1) edge of a tile."""
        x, y, width = self.box(level, position)
        return x + width / 2, y + height * TILE

    def outline(self, level: int, position: int, kind: str, *, dashed: bool = False) -> None:
        """Draw an outline just outside a tile."""
        x, y, width = self.box(level, position)
        line = {"linewidth": 1.0, "linestyle": (0, (2, 1.2))} if dashed else {"linewidth": 1.5}
        self.canvas.frame(x, y, width, min(0.018, 0.06 * width), self._gid(kind, level, position), **line)

    def arrow(self, level: int, old: int, new: int) -> None:
        """Draw an arrow below a row, from an old position to a new one."""
        start, end = self._edge_of(level, old, 0.0), self._edge_of(level, new, 0.0)
        if level > 1:  # keep clear of the branches, which leave from the middle
            aside = 0.2 * self.box(level, new)[2] * (1 if new > old else -1)
            start, end = (start[0] + aside, start[1]), (end[0] - aside, end[1])
        bow = min(0.6, 0.13 / abs(end[0] - start[0]))  # in units of the distance: all arrows sag alike
        self.canvas.axes.add_patch(
            FancyArrowPatch(
                (start[0], start[1] - 0.03), (end[0], end[1] - 0.03), arrowstyle="-|>", mutation_scale=6,
                connectionstyle=f"arc3,rad={bow if new > old else -bow}", color=MARK, linewidth=1.1,
                shrinkA=0, shrinkB=0, zorder=5, gid=self._gid("arrow", level, new),
            )
        )  # fmt: skip

    def _gid(self, kind: str, *place: int) -> str:
        return "/".join(map(str, (self.block, kind, *place)))


def cell_width(params: Params, room: float) -> float:
    """Return the width of an input cell, where there is some room for the input, in inches."""
    return min(_CELL, max(_MIN_CELL, room / params.d))


def height(params: Params) -> float:
    """Height of a tree with its words and the gap below it, in inches."""
    return WORDS + params.L * _ROW + TILE + _GAP
