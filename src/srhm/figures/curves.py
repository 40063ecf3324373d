"""Learning curves: test error and sensitivities against the number of training points."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..errors import ArgumentError, check_instances, check_number
from ..measure.crossings import SampleComplexity
from ..study import Study
from .marks import hollow
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
    INK,
    MUTED,
    SINGLE_COLUMN,
    Number,
    legend_above,
    log_axis,
    log_range,
    look_of,
    panel_grid,
    panel_letters,
    plain_number,
    styled,
)

_ERROR_10: Mapping[str, Number] = {"error": 0.10}
_CEILING: Mapping[str, Any] = {"linestyle": (0, (1, 1.4)), "linewidth": 1.3}


@dataclass(frozen=True)
class Curve:
    """The runs of one setting, of one seed or several.

    Raises
    ------
    ArgumentError
        If a quantity or `seeds` does not have one entry for each P, or a P, one of the paper's too, is not positive.
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
    ceiling: tuple[Number, tuple[Number, Number]] | None = None
    """The smallest test error that any classifier has on these inputs, and its interval
    (:func:`srhm.inference.bayes_error`); 0 without noise."""
    paper: Mapping[str, Sequence[tuple[Number, Number]]] | None = None
    """For each quantity published points (P, value), drawn open; there need not be runs next to them."""

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
        for name, points in (self.paper or {}).items():
            for P, _ in points:
                check_number(f"paper[{name!r}]", P, above=0.0)

    @classmethod
    def of(
        cls,
        study: Study,
        label: str,
        quantities: Sequence[str],
        found: SampleComplexity | None = None,
        **others: Any,
    ) -> "Curve":
        """Return the runs of a study as a curve, with P* of the error where it was found.

        Parameters
        ----------
        study
            A setup and the runs of its replicates.
        label
            What sets the curve apart.
        quantities
            Names of what runs measured.
        found
            P* of the error; None draws none.
        **others
            Further fields of a curve.
        """
        runs = study.all_runs
        known = found if found is not None and found.P_star is not None else None
        return cls(
            label,
            [run.spec.P for _, run in runs],
            {name: [run.metrics.get(name) for _, run in runs] for name in quantities},
            P_star=None if known is None else {"error": known.P_star},
            P_star_interval=None if known is None else {"error": known.interval},
            seeds=[number for number, _ in runs],
            **others,
        )

    def published(self, quantity: str) -> tuple[np.ndarray, np.ndarray]:
        """Return P and the published values of one quantity."""
        points = np.array((self.paper or {}).get(quantity, ()), float).reshape(-1, 2)
        return points[:, 0], points[:, 1]

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
    chance: Number | Mapping[str, Number] | None = None,
    quantities: Sequence[str] | None = None,
    L: int | None = None,
    layers: Sequence[str] = (),
    title: str | None = None,
    x_label: str = "training points $P$",
) -> Figure:
    """Draw test error and sensitivities against P, a panel for each quantity.

    A curve of one seed is a line through its runs. Of several seeds, every run is a faint marker and the line
    is the median (see :meth:`Curve.median`). A dashed line is the threshold of a quantity; a diamond on it,
    with a foot to the axis and a bar for the interval, is P*. A dotted line in the colour of a curve is its ceiling.

    Parameters
    ----------
    curves
        The curves, in the order of the legend. Few runs, or none yet, are drawn as far as they go.
    thresholds
        The value of each quantity that defines its P*. Default: error 10%.
    chance
        Test error of guessing, 1 - 1/n_c, or by quantity what guessing gives; drawn where given.
    quantities
        The panels, in order. Default: the error, then every other quantity of which a curve has a value, S
        before D (D is absent for s0 = 0).
    L
        Number of levels; with it layer L + 1 is called the output.
    layers
        Names of the recorded layers, such as ``"depth 0.2"`` of a standard architecture; default: their numbers.
    title
        Title of the figure.
    x_label
        Label of the horizontal axis, for curves over a rescaled P.

    Raises
    ------
    ArgumentError
        If `quantities` is empty, it or `thresholds` names an unknown quantity, or a threshold or `chance` is not
        between 0 and 1.
    """
    check_instances(Curve, curves=curves)
    names = list(_default_quantities(curves) if quantities is None else quantities)
    if not names:
        raise ArgumentError("quantities", quantities, "is empty", 'Give one at least, such as "error"')
    check_quantities("quantities", names, thresholds, curves)
    if isinstance(layers, str):
        raise ArgumentError(
            "layers", layers, "is one string", 'Give the name of each layer, as in ["first", "last"]'
        )
    guess = check_chance(chance)
    columns = len(names) if len(names) < 4 else 2 if len(names) == 4 else 3
    width = {1: SINGLE_COLUMN, 2: 0.75 * DOUBLE_COLUMN}.get(columns, DOUBLE_COLUMN)
    figure, panels = panel_grid(len(names), columns, width, 2.15 if columns > 1 else 2.4, 0.65)
    extent = _extent(curves, names)
    for panel, name in zip(panels, names, strict=True):
        words = (full_words if columns < 3 else short_words)(name, L, layers)
        _panel(panel, name, words, curves, thresholds.get(name), guess.get(name))
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
    P += [float(P) for curve in curves for name in names for P in curve.published(name)[0]]
    P += [P_star for curve in curves for name in names if (P_star := _P_star(curve, name))]
    return log_range(P)


