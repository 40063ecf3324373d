"""Measured P* against a prediction, on logarithmic axes, with the paper's values beside ours."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ...errors import ArgumentError, check_number
from ...exponent import Exponent
from .style import (
    BLACK,
    BLUE,
    BROWN,
    DOUBLE_COLUMN,
    GREEN,
    INDIGO,
    INK,
    LINE_COLOURS,
    MUTED,
    ORANGE,
    PINK,
    SKY,
    TITLE_SIZE,
    VERMILLION,
    Number,
    log_axis,
    log_range,
    panel_letters,
    styled,
)

_COLOUR_OF_V = {4: BLUE, 6: VERMILLION, 8: GREEN, 10: ORANGE, 12: PINK, 3: BLACK, 5: SKY, 7: INDIGO, 9: BROWN}
_SHAPE_OF_S0 = {0: "o", 1: "s", 2: "^", 3: "v", 4: "D", 5: "p", 6: "h"}
_NAMES = {
    "CNN": "CNN (convolutional)",
    "LCN": "LCN (locally connected)",
    "FCN": "FCN (fully connected)",
}
_PREDICTIONS = {
    "CNN": r"prediction $(s_0+1)^2\, n_c m^L$",
    "LCN": r"prediction $s^{L/2}(s_0+1)^L\, n_c m^L$",
}
_PAPERS_SIZE = 3.5  # points: how much larger than ours the paper's hollow marker is, so that both are seen
_GRID_STEP = {"linewidth": 5, "alpha": 0.22, "solid_capstyle": "butt"}


@dataclass(frozen=True)
class ScalingPoint:
    """One setting: its prediction, what was measured and what the paper says.

    Raises
    ------
    ArgumentError
        If a number that goes on a logarithmic axis is not positive.
    """

    net: str
    """The network, which names the panel, such as ``"CNN"``."""
    label: str
    """Name of the setting; written at the point where `scaling` is asked to."""
    prediction: Number
    """What P* should be proportional to."""
    P_star: Number | None
    """Measured P*, in training points; None while it is unknown."""
    interval: tuple[Number | None, Number | None] | None
    """Low and high end of P*; an end that nothing bounds is None."""
    paper: Number | None
    """The paper's P*."""
    paper_bracket: tuple[Number | None, Number | None] | None
    """The neighbours on the paper's grid between which its value lies."""
    lower_bound: Number | None
    """P* is known to lie above this; drawn, with an arrow upwards, where `P_star` is None."""
    s0: int
    """Blanks beside each informative child: the shape."""
    v: int
    """Features: the colour."""
    L: int
    """Levels; where several occur, a rim tells them apart."""
    s: int
    """Informative children; where several occur, a rim tells them apart."""

    def __post_init__(self) -> None:
        numbers: dict[str, Number | None] = {
            "prediction": self.prediction,
            "P_star": self.P_star,
            "paper": self.paper,
            "lower_bound": self.lower_bound,
        }
        for name in ("interval", "paper_bracket"):
            for place, end in enumerate(getattr(self, name) or ()):
                numbers[f"{name}[{place}]"] = end
        for name, number in numbers.items():
            if number is not None:
                check_number(name, number, above=0.0)

    @property
    def measured(self) -> float | None:
        """The height of our marker: P*, or else its lower bound."""
        found = self.lower_bound if self.P_star is None else self.P_star
        return None if found is None else float(found)


