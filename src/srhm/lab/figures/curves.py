"""Learning curves: test error and sensitivities against the number of training points."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...errors import ArgumentError, check_number
from .style import (
    DOUBLE_COLUMN,
    INK,
    LINE_COLOURS,
    MARKERS,
    MUTED,
    SINGLE_COLUMN,
    TITLE_SIZE,
    Number,
    log_axis,
    log_range,
    panel_letters,
    plain_number,
    styled,
)

_ERROR_10: Mapping[str, Number] = {"error": 0.10}
_SENSITIVITY = re.compile(r"([SD])_(\d)(\d)")


@dataclass(frozen=True)
class Curve:
    """The runs of one setting, of one seed or several.

    Raises
    ------
    ArgumentError
        If a quantity or `seeds` has not one entry for each P, or a P is not positive.
    """

    label: str
    """What sets the curve apart, for the legend, such as ``"s0 = 1"``."""
    P: Sequence[Number]
    """Training points of each run, in any order."""
    values: Mapping[str, Sequence[Number | None]]
    """For each quantity its value in each run, None or nan where it is missing: ``"error"``, or ``"S_kl"``
    and ``"D_kl"`` for layer k (k = L + 1 is the output) and level l. A quantity may be absent."""
    P_star: Mapping[str, Number | None] | None = None
    """P* of each quantity, where it is known."""
    P_star_interval: Mapping[str, tuple[Number | None, Number | None] | None] | None = None
    """Low and high end of P* of each quantity; an end that nothing bounds is None."""
    seeds: Sequence[int] | None = None
    """The seed of each run; None: all runs are of one seed."""

    def __post_init__(self) -> None:
        for P in self.P:
            check_number("P", P, above=0.0)
        columns = {f"values[{name!r}]": column for name, column in self.values.items()}
        if self.seeds is not None:
            columns["seeds"] = self.seeds
        for name, column in columns.items():
            if len(column) != len(self.P):
                problem = f"has {len(column)} entries for {len(self.P)} values of P"
                raise ArgumentError(name, column, problem, "Give one entry for each P")

    def runs(self, quantity: str) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        """Return P and the values of one quantity for each seed, sorted by P, without the missing ones."""
        column = self.values.get(quantity, [None] * len(self.P))
        seeds = self.seeds if self.seeds is not None else [0] * len(self.P)
        found: dict[int, list[tuple[float, float]]] = {}
        for seed, P, value in zip(seeds, self.P, column, strict=True):
            if value is not None and math.isfinite(value):
                found.setdefault(int(seed), []).append((float(P), float(value)))
        tables = {seed: np.array(sorted(pairs)) for seed, pairs in sorted(found.items())}
        return {seed: (table[:, 0], table[:, 1]) for seed, table in tables.items()}

    def median(self, quantity: str) -> tuple[np.ndarray, np.ndarray]:
        """Return P and the median over seeds, wherever more than half of the seeds have runs on both sides.

        Each seed is interpolated linearly in ln P between its runs.
        """
        runs = list(self.runs(quantity).values())
        if not runs:
            return np.empty(0), np.empty(0)
        P = np.unique(np.concatenate([P for P, _ in runs]))
        seeds = np.array(
            [np.interp(np.log(P), np.log(own), values, left=np.nan, right=np.nan) for own, values in runs]
        )
        enough = 2 * np.isfinite(seeds).sum(axis=0) > len(runs)
        return P[enough], np.nanmedian(seeds[:, enough], axis=0)


@styled
def learning_curves(
    curves: Sequence[Curve],
    thresholds: Mapping[str, Number] = _ERROR_10,
    *,
    chance: Number | None = None,
    quantities: Sequence[str] | None = None,
    L: int | None = None,
    title: str | None = None,
    x_label: str = "training points $P$",
) -> Figure:
    """Draw test error and sensitivities against P, a panel for each quantity.

    A curve of one seed is a line through its runs. Of several seeds, every run is a faint marker and the line
    is the median (see :meth:`Curve.median`). A dashed line is the threshold of a quantity; a diamond on it,
    with a foot to the axis and a bar for the interval, is P*.

    Parameters
    ----------
    curves
        The curves, in the order of the legend. Few runs, or none yet, are drawn as far as they go.
    thresholds
        The value of each quantity that defines its P*. Default: error 10%.
    chance
        Test error of guessing, 1 - 1/n_c; drawn where given.
    quantities
        The panels, in order. Default: the error, then every other quantity of which a curve has a value, S
        before D (D is absent for s0 = 0).
    L
        Number of levels; with it layer L + 1 is called the output.
    title
        Title of the figure.
    x_label
        Label of the horizontal axis, for curves over a rescaled P.

    Raises
    ------
    ArgumentError
        If `quantities` is empty.
    """
    names = list(_default_quantities(curves) if quantities is None else quantities)
    if not names:
        raise ArgumentError("quantities", quantities, "is empty", 'Give one at least, such as "error"')
    columns = len(names) if len(names) < 4 else 2 if len(names) == 4 else 3
    rows = -(-len(names) // columns)
    width = {1: SINGLE_COLUMN, 2: 0.75 * DOUBLE_COLUMN}.get(columns, DOUBLE_COLUMN)
    figure = Figure(figsize=(width, 0.65 + (2.15 if columns > 1 else 2.4) * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    panels = list(grid.flat)
    for spare in panels[len(names) :]:
        spare.remove()
    panels = panels[: len(names)]
    extent = _extent(curves, names)
    for panel, name in zip(panels, names, strict=True):
        _panel(panel, name, curves, thresholds.get(name), chance if name == "error" else None, L)
        log_axis(panel.xaxis, *extent, least_gap=0.24)
        panel.set_xlabel(x_label)
    panel_letters(panels)
    _legend(figure, curves, names, thresholds, title)
    return figure


def _default_quantities(curves: Sequence[Curve]) -> list[str]:
    """The error, then S before D, of which any curve has a value."""
    found = {name for curve in curves for name in curve.values if curve.runs(name)}
    return ["error", *sorted(found - {"error"}, key=lambda name: (name[0] == "D", name))]


def _extent(curves: Sequence[Curve], names: Sequence[str]) -> tuple[float, float]:
    """Return one range of P for all panels."""
    P = [float(P) for curve in curves for name in names for run in curve.runs(name).values() for P in run[0]]
    P += [P_star for curve in curves for name in names if (P_star := _P_star(curve, name))]
    return log_range(P)


def _P_star(curve: Curve, name: str) -> float | None:
    value = None if curve.P_star is None else curve.P_star.get(name)
    return None if value is None else check_number(f"P_star[{name!r}]", value, above=0.0)


def _panel(
    panel: Axes,
    name: str,
    curves: Sequence[Curve],
    threshold: Number | None,
    chance: Number | None,
    L: int | None,
) -> None:
    """Draw one quantity of all curves."""
    heading, label = _words(name, L)
    panel.set_title(heading)
    panel.set_ylabel(label)
    top = [0.0]
    for place, curve in enumerate(curves):
        colour, marker = LINE_COLOURS[place % len(LINE_COLOURS)], MARKERS[place % len(MARKERS)]
        runs = curve.runs(name)
        one = len(runs) == 1
        if not one:
            for seed, (P, values) in runs.items():
                panel.plot(
                    P, values, marker, color=colour, markersize=2.6, alpha=0.45, markeredgewidth=0,
                    gid=f"runs/{name}/{curve.label}/{seed}",
                )  # fmt: skip
        P, values = curve.median(name)
        panel.plot(
            P, values, "-", marker=marker if one else "", color=colour, markersize=3.6,
            markeredgecolor="white", markeredgewidth=0.4, gid=f"curve/{name}/{curve.label}",
        )  # fmt: skip
        top += [float(values.max()) for _, values in runs.values()]
        if threshold is not None:
            _mark_P_star(panel, name, curve, float(threshold), colour)
    if threshold is not None:
        panel.axhline(float(threshold), color=MUTED, linestyle=(0, (4, 2)), linewidth=0.8, zorder=1)
        percent = name == "error"
        panel.annotate(
            f"{plain_number(100 * threshold)}%" if percent else plain_number(threshold),
            xy=(1, float(threshold)), xycoords=("axes fraction", "data"), xytext=(2, 0),
            textcoords="offset points", va="center", fontsize=6.5, color=MUTED,
        )  # fmt: skip
        top.append(2.5 * float(threshold))
    if chance is not None:
        panel.axhline(float(chance), color=MUTED, linestyle=(0, (1, 1.5)), linewidth=0.9, zorder=1)
        panel.annotate(
            "chance", xy=(1, float(chance)), xycoords=("axes fraction", "data"), xytext=(-1, 1.5),
            textcoords="offset points", ha="right", va="bottom", fontsize=6.5, color=MUTED,
        )  # fmt: skip
        top.append(1.04 * float(chance))
    if not any(curve.runs(name) for curve in curves):
        panel.text(0.5, 0.5, "no runs yet", color=MUTED, ha="center", va="center", transform=panel.transAxes)
    panel.set_ylim(0, 1.08 * (max(top) or 1.0))


def _mark_P_star(panel: Axes, name: str, curve: Curve, threshold: float, colour: str) -> None:
    """Draw P* on the threshold: its interval as a bar, a foot down to the axis, a diamond."""
    P_star = _P_star(curve, name)
    if P_star is None:
        return
    gid = f"{name}/{curve.label}"
    ends = (curve.P_star_interval or {}).get(name)
    if ends is not None:
        low, high = (P_star if end is None else float(end) for end in ends)
        panel.plot(
            [low, high], [threshold] * 2, "-", color=colour, linewidth=4, alpha=0.35, solid_capstyle="butt",
            zorder=3, gid=f"interval/{gid}",
        )  # fmt: skip
    panel.plot([P_star] * 2, [0, threshold], "-", color=colour, linewidth=1, zorder=3, gid=f"foot/{gid}")
    panel.plot(
        [P_star], [threshold], "D", color=colour, markersize=4.6, markeredgecolor=INK, markeredgewidth=0.7,
        zorder=4, gid=f"P_star/{gid}",
    )  # fmt: skip


def _words(name: str, L: int | None) -> tuple[str, str]:
    """Return the title of a quantity's panel and the label of its axis."""
    if name == "error":
        return "Test error", "share of wrong answers"
    match = _SENSITIVITY.fullmatch(name)
    if match is None:
        return name, name
    kind, layer, level = match.groups()
    place = "the output" if L is not None and int(layer) == L + 1 else f"layer {layer}"
    symbol = f"${kind}_{{{layer}{level}}}$"
    what, done = (
        ("synonyms", f"level-{level} synonyms exchanged")
        if kind == "S"
        else ("shifts", f"level-{level} features moved")
    )
    return f"Sensitivity to {what}, {symbol}", f"change of {place} with\n{done}"


