"""Measured P* against its scaling law, on logarithmic axes, with the paper's values next to ours."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..errors import ArgumentError, check_instance, check_instances
from ..measure.exponent import Exponent
from ..model.params import Params
from .marks import (
    Estimate,
    KeyRow,
    Marks,
    arrow_row,
    bar_row,
    check_positive,
    draw_estimate,
    finish,
    net_title,
    plain_mark,
)
from .style import (
    DOUBLE_COLUMN,
    INK,
    MUTED,
    Number,
    log_axis,
    log_range,
    panel_grid,
    styled,
)

_SCALING_LAWS = {
    "CNN": r"scaling law $(s_0+1)^2\, n_c m^L$",
    "LCN": r"scaling law $s^{L/2}(s_0+1)^L\, n_c m^L$",
}
_GRID_STEP = {"linewidth": 5, "alpha": 0.22, "solid_capstyle": "butt"}


@dataclass(frozen=True)
class ScalingPoint:
    """One setting: its scaling law, what was measured and what the paper says.

    Raises
    ------
    ArgumentError
        If a number on a logarithmic axis is not positive.
    """

    net: str
    """The network, which names the panel, such as ``"CNN"``."""
    label: str
    """Name of the setting; written at the point where `scaling` is asked to."""
    params: Params
    """The model, whose v is the colour and s0 the shape; where several (L, s) occur, a rim distinguishes them."""
    scaling_law: Number
    """What P* should be proportional to."""
    ours: Estimate
    """Measured P*, in training points."""
    paper: Number | None = None
    """The paper's P*."""
    paper_bracket: tuple[Number | None, Number | None] | None = None
    """The neighbours on the paper's grid between which its value lies."""
    pale: bool = False
    """Whether ours is drawn pale, and counts for no line; `scaling` names what it is."""

    def __post_init__(self) -> None:
        check_instance(Params, params=self.params)
        check_instance(Estimate, ours=self.ours)
        check_positive({name: getattr(self, name) for name in ("scaling_law", "paper", "paper_bracket")})


@styled
def scaling(
    points: Sequence[ScalingPoint],
    *,
    fits: Mapping[str, Exponent] | None = None,
    slopes: Mapping[str, float | None] | None = None,
    x_labels: Mapping[str, str] | None = None,
    y_label: str = "$P$*: training points for 10% test error",
    interval_name: str = "90% interval",
    pale_name: str = "ours, narrower",
    write_labels: bool = False,
    title: str | None = None,
) -> Figure:
    """Draw measured P* against its scaling law, a panel for each network.

    All panels have the same vertical axis. Ours are filled, with error bars, and pale where a point says so; the
    paper's are hollow and larger, on a bar between the neighbours on its grid: where both agree, ours lies within the
    paper's. The dashed line is proportional to the scaling law and runs through the geometric mean of our points that
    are not pale (of the paper's where there are none of ours); the full line is the fit.

    Parameters
    ----------
    points
        The settings. The panels come in the order in which their networks first occur.
    fits
        For a network the power law of P* over the scaling law, as :func:`srhm.measure.exponent.fit_exponent` finds it.
    slopes
        For a network the slope that is expected, which a dashed line shows; None: no line. Default: 1.
    x_labels
        For a network the label of its horizontal axis. Default for CNN and LCN: Eq. 4 and Eq. 3 of the paper.
    y_label
        Label of the vertical axis.
    interval_name
        What the error bars are, for the legend.
    pale_name
        What our pale markers are, for the legend.
    write_labels
        Write each setting's label at its marker; meant for few points.
    title
        Title of the figure.

    Raises
    ------
    ArgumentError
        If there is no point.
    """
    check_instances(ScalingPoint, points=points)
    nets = list(dict.fromkeys(point.net for point in points))
    if not nets:
        raise ArgumentError("points", points, "is empty", "Give one point at least")
    columns = min(len(nets), 2)
    width = DOUBLE_COLUMN if columns == 2 else 0.66 * DOUBLE_COLUMN
    figure, panels = panel_grid(len(nets), columns, width, 2.75, 0.2)
    marks = Marks([point.params for point in points], any(point.paper is not None for point in points))
    heights = log_range([height for point in points for height in _heights(point)], margin=0.09)
    for panel, net in zip(panels, nets, strict=True):
        own = [point for point in points if point.net == net]
        _axes(panel, own, heights, write_labels)
        panel.set_title(net_title(net))
        panel.set_xlabel((x_labels or {}).get(net) or _SCALING_LAWS.get(net, "scaling law"))
        if panels.index(panel) % columns == 0:
            panel.set_ylabel(y_label)
        for point in own:
            _draw(panel, point, marks, write_labels)
        _lines(panel, own, (fits or {}).get(net), (slopes or {}).get(net, 1.0))
    rows = _key(points, marks, interval_name, pale_name)
    return finish(figure, panels, [*rows, *marks.key()], title)


