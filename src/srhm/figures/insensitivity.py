"""P* against P*_S and P*_D: whether a task is learnt when a layer stops seeing synonyms and shifts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..errors import ArgumentError, check_instance, check_instances
from ..model.params import Params
from .marks import (
    GAP,
    Estimate,
    KeyRow,
    Marks,
    arrow_row,
    bar_row,
    check_positive,
    draw_estimate,
    finish,
    net_title,
)
from .quantities import DASHED
from .style import DOUBLE_COLUMN, Number, log_axis, log_range, panel_grid, styled

_TITLES = {"S": "Synonyms", "D": "Shifts"}
_LABELS = {
    "S": "$P^*_S$: training points until\na layer is insensitive to synonyms",
    "D": "$P^*_D$: training points until\na layer is insensitive to shifts",
}
_UNKNOWN = Estimate()


@dataclass(frozen=True)
class InsensitivityPoint:
    """One setting: P*, P*_S and P*_D as measured and as the paper has them, None where there is none."""

    net: str
    """The network, such as ``"LCN"``."""
    label: str
    """Name of the setting."""
    params: Params
    """The model, whose v is the colour and s0 the shape. Where several L occur, a rim distinguishes them; each s has
    its panels."""
    P_star: Estimate | None = None
    """Training points for 10% test error."""
    P_star_S: Estimate | None = None
    """Training points at which the sensitivity to synonyms falls to its threshold."""
    P_star_D: Estimate | None = None
    """The same for shifts; None where s0 = 0."""
    paper: Number | None = None
    """The paper's P*."""
    paper_S: Number | None = None
    """The paper's P*_S."""
    paper_D: Number | None = None
    """The paper's P*_D."""
    pale: bool = False
    """Whether ours is drawn pale; `insensitivity` names what it is."""

    def __post_init__(self) -> None:
        check_instance(Params, params=self.params)
        check_positive({name: getattr(self, name) for name in ("paper", "paper_S", "paper_D")})

    def ours(self, quantity: str) -> tuple[Estimate, Estimate] | None:
        """Return what was measured of ``"S"`` or ``"D"``, and of the error; None unless both have a place."""
        x, y = getattr(self, f"P_star_{quantity}") or _UNKNOWN, self.P_star or _UNKNOWN
        return None if x.place is None or y.place is None else (x, y)

    def papers(self, quantity: str) -> tuple[float, float] | None:
        """Return the same of the paper."""
        x, y = getattr(self, f"paper_{quantity}"), self.paper
        return None if x is None or y is None else (float(x), float(y))


@styled
def insensitivity(
    points: Sequence[InsensitivityPoint],
    *,
    x_labels: Mapping[str, str] | None = None,
    y_label: str = "$P$*: training points for 10% test error",
    interval_name: str = "90% intervals",
    pale_name: str = "ours, narrower",
    title: str | None = None,
) -> Figure:
    """Draw P* against P*_S and P*_D on logarithmic axes (paper, Figures 6C, 6D, 11, 14, 16).

    Each network and each s has a panel for S and one for D, square and with one range for all four axes; a setting
    without P* or without P*_S (P*_D) is not in that panel, and a panel that would be empty is left out. Ours are
    filled, with error bars on both axes, which the key calls `interval_name`, and pale where a point says so, which it
    calls `pale_name`; the paper's are open and larger, and alone where a setting was not run. An arrow leads away from
    a lower bound. On the dashed line P* is P*_S (P*_D). The labels of the horizontal axes, by ``"S"`` and ``"D"``, may
    name layer and threshold. If no point has a place in any panel, it is an error.
    """
    check_instances(InsensitivityPoint, points=points)
    drawn = {
        quantity: [one for one in points if one.ours(quantity) or one.papers(quantity)] for quantity in "SD"
    }
    seen = [one for one in points if any(one in drawn[quantity] for quantity in "SD")]
    groups = list(dict.fromkeys((point.net, point.params.s) for point in seen))
    places = [(quantity, group) for quantity in "SD" if drawn[quantity] for group in groups]
    if not places:
        problem = "hold no pair of P* and P*_S or P*_D"
        names = [point.label for point in points]
        raise ArgumentError("points", names, problem, "Give one point with both at least")
    columns = len(groups) if len(groups) > 1 else len(places)
    width = {1: 0.66 * DOUBLE_COLUMN}.get(columns, DOUBLE_COLUMN)
    figure, panels = panel_grid(len(places), columns, width, 3.0 if columns > 1 else 3.3)
    papers = any(point.papers(quantity) for quantity in "SD" for point in drawn[quantity])
    marks = Marks([point.params for point in seen], with_paper=papers, rim_shows_s=False)
    for panel, (quantity, group) in zip(panels, places, strict=True):
        _axes(panel, [point for point in seen if (point.net, point.params.s) == group])
        own = [point for point in drawn[quantity] if (point.net, point.params.s) == group]
        for point in own:
            _draw(panel, point, quantity, marks)
        panel.set_title(_heading(quantity, group, groups))
        panel.set_xlabel((x_labels or {}).get(quantity, _LABELS[quantity]))
        if panels.index(panel) % columns == 0:
            panel.set_ylabel(y_label)
    rows = _key(drawn, marks, interval_name, pale_name)
    return finish(figure, panels, [*rows, *marks.key()], title)


