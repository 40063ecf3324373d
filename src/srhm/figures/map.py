"""The map of P* of the LCN over input length and relevant fraction (paper, Eq. 5 and Figure 5)."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from ..errors import ArgumentError, check_integer, check_number
from ..theory import predict_by_relevance
from .style import BLANK, FAINT, INK, SINGLE_COLUMN, TITLE_SIZE, Drawing, Number, styled

_D = tuple(range(20, 125, 8))
_F = tuple(percent / 100 for percent in range(10, 101, 5))
_LINES = 9  # at most so many contour lines


@styled
def complexity_map(
    v: int = 10,
    s: int = 5,
    *,
    d: Sequence[Number] = _D,
    F: Sequence[Number] = _F,
    title: str | None = None,
) -> Figure:
    """Draw ln(P*/n_c) of the LCN by Eq. 5, with m = v^(s-1) synonyms, over d and F (paper, Figure 5).

    Input lengths d and relevant fractions F, above 0 and at most 1, are two at least, and rise. Along a contour line,
    which is labelled, P* is the same. Where F d < s, so that not even a tree of one level has its informative inputs,
    there is nothing but hatching; if that is so everywhere, or a number is out of range, it is an error.
    """
    v, s = check_integer("v", v, minimum=2), check_integer("s", s, minimum=2)
    d, F = _rising("d", d, math.inf), _rising("F", F, 1.0)
    if F[-1] * d[-1] < s:
        raise ArgumentError("d", d, f"and F leave fewer than s = {s} informative inputs", "Use larger d")
    values = heights(d, F, n_c=v, m=v ** (s - 1), s=s)
    figure = Drawing(figsize=(SINGLE_COLUMN, 2.9), layout="constrained")
    panel = figure.subplots()
    mesh = panel.pcolormesh(d, F, np.ma.masked_invalid(values), cmap="cividis", shading="nearest", gid="map")
    mesh.set_edgecolor("face")  # no seams between cells
    panel.patch.set(facecolor=BLANK, edgecolor=FAINT, hatch="/////", linewidth=0)  # where no cell lies
    _contours(panel, d, F, values)
    panel.set_xlabel("input length $d$")
    panel.set_ylabel("relevant fraction $F$ of the input")
    bar = figure.colorbar(mesh, ax=panel, pad=0.02, ticks=MaxNLocator(6, integer=True))
    bar.set_label(r"$\ln(P^*_{\mathrm{LCN}} / n_c)$")
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    handles = [Line2D([], [], color=INK, linewidth=0.8, label="equal $P^*/n_c$")]
    if np.isnan(values).any():
        blank = Patch(
            facecolor=BLANK, edgecolor=FAINT, hatch="/////", linewidth=0, label="$F d < s$: no tree"
        )
        handles.append(blank)  # pyright: ignore[reportArgumentType]
    legend = figure.legend(
        handles=handles, loc="outside upper center", ncols=2, handlelength=2.0,
        title=title or f"$P^*$ of the LCN by Eq. 5: $v$ = {v}, $s$ = {s}, $m = v^{{s-1}}$",
    )  # fmt: skip
    legend.get_title().set(fontsize=TITLE_SIZE if title else 8.5, fontweight="bold" if title else "normal")
    return figure


def heights(
    d: Sequence[Number], F: Sequence[Number], *, n_c: int, m: int, s: int, constant: Number = 1.0
) -> np.ndarray:
    """Return ln(P*/n_c) by a constant times Eq. 5, [F, d]; nan where F d < s, to within rounding: no tree."""

    def height(d: Number, F: Number) -> float:
        if F * d < s * (1 - 1e-9):
            return math.nan
        return math.log(constant * predict_by_relevance(d, F, n_c=n_c, m=m, s=s).scaling_law / n_c)

    return np.array([[height(one, share) for one in d] for share in F])


def _contours(panel: Axes, d: Sequence[Number], F: Sequence[Number], values: np.ndarray) -> None:
    """Draw lines at powers of ten of P*/n_c, and write these on them."""
    decades = values / math.log(10)
    low, high = math.ceil(np.nanmin(decades) + 0.1), math.floor(np.nanmax(decades) - 0.1)
    step = max(1, math.ceil((high - low + 1) / _LINES))
    levels = np.arange(low, high + 1, step, dtype=float)
    if not levels.size:
        return
    lines = panel.contour(d, F, np.ma.masked_invalid(decades), levels=levels, colors=INK, linewidths=0.8)
    lines.set_gid("contours")
    white = [withStroke(linewidth=2, foreground="white")]
    for words in panel.clabel(lines, fmt=lambda decade: f"$10^{{{decade:.0f}}}$", fontsize=7):
        words.set(gid=f"contour/{words.get_text()}", color=INK, path_effects=white)


def _rising(name: str, numbers: Sequence[Number], most: float) -> list[float]:
    """Return the numbers of an axis, which must rise and be positive."""
    found = [check_number(f"{name}[{place}]", number, above=0.0) for place, number in enumerate(numbers)]
    if len(found) < 2 or any(b <= a for a, b in pairwise(found)):
        raise ArgumentError(name, numbers, "are not two rising numbers or more", f"Give {name} in order")
    if found[-1] > most:
        raise ArgumentError(name, numbers, f"rise above {most:g}", f"Use {name} <= {most:g}")
    return found
