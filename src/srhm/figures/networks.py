"""A drawing of the networks: which inputs a unit sees, and which of its weights are shared."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from ..errors import ArgumentError, check_choice, check_instance, name_fix
from ..model.derivation import Derivation, Tree
from ..model.grammar import Grammar
from ..model.params import Params
from .marks import net_title
from .style import DOUBLE_COLUMN, FAINT, INK, LINE_COLOURS, mix, styled
from .tiles import EDGE, HEADING, TILE, Canvas
from .trees import checked_model, tree_of

MAX_PLACES, MAX_CLASSES = 18, 10
"""Largest input length d and number of classes that are drawn: the networks are drawn side by side."""

NetKind = Literal["LCN", "CNN", "FCN"]
"""A network that can be drawn."""

_SAYS = {
    "LCN": "own weights at every place",
    "CNN": "the same weights at every place",
    "FCN": "every unit sees everything",
}
_NAMES, _GAP = 0.62, 0.2  # inches: for the names of rows, and between two networks
_ROW, _WORDS, _KEY = 0.74, 0.56, 0.5  # from one row to the next; words above a network; the key
_UNIT = 0.085  # radius of a unit
_PALEST = 0.62  # share of white in the last weight of a filter


@dataclass(frozen=True)
class Connection:
    """A line of the drawing: a unit, a place that it sees, and the weight between them."""

    unit: int
    """Which unit of the layer."""
    place: int
    """Which place of the row below."""
    filter: int
    """Which set of weights of the layer."""
    entry: int
    """Which weight of the set: connections with the same filter and entry share one weight."""


def connections(net: NetKind, params: Params, layer: int) -> list[Connection]:
    """Return what a layer, 1 to L, of one channel is connected with, and by which weights (docs, networks.md).

    Examples
    --------
    >>> params = Params(n_c=4, v=4, m=4, s=2, s0=1, L=2)
    >>> [len({(one.filter, one.entry) for one in connections(net, params, 1)}) for net in ("LCN", "CNN", "FCN")]
    [16, 4, 64]
    """
    check_instance(Params, params=params)
    p, below = params.level(layer).patch, params.level(layer).positions
    if net == "FCN":
        return [Connection(unit, place, unit, place) for unit in range(below // p) for place in range(below)]
    shared = net == "CNN"
    return [Connection(place // p, place, 0 if shared else place // p, place % p) for place in range(below)]


@styled
def network_schemes(
    grammar: Grammar,
    derivation: Derivation,
    row: int = 0,
    *,
    nets: Sequence[NetKind] = get_args(NetKind),
    title: str | None = None,
) -> Figure:
    """Draw networks above an input of the model, a row of a batch (paper, Figure 3), side by side, in one channel.

    A circle is a unit, a line a weight; lines of the same colour and shade carry the same weight. A filter has a
    colour of its own, which grows paler from its first weight to its last. No network, an unknown one, more than
    `MAX_PLACES` positions or `MAX_CLASSES` classes, or more filters than there are colours, is an error.
    """
    params = _check(checked_model(grammar, derivation, MAX_PLACES), nets)
    tree = tree_of(grammar, derivation, row, "row")
    height = HEADING + _WORDS + (params.L + 1) * _ROW + TILE + _KEY
    canvas = Canvas.blank(DOUBLE_COLUMN, height, title or "Networks on an input of the model")
    width = (DOUBLE_COLUMN - _NAMES - EDGE - _GAP * (len(nets) - 1)) / len(nets)
    width = min(width, 0.45 * DOUBLE_COLUMN)
    for place, net in enumerate(nets):
        _Scheme(canvas, params, net, _NAMES + place * (width + _GAP), width).draw(tree)
    names = ["input", *(f"layer {layer}" for layer in range(1, params.L + 1)), "classes"]
    for place, name in enumerate(names):
        canvas.row_name(_NAMES - 0.08, _KEY + place * _ROW, name)
    _draw_key(canvas, params)
    return canvas.figure


def _check(params: Params, nets: Sequence[NetKind]) -> Params:
    known = get_args(NetKind)
    if not nets:
        raise ArgumentError("nets", nets, "is empty", name_fix("", known))
    for net in nets:
        check_choice("nets", net, known, "is not a network that can be drawn")
    filters = sum(level.patches for level in params.levels)
    limits = (("classes", params.n_c, MAX_CLASSES), ("filters", filters, len(LINE_COLOURS)))
    for name, number, most in limits:
        if number > most:
            problem = f"has {number} {name}, too many to draw"
            raise ArgumentError("grammar", params, problem, f"Use a model with {most} at most")
    return params


@dataclass(frozen=True)
class _Scheme:
    """One network on the canvas; everything drawn there has a `gid` that begins with its name."""

    canvas: Canvas
    params: Params
    net: NetKind
    left: float
    width: float

    def point(self, layer: int, place: int, side: int = 0) -> tuple[float, float]:
        """Return where a unit is, or its upper (1) or lower (-1) end; layer 0 is the input."""
        counts = [self.params.d, *(level.patches for level in self.params.levels), self.params.n_c]
        count = counts[layer]
        step = self.width / count if layer <= self.params.L else min(0.26, self.width / count)
        x = self.left + self.width / 2 + step * (place + 0.5 - count / 2)
        half = _UNIT if 0 < layer <= self.params.L else TILE / 2
        return x, _KEY + layer * _ROW + TILE / 2 + side * half

    def draw(self, tree: Tree) -> None:
        """Draw input, layers and classes, and say what is special."""
        params, canvas = self.params, self.canvas
        filters = 0
        counts = []
        for layer in range(1, params.L + 1):
            lines = connections(self.net, params, layer)
            for line in lines:
                self._connect(layer, line, filters, max(one.entry for one in lines))
            filters += 1 + max(line.filter for line in lines)
            counts.append(len({(line.filter, line.entry) for line in lines}))
            for unit in {line.unit for line in lines}:
                x, y = self.point(layer, unit)
                circle = Circle((x, y), _UNIT, facecolor="white", edgecolor=INK, linewidth=1.1, zorder=3)
                circle.set_gid(f"{self.net}/unit/{layer}/{unit}")
                canvas.axes.add_patch(circle)
        self._draw_input(tree)
        self._draw_classes()
        top = _KEY + (params.L + 1) * _ROW + TILE
        canvas.write(self.left, top + 0.34, net_title(self.net), 8.5, fontweight="bold", va="bottom")
        canvas.write(self.left, top + 0.2, _SAYS[self.net], va="bottom")
        words = f"different weights by layer: {', '.join(map(str, counts))}"
        canvas.write(self.left, top + 0.06, words, va="bottom", gid=f"{self.net}/weights")

    def _connect(self, layer: int, line: Connection, filters: int, last: int) -> None:
        """Draw a connection in the colour of its weight; filters of lower layers had the first colours."""
        colour = mix(LINE_COLOURS[filters + line.filter], _PALEST * line.entry / max(last, 1))
        ends = self.point(layer - 1, line.place, 1), self.point(layer, line.unit, -1)
        self._line(ends, colour, f"{self.net}/weight/{layer}/{line.unit}/{line.place}")

    def _line(self, ends: Sequence[tuple[float, float]], colour: Any, gid: str) -> None:
        x, y = zip(*ends, strict=True)
        width = 0.7 if self.net == "FCN" else 1.4
        self.canvas.axes.add_line(
            Line2D(x, y, color=colour, linewidth=width, solid_capstyle="round", gid=gid)
        )

    def _draw_input(self, tree: Tree) -> None:
        features = dict(zip(tree.positions[0][0].tolist(), tree.features[0][0].tolist(), strict=True))
        cell = self.width / self.params.d
        for place in range(self.params.d):
            x, y = self.point(0, place, -1)
            feature = features.get(place)
            kind = "blank" if feature is None else "feature"
            size = 0.88 * cell
            self.canvas.tile(x - size / 2, y, size, feature, f"{self.net}/{kind}/{place}", narrowest=size)

    def _draw_classes(self) -> None:
        L = self.params.L
        for label in range(self.params.n_c):
            x, y = self.point(L + 1, label, -1)
            self._line([self.point(L, 0, 1), (x, y)], FAINT, f"{self.net}/readout/{label}")
            size = min(0.2, 0.8 * self.width / self.params.n_c)
            self.canvas.class_tile(x - size / 2, y, size, str(label), f"{self.net}/class/{label}")


def _draw_key(canvas: Canvas, params: Params) -> None:
    """Say at the bottom what circles, lines and tiles are."""
    words = (
        "Circle: a unit, one of the $h$ channels at its place.  Line: a weight; the same colour and shade, the same "
        "weight.",
        f"Tiles: the input, a feature (number) or a blank (hatched), and the {params.n_c} classes that it is scored "
        "for.",
    )
    for place, line in enumerate(words):
        canvas.write(EDGE, 0.24 - 0.14 * place, line)
