"""Test error against sensitivity, over networks and P: whether the least sensitive networks generalise best."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..errors import ArgumentError, check_choice, check_instances, check_number
from .marks import GAP, KeyRow, arrow_row, check_positive, finish, hollow, look_of_nets, plain_mark
from .style import (
    DOUBLE_COLUMN,
    MUTED,
    Number,
    log_axis,
    log_range,
    look_of,
    panel_grid,
    plain_number,
    styled,
)

_SMALLEST, _LARGEST = 4.0, 8.5  # points: markers of the least and the largest P
_PAPERS_SIZE = 2.5  # points: how much larger the paper's open markers are
_ROOM = 0.14  # share of the vertical axis for the correlation
_TITLES = {"D": "Shifts", "S": "Synonyms"}
_LABELS = {
    "D": "sensitivity of the output to shifts, $D$",
    "S": "sensitivity of the output to synonyms, $S$",
}


@dataclass(frozen=True)
class NetworkRun:
    """One trained network: how often it errs, and what it is sensitive to.

    Raises
    ------
    ArgumentError
        If P or a sensitivity is not positive, the error is negative, or `whose` is neither of the two.
    """

    net: str
    """The network, such as ``"VGG11"``: colour and shape."""
    P: Number
    """Training points: the size of the marker."""
    error: Number
    """Test error; 0 has no place on a logarithmic axis and is drawn at its lower edge, with an arrow."""
    S: Number | None = None
    """Relative sensitivity to synonyms; None where it was not measured."""
    D: Number | None = None
    """Relative sensitivity to shifts; None where it was not measured."""
    whose: Literal["ours", "paper"] = "ours"
    """Who measured it."""

    def __post_init__(self) -> None:
        check_positive({"P": self.P, "S": self.S, "D": self.D})
        check_choice("whose", self.whose, ("ours", "paper"), "is not known")
        if self.error != 0:
            check_number("error", self.error, above=0.0)

    def sensitivity(self, quantity: str) -> float | None:
        """Return ``"S"`` or ``"D"``."""
        value = self.S if quantity == "S" else self.D
        return None if value is None else float(value)


@styled
def error_against_sensitivity(
    runs: Sequence[NetworkRun],
    *,
    correlations: Mapping[str, tuple[Number, tuple[Number, Number] | None]] | None = None,
    correlation_name: str = "rank correlation",
    x_labels: Mapping[str, str] | None = None,
    y_label: str = "test error",
    title: str | None = None,
) -> Figure:
    """Draw test error against the sensitivities D (left) and S (right), on logarithmic axes (Figures 1C-F, 17).

    Colour and shape say the network, the size of a marker says P. Ours are filled; the paper's are open and
    larger. A thin line joins the means (geometric, over runs of the same P) of our runs of a network in the order
    of P.

    Parameters
    ----------
    runs
        The runs, in any order. A panel of which no run has a sensitivity is left out.
    correlations
        For ``"D"`` and ``"S"`` a rank correlation and its interval, or None for no interval; written in the panel.
    correlation_name
        What that correlation is.
    x_labels
        For ``"D"`` and ``"S"`` the label of the horizontal axis, which may name the layer.
    y_label
        Label of the vertical axis.
    title
        Title of the figure.

    Raises
    ------
    ArgumentError
        If no run has a sensitivity.
    """
    check_instances(NetworkRun, runs=runs)
    quantities = [name for name in "DS" if any(run.sensitivity(name) is not None for run in runs)]
    if not quantities:
        raise ArgumentError("runs", runs, "hold no sensitivity", "Give one run with S or D at least")
    columns = len(quantities)
    width = DOUBLE_COLUMN if columns == 2 else 0.66 * DOUBLE_COLUMN
    figure, panels = panel_grid(columns, columns, width, 2.9)
    low, high = log_range([run.error for run in runs if run.error > 0], margin=0.08)
    high *= (high / low) ** (_ROOM if correlations else 0.0)
    sizes = _Sizes.of(runs)
    for panel, quantity in zip(panels, quantities, strict=True):
        placed = [(run, x) for run in runs if (x := run.sensitivity(quantity)) is not None]
        log_axis(panel.xaxis, *log_range([x for _, x in placed], margin=0.08), least_gap=0.2)
        log_axis(panel.yaxis, low, high, least_gap=0.12)
        for place, (run, x) in enumerate(placed):
            gid = f"{quantity}/{run.net}/{place}"
            _draw(panel, run, (x, float(run.error) or low), _look(run, runs, sizes), gid)
        for net in dict.fromkeys(run.net for run, _ in placed):
            x, y = _means([pair for pair in placed if pair[0].net == net and pair[0].whose == "ours"])
            if len(x) > 1:
                colour, _ = _colour_and_shape(net, runs)
                line = {"color": colour, "linewidth": 0.8, "alpha": 0.6, "zorder": 2}
                panel.plot(x, y, "-", gid=f"path/{quantity}/{net}", **line)
        panel.set_title(_TITLES[quantity])
        panel.set_xlabel((x_labels or {}).get(quantity, _LABELS[quantity]))
        if quantity in (correlations or {}):
            _write_correlation(panel, correlation_name, *(correlations or {})[quantity])
    panels[0].set_ylabel(y_label)
    return finish(figure, panels, _key(runs, sizes), title)


@dataclass(frozen=True)
class _Sizes:
    """How large a marker is: its diameter grows with ln P."""

    least: float
    most: float

    @classmethod
    def of(cls, runs: Sequence[NetworkRun]) -> "_Sizes":
        P = [float(run.P) for run in runs]
        return cls(min(P), max(P))

    def __call__(self, P: Number) -> float:
        if self.least == self.most:
            return (_SMALLEST + _LARGEST) / 2
        share = math.log(P / self.least) / math.log(self.most / self.least)
        return _SMALLEST + (_LARGEST - _SMALLEST) * share

    def samples(self) -> list[float]:
        """Return a few P for the key."""
        if self.least == self.most:
            return [self.least]
        return [self.least, math.sqrt(self.least * self.most), self.most]


def _colour_and_shape(net: str, runs: Sequence[NetworkRun]) -> tuple[str, str]:
    """Return the colour and shape of a network: the same in all figures for those of the paper."""
    if net in look_of_nets():
        return look_of_nets()[net]
    others = [name for name in dict.fromkeys(run.net for run in runs) if name not in look_of_nets()]
    colour, shape = look_of(-1 - others.index(net)).values()
    return colour, shape


def _look(run: NetworkRun, runs: Sequence[NetworkRun], sizes: _Sizes) -> dict[str, Any]:
    """Return the marker of a run."""
    colour, shape = _colour_and_shape(run.net, runs)
    look = {"color": colour, "marker": shape, "linestyle": ""}
    if run.whose == "paper":
        return hollow(look, sizes(run.P) + _PAPERS_SIZE)
    return look | {"markersize": sizes(run.P), "markeredgecolor": "white", "markeredgewidth": 0.4}


def _draw(panel: Axes, run: NetworkRun, place: tuple[float, float], look: dict[str, Any], gid: str) -> None:
    """Draw one run; without any error, with an arrow downwards."""
    if run.error == 0:
        panel.annotate(
            "", xy=place, xytext=(0, 14), textcoords="offset points", gid=f"below/{gid}", zorder=3,
            arrowprops={"arrowstyle": "-|>", "color": look["color"], "linewidth": 1.0, "shrinkA": 0, "shrinkB": 2},
        )  # fmt: skip
    zorder = 4 if run.whose == "ours" else 3
    panel.plot(*[[end] for end in place], zorder=zorder, gid=f"{run.whose}/{gid}", clip_on=False, **look)


def _means(placed: Sequence[tuple[NetworkRun, float]]) -> tuple[list[float], list[float]]:
    """Return sensitivity and error for each P, in order: geometric means over the runs that err at all."""
    columns: tuple[list[float], list[float]] = ([], [])
    for P in sorted({run.P for run, _ in placed}):
        pairs = [(x, run.error) for run, x in placed if run.P == P and run.error > 0]
        if pairs:
            for column, values in zip(columns, zip(*pairs, strict=True), strict=True):
                column.append(math.exp(sum(map(math.log, values)) / len(pairs)))
    return columns


def _write_correlation(panel: Axes, name: str, value: Number, interval: tuple[Number, Number] | None) -> None:
    """Write a rank correlation above the data."""
    words = f"{name} {value:.2f}"
    if interval is not None:
        words += "\n({:.2f} to {:.2f})".format(*interval)
    panel.text(
        0.03, 0.99, words, transform=panel.transAxes, ha="left", va="top", fontsize=7.5, gid="correlation"
    )


def _key(runs: Sequence[NetworkRun], sizes: _Sizes) -> list[KeyRow]:
    """Return whose a marker is, what its size means, and the networks."""
    rows: list[KeyRow] = []
    if any(run.whose == "ours" for run in runs):
        rows.append((plain_mark(), "ours"))
    if any(run.whose == "paper" for run in runs):
        rows.append((plain_mark(**hollow({"color": MUTED}, 6.5)), "paper"))
    if any(run.error == 0 for run in runs):
        rows.append(arrow_row("no errors", r"$\downarrow$"))
    rows.append(GAP)
    rows += [(plain_mark(markersize=sizes(P)), f"$P$ = {plain_number(P)}") for P in sizes.samples()]
    rows.append(GAP)
    known = {net: place for place, net in enumerate(look_of_nets())}
    nets = dict.fromkeys(run.net for run in runs)
    for net in sorted(nets, key=lambda net: known.get(net, len(known))):
        colour, shape = _colour_and_shape(net, runs)
        rows.append((plain_mark(marker=shape, color=colour), net))
    return rows