@styled
def scaling(
    points: Sequence[ScalingPoint],
    *,
    fits: Mapping[str, Exponent] | None = None,
    x_labels: Mapping[str, str] | None = None,
    y_label: str = "$P$*: training points for 10% test error",
    interval_name: str = "90% interval",
    write_labels: bool = False,
    title: str | None = None,
) -> Figure:
    """Draw measured P* against its prediction, a panel for each network.

    Ours are filled, with error bars; the paper's are hollow and larger, on a pale bar between the neighbours on
    its grid: where both agree, ours lies within the paper's. The dashed line is proportional to the prediction
    and runs through the geometric mean of our points (of the paper's where there are none of ours); the full
    line is the fit.

    Parameters
    ----------
    points
        The settings. The panels come in the order in which their networks first occur.
    fits
        For a network the power law of P* over the prediction, as :func:`srhm.exponent.fit_exponent` finds it.
    x_labels
        For a network the label of its horizontal axis. Default for CNN and LCN: Eq. 4 and Eq. 3 of the paper.
    y_label
        Label of the vertical axis.
    interval_name
        What the error bars are, for the legend.
    write_labels
        Write each setting's label at its marker; meant for few points.
    title
        Title of the figure.

    Raises
    ------
    ArgumentError
        If there is no point.
    """
    nets = list(dict.fromkeys(point.net for point in points))
    if not nets:
        raise ArgumentError("points", points, "is empty", "Give one point at least")
    columns = min(len(nets), 2)
    rows = -(-len(nets) // columns)
    width = DOUBLE_COLUMN if columns == 2 else 0.66 * DOUBLE_COLUMN
    figure = Figure(figsize=(width, 0.2 + 2.75 * rows), layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for spare in panels[len(nets) :]:
        spare.remove()
    panels = panels[: len(nets)]
    kinds = sorted({(point.L, point.s) for point in points})
    for panel, net in zip(panels, nets, strict=True):
        own = [point for point in points if point.net == net]
        _axes(panel, own, write_labels)
        panel.set_title(_NAMES.get(net, net))
        panel.set_xlabel((x_labels or {}).get(net) or _PREDICTIONS.get(net, "prediction"))
        if panels.index(panel) % columns == 0:
            panel.set_ylabel(y_label)
        for point in own:
            _draw(panel, point, kinds, write_labels)
        _lines(panel, own, (fits or {}).get(net))
    panel_letters(panels)
    _legend(figure, points, kinds, interval_name)
    if title is not None:
        figure.suptitle(title, fontsize=TITLE_SIZE, fontweight="bold")
    return figure


def _axes(panel: Axes, points: Sequence[ScalingPoint], write_labels: bool) -> None:
    """Scale the axes, with room for labels at the right."""
    heights: list[Number] = []
    for point in points:
        ours = (point.measured, *(point.interval or ()))
        heights += [
            value for value in (*ours, point.paper, *(point.paper_bracket or ())) if value is not None
        ]
    left, right = log_range([point.prediction for point in points], margin=0.09)
    right *= (right / left) ** (0.3 * write_labels)
    log_axis(panel.xaxis, left, right, least_gap=0.16)
    log_axis(panel.yaxis, *log_range(heights, margin=0.09))


def _look(point: ScalingPoint, kinds: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """Return colour, shape and rim of a point's marker."""
    colour = _COLOUR_OF_V.get(point.v, LINE_COLOURS[point.v % len(LINE_COLOURS)])
    return {
        "color": colour,
        "marker": _SHAPE_OF_S0.get(point.s0, "P"),
        **_rim(kinds.index((point.L, point.s))),
    }


def _rim(kind: int) -> dict[str, Any]:
    """Markers of the first (L, s) have a white rim; of the next ones, a black one, growing."""
    if kind == 0:
        return {"markersize": 5.5, "markeredgecolor": "white", "markeredgewidth": 0.5}
    return {"markersize": 5.0 + kind, "markeredgecolor": BLACK, "markeredgewidth": 0.5 + 0.5 * kind}


def _hollow(look: dict[str, Any]) -> dict[str, Any]:
    """Return the paper's marker beside ours: of the same shape, but open, larger, and without a rim."""
    size = 5.5 + _PAPERS_SIZE
    return look | {
        "markersize": size, "markerfacecolor": "none", "markeredgecolor": look["color"], "markeredgewidth": 1.1,
    }  # fmt: skip


def _draw(panel: Axes, point: ScalingPoint, kinds: Sequence[tuple[int, int]], write_labels: bool) -> None:
    """Draw our value and the paper's."""
    look, gid = _look(point, kinds), f"{point.net}/{point.label}"
    x = float(point.prediction)
    if point.paper is not None:
        if point.paper_bracket is not None:
            low, high = (float(point.paper if end is None else end) for end in point.paper_bracket)
            panel.plot(
                [x, x], [low, high], "-", color=look["color"], zorder=2, gid=f"bracket/{gid}", **_GRID_STEP
            )
        panel.plot([x], [float(point.paper)], linestyle="", zorder=3, gid=f"paper/{gid}", **_hollow(look))
    height = point.measured
    if height is None:
        return
    if point.P_star is None:
        panel.annotate(
            "", xy=(x, height), xytext=(0, 15), textcoords="offset points", zorder=3, gid=f"above/{gid}",
            arrowprops={
                "arrowstyle": "<|-", "color": look["color"], "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0,
            },
        )  # fmt: skip
    elif point.interval is not None:
        low, high = (height if end is None else float(end) for end in point.interval)
        panel.errorbar(
            [x], [height], yerr=[[max(0.0, height - low)], [max(0.0, high - height)]], fmt="none", zorder=4,
            ecolor=look["color"], elinewidth=1.3, capsize=2, capthick=1, gid=f"interval/{gid}",
        )  # fmt: skip
    panel.plot([x], [height], linestyle="", zorder=5, gid=f"ours/{gid}", **look)
    if write_labels:
        panel.annotate(
            point.label, xy=(x, height), xytext=(6 if point.paper is None else 9, -5), va="top",
            textcoords="offset points", fontsize=6.5, color=MUTED, gid=f"label/{gid}",
        )  # fmt: skip


def _lines(panel: Axes, points: Sequence[ScalingPoint], fit: Exponent | None) -> None:
    """Draw the line of slope 1 and the fit, and name them in the panel."""
    ratios = [math.log(point.P_star / point.prediction) for point in points if point.P_star is not None]
    ratios = ratios or [
        math.log(point.paper / point.prediction) for point in points if point.paper is not None
    ]
    ends = panel.get_xlim()
    handles = []
    if ratios:
        factor = math.exp(sum(ratios) / len(ratios))
        handles += panel.plot(
            ends, [factor * end for end in ends], color=MUTED, linestyle=(0, (4, 2)), linewidth=0.9, zorder=1,
            gid="slope 1", label="slope 1",
        )  # fmt: skip
    if fit is not None:
        x = [float(point.prediction) for point in points if point.P_star is not None] or list(ends)
        x = [min(x), max(x)]
        words = f"fit: slope {fit.slope:.2f}"
        if fit.interval is not None:
            words += " ({:.2f} to {:.2f})".format(*fit.interval)
        handles += panel.plot(
            x, [math.exp(fit.intercept) * end**fit.slope for end in x], color=INK, linewidth=1.1, zorder=1.5,
            gid="fit", label=words,
        )  # fmt: skip
    if handles:
        panel.legend(handles=handles[::-1], loc="upper left", borderaxespad=0.2, handlelength=2.2)


def _legend(
    figure: Figure, points: Sequence[ScalingPoint], kinds: Sequence[tuple[int, int]], interval_name: str
) -> None:
    """Put the key of all panels at the right: whose value, shape, colour, rim.

    What means one thing shows nothing of the others: ours and the paper's come in all shapes, colours without.
    """

    def plain(**look: Any) -> Line2D:
        return Line2D([], [], **{"linestyle": "", "marker": "o", "color": MUTED, "markersize": 5.5, **look})

    shapes = [_SHAPE_OF_S0.get(s0, "P") for s0 in sorted({point.s0 for point in points})]

    def all_shapes(**look: Any) -> tuple[Line2D, ...]:
        return tuple(plain(**{**look, "marker": shape}) for shape in dict.fromkeys(shapes[:3]))

    rows: list[tuple[Artist | tuple[Line2D, ...], str]] = []
    if any(point.P_star is not None for point in points):
        rows.append((all_shapes(), "ours"))
        if any(point.P_star is not None and point.interval is not None for point in points):
            rows.append((plain(marker="|", markersize=9, markeredgewidth=1.3), f"our {interval_name}"))
    if any(point.P_star is None and point.lower_bound is not None for point in points):
        rows.append((plain(marker=r"$\uparrow$", markersize=7), "ours: $P$* is above"))
    if any(point.paper is not None for point in points):
        rows.append((all_shapes(**_hollow({"color": MUTED}) | {"markersize": 6.5}), "paper"))
        if any(point.paper is not None and point.paper_bracket is not None for point in points):
            step = plain(marker="|", markersize=9, markeredgewidth=5, alpha=_GRID_STEP["alpha"])
            rows.append((step, "paper's grid step"))
    gap = plain(marker=""), " "
    rows.append(gap)
    for s0 in sorted({point.s0 for point in points}):
        word = "blank" if s0 == 1 else "blanks"
        rows.append((plain(marker=_SHAPE_OF_S0.get(s0, "P")), f"$s_0$ = {s0} {word}"))
    rows.append(gap)
    for v in sorted({point.v for point in points}):
        colour = _COLOUR_OF_V.get(v, LINE_COLOURS[v % len(LINE_COLOURS)])
        rows.append((Patch(facecolor=colour), f"$v$ = {v} features"))
    if len(kinds) > 1:
        rows.append(gap)
        several = len({s for _, s in kinds}) > 1
        for place, (L, s) in enumerate(kinds):
            rows.append(
                (
                    all_shapes(**_rim(place)),
                    f"$L$ = {L} level{'s' * (L > 1)}" + (f", $s$ = {s}" if several else ""),
                )
            )
    figure.legend(
        handles=[handle for handle, _ in rows],
        labels=[label for _, label in rows],
        loc="outside right upper",
        handlelength=3.6,
        handler_map={tuple: HandlerTuple(ndivide=None)},
    )