def _heights(point: ScalingPoint) -> list[Number]:
    paper = (point.paper, *(point.paper_bracket or ()))
    return point.ours.reach + [value for value in paper if value is not None]


def _axes(
    panel: Axes, points: Sequence[ScalingPoint], heights: tuple[float, float], write_labels: bool
) -> None:
    """Scale the axes, with room for labels at the right."""
    left, right = log_range([point.scaling_law for point in points], margin=0.09)
    right *= (right / left) ** (0.3 * write_labels)
    log_axis(panel.xaxis, left, right, least_gap=0.16)
    log_axis(panel.yaxis, *heights)


def _draw(panel: Axes, point: ScalingPoint, marks: Marks, write_labels: bool) -> None:
    """Draw our value and the paper's."""
    gid, x = f"{point.net}/{point.label}", float(point.scaling_law)
    if point.paper is not None:
        look = marks.paper(point.params)
        if point.paper_bracket is not None:
            low, high = (float(point.paper if end is None else end) for end in point.paper_bracket)
            panel.plot(
                [x, x], [low, high], "-", color=look["color"], zorder=2, gid=f"bracket/{gid}", **_GRID_STEP
            )
        panel.plot([x], [float(point.paper)], linestyle="", zorder=3, gid=f"paper/{gid}", **look)
    draw_estimate(panel, Estimate(x), point.ours, marks.ours(point.params, pale=point.pale), gid)
    height = point.ours.place
    if write_labels and height is not None:
        panel.annotate(
            point.label, xy=(x, height), xytext=(6 if point.paper is None else 9, -5), va="top",
            textcoords="offset points", fontsize=6.5, color=MUTED, gid=f"label/{gid}",
        )  # fmt: skip


def _lines(panel: Axes, points: Sequence[ScalingPoint], fit: Exponent | None, slope: float | None) -> None:
    """Draw the line of the expected slope and the fit, and name them in the panel."""
    by_look = {
        pale: [
            (one.scaling_law, P) for one in points if one.pale is pale and (P := one.ours.value) is not None
        ]
        for pale in (False, True)
    }
    own = by_look[False] or by_look[True]
    known = own or [(point.scaling_law, point.paper) for point in points if point.paper is not None]
    ends = panel.get_xlim()
    handles = []
    if known and slope is not None:
        logs = [math.log(P_star) - slope * math.log(law) for law, P_star in known]
        factor = math.exp(sum(logs) / len(logs))
        handles += panel.plot(
            ends, [factor * end**slope for end in ends], color=MUTED, linestyle=(0, (4, 2)), linewidth=0.9, zorder=1,
            gid=f"slope {slope:g}", label=f"slope {slope:g}",
        )  # fmt: skip
    if fit is not None:
        x = [float(law) for law, _ in own] or list(ends)
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


def _key(points: Sequence[ScalingPoint], marks: Marks, interval_name: str, pale_name: str) -> list[KeyRow]:
    """Return whose value a marker shows, and what bars and arrows are."""
    ours = [point for point in points if point.ours.value is not None]
    rows = marks.ours_rows([point.pale for point in ours], pale_name)
    if any(point.ours.ends is not None for point in ours):
        rows.append(bar_row(f"our {interval_name}"))
    if any(point.ours.bounded for point in points):
        rows.append(arrow_row("ours: $P$* is above"))
    if any(point.paper is not None for point in points):
        rows.append((marks.hollow_shapes(), "paper"))
        if any(point.paper is not None and point.paper_bracket is not None for point in points):
            step = plain_mark(marker="|", markersize=9, markeredgewidth=5, alpha=_GRID_STEP["alpha"])
            rows.append((step, "paper's grid step"))
    return rows
