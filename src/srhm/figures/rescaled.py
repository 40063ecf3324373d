"""Error and sensitivities against P and against P over its scaling law, where the curves should fall together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..errors import ArgumentError, check_choice, check_instances, check_number
from .curves import Curve, draw_runs
from .marks import hollow, plain_mark, shape_of_s0
from .quantities import (
    DASHED,
    check_chance,
    check_quantities,
    draw_chance,
    draw_threshold,
    full_words,
    short_words,
)
from .style import (
    DOUBLE_COLUMN,
    LINE_COLOURS,
    MUTED,
    Drawing,
    Number,
    legend_above,
    log_axis,
    log_range,
    panel_letters,
    styled,
)

_LINES = ("-", (0, (5, 1.2)), (0, (3, 1, 1, 1)), (0, (1, 1)))
_ERROR_10: Mapping[str, Number] = {"error": 0.10}
_NARROW = 3  # columns from which on titles are short


@dataclass(frozen=True)
class RescaledCurve:
    """The runs of one setting, and what its P is divided by."""

    curve: Curve
    """The runs and published points; its label is the setting's name in the legend. It may be without runs."""
    scale: Number
    """The scaling law of P*, or a part of it, such as (s0+1)^L n_c m^L."""
    s0: int
    """Blanks next to each informative child: colour and shape."""
    L: int
    """Levels: full line for the least, broken lines for the next ones."""

    def __post_init__(self) -> None:
        check_number("scale", self.scale, above=0.0)

    def reach(self, name: str) -> list[tuple[float, float]]:
        """Return all (P, value) of a quantity, ours and the paper's."""
        runs = [pair for P, values in self.curve.runs(name).values() for pair in zip(P, values, strict=True)]
        pairs = [*runs, *zip(*self.curve.published(name), strict=True)]
        return [(float(P), float(value)) for P, value in pairs]


@styled
def rescaled(
    curves: Sequence[RescaledCurve],
    rows: Sequence[Sequence[str | None]] = (("error",),),
    *,
    over: Literal["both", "P", "rescaled"] = "both",
    thresholds: Mapping[str, Number] = _ERROR_10,
    chance: Number | None = None,
    L: int | None = None,
    x_label: str = r"$P$ / scaling law",
    title: str | None = None,
) -> Figure:
    """Draw quantities against P and against P / scale, in a grid of panels (paper, Figures 7, 8, 12, 15).

    Every run is a small marker and the line is the median over seeds (see :meth:`srhm.figures.Curve.median`); a curve
    of one seed is a line through its runs. The paper's points are open and larger. Colour and shape say s0, the kind
    of line says L. A dashed line is the threshold of a quantity.

    Parameters
    ----------
    curves
        The settings, in the order of the legend, one at least.
    rows
        The grid: for each row its quantities, ``"error"``, ``"S_kl"`` or ``"D_kl"``; None leaves a place empty.
        Sensitivities share one vertical range, errors another.
    over
        ``"both"``: each quantity has two panels side by side, over P and over P / scale. ``"P"`` or
        ``"rescaled"``: one of these.
    x_label
        What P / scale is, in symbols.
    thresholds, chance, L, title
        As for :func:`srhm.figures.learning_curves`.
    """
    check_instances(RescaledCurve, curves=curves)
    if not curves:
        raise ArgumentError("curves", curves, "is empty", "Give one curve at least")
    if not any(name for row in rows for name in row):
        raise ArgumentError("rows", rows, "name no quantity", 'Give one at least, such as [["error"]]')
    check_choice("over", over, ("both", "P", "rescaled"), "is not known")
    check_quantities("rows", _names(rows), thresholds, [one.curve for one in curves])
    check_chance(chance)
    kinds = {"both": (False, True), "P": (False,), "rescaled": (True,)}[over]
    figure, grid = _grid(rows, kinds)
    tops = {group: _top(curves, rows, group, thresholds, chance) for group in (True, False)}
    extents = {scaled: _extent(curves, rows, scaled) for scaled in kinds}
    narrow = max(column for _, column in grid) + 1 >= _NARROW
    for place, (panel, name, scaled) in grid.items():
        for curve in curves:
            _draw(panel, name, curve, curve.scale if scaled else 1.0, curves)
        if name in thresholds:
            draw_threshold(panel, name, thresholds[name], written=not scaled or over == "rescaled")
        if name == "error" and chance is not None:
            draw_chance(panel, chance)
        heading, y_label = (short_words if narrow else full_words)(name, L)
        if scaled and over == "both":
            heading = "rescaled" if narrow else f"{heading}, rescaled"
        panel.set_title(heading, fontsize=7.5 if narrow else None)
        panel.set_gid(f"panel/{name}/{'rescaled' if scaled else 'P'}")
        log_axis(panel.xaxis, *extents[scaled], least_gap=0.24)
        panel.set_ylim(0, tops[name == "error"])
        _label(panel, place, grid, x_label if scaled else "training points $P$", y_label)
    panel_letters([panel for panel, _, _ in grid.values()])
    legend_above(figure, _key(curves, rows, thresholds), title, length=3.6)
    return figure


_Panel = tuple[Axes, str, bool]
_Grid = dict[tuple[int, int], _Panel]


