"""Measured P* of the LCN laid over the map of Eq. 5: colour against colour, with intervals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from ..errors import ArgumentError, check_instances
from ..model.params import Params
from ..theory.predictions import local_law
from .map import heights
from .style import INK, TITLE_SIZE, Drawing, Number, styled

_MAP = "cividis"
_CELLS = 60
"""Of a panel, each way."""


@dataclass(frozen=True)
class RelevancePoint:
    """One measured P* of an LCN."""

    params: Params
    """The model, which gives d and F."""
    P_star: Number
    """Its P*, in training points."""
    interval: tuple[Number, Number] | None = None
    """Low and high end; None if there is none."""
    published: bool = False
    """Whether it is the paper's, not measured here: a square."""

    @property
    def ratio(self) -> float:
        """P* over Eq. 3, which is Eq. 5 in other variables."""
        return self.P_star / local_law(self.params).scaling_law


@styled
def relevance(points: Sequence[RelevancePoint], *, title: str | None = None) -> Figure:
    """Draw measured points over the map of C times Eq. 5, a panel for each v and s.

    C is the geometric mean of the measured ratios in a panel. A point has the colour of its own P*, so it vanishes in
    the map where Eq. 5 holds; next to it is P* over the map, with its interval.

    Parameters
    ----------
    points
        The points; with maximal m = v^(s-1), as the paper's are.
    title
        Title of the figure.

    Raises
    ------
    ArgumentError
        If there is no point, or one has another m.
    """
    check_instances(RelevancePoint, points=points)
    if not points:
        raise ArgumentError("points", points, "are none", "Give at least one")
    for point in points:
        most = point.params.v ** (point.params.s - 1)
        if point.params.m != most:
            raise ArgumentError(
                "points", point.params, "is not the model with the most synonyms", f"Use m = {most}"
            )
    panels = list(dict.fromkeys((point.params.v, point.params.s) for point in points))
    heights = [math.log(point.P_star / point.params.n_c) for point in points]
    colours = Normalize(min(heights) - 1, max(heights) + 0.5)
    figure = Drawing(figsize=(3.3 * len(panels) + 0.5, 3.3), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    maps = [
        _panel(panel, [point for point in points if (point.params.v, point.params.s) == model], colours)
        for panel, model in zip(axes, panels, strict=True)
    ]
    bar = figure.colorbar(maps[0], ax=list(axes), pad=0.02, ticks=MaxNLocator(6, integer=True), extend="max")
    bar.set_label(r"$\ln(P^*_{\mathrm{LCN}} / n_c)$")
    kinds = {
        point.published: "squares: the paper's" if point.published else "circles: ours" for point in points
    }
    words = f"{', '.join(kinds[one] for one in sorted(kinds))}; $P^*$ over the map, with its interval"
    figure.suptitle(f"{title}\n{words}" if title else words, fontsize=TITLE_SIZE if title else 8.5)
    return figure


def _panel(panel: Axes, points: Sequence[RelevancePoint], colours: Normalize):
    """Draw one map and its points."""
    params = points[0].params
    v, s, n_c = params.v, params.s, params.n_c
    constant = math.exp(float(np.mean([math.log(point.ratio) for point in points])))
    ds, Fs = [point.params.d for point in points], [point.params.relevant_fraction for point in points]
    d = np.geomspace(min(ds) / 1.6, max(ds) * 2.2, _CELLS)
    F = np.geomspace(min(Fs) / 1.6, 1.0, _CELLS)
    values = heights(d.tolist(), F.tolist(), n_c=n_c, m=params.m, s=s, constant=constant)
    mesh = panel.pcolormesh(d, F, np.ma.masked_invalid(values), cmap=_MAP, norm=colours, shading="nearest")
    mesh.set(gid="map", edgecolor="face")
    panel.set(xscale="log", yscale="log", xlabel="input length $d$", ylabel="relevant fraction $F$")
    panel.set_ylim(F[0], 1.45)
    panel.xaxis.set_major_locator(FixedLocator(_apart(ds)))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    panel.yaxis.set_major_locator(FixedLocator(_apart(Fs)))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda x, _: "1" if x > 0.99 else f"1/{round(1 / x)}"))
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_minor_locator(NullLocator())
    white = [withStroke(linewidth=2.2, foreground="white")]
    for point, x, y in zip(points, ds, Fs, strict=True):
        colour = [math.log(point.P_star / n_c)]
        dot = panel.scatter(
            x, y, c=colour, cmap=_MAP, norm=colours, s=70, marker="s" if point.published else "o",
            edgecolors="white", linewidths=1.3, zorder=3,
        )  # fmt: skip
        dot.set(gid=f"point/{x}/{point.params.L}", clip_on=False)
        words = _words(point, constant)
        panel.annotate(
            words, (x, y), (0, -7), textcoords="offset points", ha="center", va="top", fontsize=6.5,
            color=INK, path_effects=white, gid=f"ratio/{x}/{point.params.L}",
        )  # fmt: skip
    panel.set_title(f"$v$ = {v}, $s$ = {s}; map: {constant:.2g} × Eq. 5")
    return mesh


def _apart(numbers: Sequence[Number]) -> list[Number]:
    """Return the numbers in order, without those so near to the one before that their labels would touch."""
    found: list[Number] = []
    for number in sorted(set(numbers)):
        if not found or number > 1.25 * found[-1]:
            found.append(number)
    return found


def _words(point: RelevancePoint, constant: float) -> str:
    """Write P* over the map, and its interval."""
    map_value = constant * local_law(point.params).scaling_law
    words = f"{point.P_star / map_value:.2f}"
    if point.interval is None:
        return words
    low, high = (end / map_value for end in point.interval)
    return f"{words}\n[{low:.2f}, {high:.2f}]"