def _legend(
    figure: Figure,
    curves: Sequence[Curve],
    names: Sequence[str],
    thresholds: Mapping[str, Number],
    title: str | None,
) -> None:
    """Put one legend above the panels: the curves with P* of their error, and the threshold."""
    handles = []
    for place, curve in enumerate(curves):
        P_star = _P_star(curve, "error")
        handles.append(
            Line2D(
                [], [], color=LINE_COLOURS[place % len(LINE_COLOURS)], marker=MARKERS[place % len(MARKERS)],
                markeredgecolor="white", markeredgewidth=0.4,
                label=curve.label if P_star is None else f"{curve.label}  ($P$* = {plain_number(P_star)})",
            )
        )  # fmt: skip
    if any(name in thresholds for name in names):
        line = Line2D([], [], color=MUTED, linestyle=(0, (4, 2)), linewidth=0.8, label="threshold")
        handles.append(line)
        if any(_P_star(curve, name) for curve in curves for name in names):
            line.set(
                marker="D", markerfacecolor="white", markeredgecolor=INK, markeredgewidth=0.7, markersize=4.6
            )
            line.set_label("threshold, met at $P$*")
    if not handles and title is None:
        return
    longest = max((len(str(handle.get_label()).replace("$", "")) for handle in handles), default=1)
    columns = max(1, min(len(handles), int(72 * figure.get_figwidth() / (3.6 * longest + 28))))
    legend = figure.legend(
        handles=handles, loc="outside upper center", ncols=columns, title=title, handlelength=2.2
    )
    legend.get_title().set(fontsize=TITLE_SIZE, fontweight="bold")