def _grid(rows: Sequence[Sequence[str | None]], kinds: Sequence[bool]) -> tuple[Figure, _Grid]:
    """Make the panels: for each place its axes, its quantity, and whether P is rescaled."""
    columns = max(map(len, rows)) * len(kinds)
    width = DOUBLE_COLUMN if columns > 1 else 0.6 * DOUBLE_COLUMN
    height = {1: 2.6, 2: 2.3}.get(columns, 1.7)
    figure = Drawing(figsize=(width, 0.65 + height * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), columns, squeeze=False)
    grid: _Grid = {}
    for row, names in enumerate(rows):
        for column in range(columns):
            place, kind = divmod(column, len(kinds))
            name = names[place] if place < len(names) else None
            if name is None:
                axes[row, column].remove()
            else:
                grid[row, column] = (axes[row, column], name, kinds[kind])
    return figure, grid


def _names(rows: Sequence[Sequence[str | None]]) -> Iterator[str]:
    """Yield the quantities that are drawn."""
    yield from dict.fromkeys(name for row in rows for name in row if name is not None)


def _extent(
    curves: Sequence[RescaledCurve], rows: Sequence[Sequence[str | None]], scaled: bool
) -> tuple[float, float]:
    """Return one range for all panels over P, or over P / scale."""
    return log_range(
        [
            P / (float(curve.scale) if scaled else 1.0)
            for curve in curves
            for name in _names(rows)
            for P, _ in curve.reach(name)
        ]
    )


def _top(
    curves: Sequence[RescaledCurve],
    rows: Sequence[Sequence[str | None]],
    error: bool,
    thresholds: Mapping[str, Number],
    chance: Number | None,
) -> float:
    """Return the upper end of the vertical axes, of the error or of all sensitivities."""
    names = [name for name in _names(rows) if (name == "error") == error]
    found = [value for curve in curves for name in names for _, value in curve.reach(name)]
    found += [2.5 * float(thresholds[name]) for name in names if name in thresholds]
    if error and chance is not None:
        found.append(1.06 * float(chance))
    return 1.08 * max(found, default=1.0)


def _look(curve: RescaledCurve, curves: Sequence[RescaledCurve]) -> dict[str, Any]:
    """Return colour, shape and line of a setting."""
    blanks = sorted({one.s0 for one in curves})
    return {
        "color": LINE_COLOURS[blanks.index(curve.s0) % len(LINE_COLOURS)],
        "marker": shape_of_s0(curve.s0),
        "linestyle": _LINES[_rank_of_L(curve, curves) % len(_LINES)],
    }


def _papers_look(curve: RescaledCurve, curves: Sequence[RescaledCurve]) -> dict[str, Any]:
    """Return the open marker of the paper's points, whose line is the heavier the more levels there are."""
    look = _look(curve, curves) | {"linestyle": ""}
    return hollow(look, 5.5) | {"markeredgewidth": 0.8 + 0.8 * _rank_of_L(curve, curves)}


def _rank_of_L(curve: RescaledCurve, curves: Sequence[RescaledCurve]) -> int:
    return sorted({one.L for one in curves}).index(curve.L)


def _draw(
    panel: Axes, name: str, curve: RescaledCurve, scale: Number, curves: Sequence[RescaledCurve]
) -> None:
    """Draw the runs and the paper's points of one quantity."""
    P, values = curve.curve.published(name)
    if len(P):
        gid = f"paper/{name}/{curve.curve.label}"
        panel.plot(P / float(scale), values, zorder=1.8, gid=gid, **_papers_look(curve, curves))
    draw_runs(panel, name, curve.curve, _look(curve, curves), scale=scale)


def _label(panel: Axes, place: tuple[int, int], grid: _Grid, x_label: str, y_label: str) -> None:
    """Write axis labels and tick labels where no neighbour says the same."""
    row, column = place
    below, left = grid.get((row + 1, column)), grid.get((row, column - 1))
    if not _alike(below, grid[place]):
        panel.set_xlabel(x_label)
    if not _alike(left, grid[place]):
        panel.set_ylabel(y_label)
    panel.tick_params(labelbottom=not _alike(below, grid[place]), labelleft=not _alike(left, grid[place]))


def _alike(neighbour: _Panel | None, panel: _Panel) -> bool:
    """Return whether a neighbour is there, and has the same vertical range."""
    return neighbour is not None and (neighbour[1] == "error") == (panel[1] == "error")


def _key(
    curves: Sequence[RescaledCurve],
    rows: Sequence[Sequence[str | None]],
    thresholds: Mapping[str, Number],
) -> list[Line2D]:
    """Return the settings, and what small and open markers and dashed lines are."""
    handles, names = [], list(_names(rows))
    for curve in curves:
        look = _look(curve, curves) | {"markeredgecolor": "white", "markeredgewidth": 0.4}
        if not any(curve.curve.runs(name) for name in names):
            look = _papers_look(curve, curves)
        handles.append(Line2D([], [], label=curve.curve.label, **look))
    if any(len(curve.curve.runs(name)) > 1 for curve in curves for name in names):
        handles.append(plain_mark(markersize=2.6, alpha=0.6, markeredgewidth=0, label="a run"))
    if any(len(curve.curve.published(name)[0]) for curve in curves for name in names):
        handles.append(plain_mark(**hollow({"color": MUTED}, 5.5), label="paper"))
    if any(name in thresholds for name in names):
        handles.append(Line2D([], [], label="threshold", **DASHED))
    return handles