def _P_star(curve: Curve, name: str) -> float | None:
    value = None if curve.P_star is None else curve.P_star.get(name)
    return None if value is None else check_number(f"P_star[{name!r}]", value, above=0.0)


def _panel(
    panel: Axes,
    name: str,
    words: tuple[str, str],
    curves: Sequence[Curve],
    threshold: Number | None,
    chance: Number | None,
) -> None:
    """Draw one quantity of all curves, under a title and next to an axis label."""
    panel.set_title(words[0])
    panel.set_ylabel(words[1])
    top = [0.0]
    for place, curve in enumerate(curves):
        look = look_of(place)
        if len(curve.published(name)[0]):
            gid = f"paper/{name}/{curve.label}"
            panel.plot(*curve.published(name), gid=gid, zorder=1.8, **_papers_look(look))
        draw_runs(panel, name, curve, look)
        top += [
            float(values.max())
            for _, values in (*curve.runs(name).values(), curve.published(name))
            if len(values)
        ]
        if threshold is not None:
            _mark_P_star(panel, name, curve, float(threshold), look["color"])
        if name == "error" and curve.ceiling is not None:  # the Bayes error, and its interval as a band
            value, (low, high) = curve.ceiling
            gid = f"ceiling/{curve.label}"
            panel.axhline(float(value), color=look["color"], zorder=1, gid=gid, **_CEILING)
            panel.axhspan(
                float(low), float(high), color=look["color"], alpha=0.18, linewidth=0, zorder=0,
                gid=f"ceiling_interval/{curve.label}",
            )  # fmt: skip
    if threshold is not None:
        draw_threshold(panel, name, threshold)
        top.append(2.5 * float(threshold))
    if chance is not None:
        draw_chance(panel, chance)
        top.append(1.04 * float(chance))
    if not any(curve.runs(name) or len(curve.published(name)[0]) for curve in curves):
        panel.text(0.5, 0.5, "no runs yet", color=MUTED, ha="center", va="center", transform=panel.transAxes)
    panel.set_ylim(0, 1.08 * (max(top) or 1.0))


def _papers_look(look: Mapping[str, Any]) -> dict[str, Any]:
    """Return the open markers on a thin line of published points, in the colour and shape of a look."""
    return hollow(look, 4.2) | {"linestyle": (0, (2, 1.4)), "linewidth": 0.7, "markeredgewidth": 0.8}


def draw_runs(panel: Axes, name: str, curve: Curve, look: Mapping[str, Any], *, scale: Number = 1.0) -> None:
    """Draw one quantity of a curve over P / scale: each run of several seeds faintly, and the median as a line."""
    runs, gid = curve.runs(name), f"{name}/{curve.label}"
    one = len(runs) == 1
    if not one:
        for seed, (P, values) in runs.items():
            panel.plot(
                P / scale, values, **{**look, "linestyle": ""}, markersize=2.6, alpha=0.45, markeredgewidth=0,
                gid=f"runs/{gid}/{seed}",
            )  # fmt: skip
    P, values = curve.median(name)
    panel.plot(
        P / scale, values, **{**look, "marker": look["marker"] if one else ""}, markersize=3.6,
        markeredgecolor="white", markeredgewidth=0.4, gid=f"curve/{gid}",
    )  # fmt: skip


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


_WIDE = 1.5
"""Of an interval with a larger factor between its ends the legend has these, and not P*."""


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
        label = curve.label if P_star is None else f"{curve.label}  ($P$* = {plain_number(P_star)})"
        low, high = (curve.P_star_interval or {}).get("error") or (None, None)
        if P_star is not None and low is not None and high is not None and high > _WIDE * low:
            label = f"{curve.label}  ($P$* = {plain_number(low)} to {plain_number(high)})"
        look = look_of(place) | {"markeredgecolor": "white", "markeredgewidth": 0.4}
        if len(curve.P) == 0 and curve.paper:
            look = _papers_look(look_of(place))
        handles.append(Line2D([], [], label=label, **look))
    if any(len(curve.published(name)[0]) for curve in curves for name in names):
        handles.append(Line2D([], [], label="paper", **_papers_look({"color": MUTED, "marker": "o"})))
    if any(name in thresholds for name in names):
        line = Line2D([], [], label="threshold", **DASHED)
        handles.append(line)
        if any(_P_star(curve, name) for curve in curves for name in names):
            line.set(
                marker="D", markerfacecolor="white", markeredgecolor=INK, markeredgewidth=0.7, markersize=4.6
            )
            line.set_label("threshold, met at $P$*")
    if any(curve.ceiling is not None for curve in curves) and "error" in names:
        handles.append(Line2D([], [], color=INK, label="Bayes error, the best there is", **_CEILING))
    legend_above(figure, handles, title)