def _heading(quantity: str, group: tuple[str, int], groups: Sequence[tuple[str, int]]) -> str:
    """Return the title of a panel."""
    net, s = group
    if len(groups) == 1:
        return f"{_TITLES[quantity]}: {net_title(net)}"
    return f"{_TITLES[quantity]}: {net}, $s$ = {s}"


def _axes(panel: Axes, points: Sequence[InsensitivityPoint]) -> None:
    """Scale both axes alike, whatever quantity is drawn, with the line on which both agree."""
    numbers: list[Number] = []
    for point in points:
        for quantity in "SD":
            ours = point.ours(quantity) or ()
            numbers += [number for estimate in ours for number in estimate.reach]
            numbers += point.papers(quantity) or ()
    low, high = log_range(numbers, margin=0.09)
    log_axis(panel.xaxis, low, high, least_gap=0.22)
    log_axis(panel.yaxis, low, high, least_gap=0.12)
    panel.set_box_aspect(1)
    panel.plot([low, high], [low, high], zorder=1, gid="identity", **DASHED)


def _draw(panel: Axes, point: InsensitivityPoint, quantity: str, marks: Marks) -> None:
    """Draw our pair of numbers and the paper's."""
    gid = f"{quantity}/{point.net}/{point.label}"
    papers, ours = point.papers(quantity), point.ours(quantity)
    if papers is not None:
        panel.plot(
            [papers[0]], [papers[1]], linestyle="", zorder=3, gid=f"paper/{gid}", **marks.paper(point.params)
        )
    if ours is not None:
        draw_estimate(panel, *ours, marks.ours(point.params, pale=point.pale), gid)


def _key(
    drawn: Mapping[str, Sequence[InsensitivityPoint]], marks: Marks, interval_name: str, pale_name: str
) -> list[KeyRow]:
    """Return whose value a marker shows, and what bars, arrows and the line are."""
    ours = [(quantity, pair) for quantity in drawn for one in drawn[quantity] if (pair := one.ours(quantity))]
    pale = [one.pale for quantity in drawn for one in drawn[quantity] if one.ours(quantity)]
    rows = marks.ours_rows(pale, pale_name)
    if any(estimate.ends for _, pair in ours for estimate in pair):
        rows.append(bar_row(f"our {interval_name}", "+"))
    if any(y.bounded for _, (_, y) in ours):
        rows.append(arrow_row("ours: $P$* is above"))
    for quantity in "SD":
        if any(name == quantity and x.bounded for name, (x, _) in ours):
            rows.append(arrow_row(f"ours: $P^*_{quantity}$ is above", r"$\rightarrow$"))
    if marks.with_paper:
        rows.append((marks.hollow_shapes(), "paper"))
    return [*rows, GAP, (Line2D([], [], **DASHED), "both are equal")]
