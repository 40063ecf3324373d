"""The transition under noise: which levels change, how far changes are correlated, and how many come together."""

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from ..errors import ArgumentError
from .style import DOUBLE_COLUMN, INK, LINE_COLOURS, MUTED, look_of, panel_letters, styled

_CURVES = 5
"""Noise levels whose correlations are drawn."""


@styled
def noise_transition(changes: Sequence[Any], *, threshold: float | None = None, title: str = "") -> Figure:
    """Draw what noise and exact denoising change, against the strength of the noise.

    Parameters
    ----------
    changes
        What :func:`srhm.inference.forward_backward` returns of one model at several strengths of one process.
    threshold
        A strength to mark, such as that of :func:`srhm.theory.belief_transition`. Default: none.
    title
        The title of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Three panels: the share of the symbols of each level that change, with blanks of the features that are no longer
        where they were (dashed); the correlation C(r)/C(1) of the changes of two inputs, at some strengths; and the
        susceptibility.

    Raises
    ------
    ArgumentError
        If there are fewer than two strengths, or more than one model or process.
    """
    found = sorted(changes, key=lambda one: one.process.strength)
    if len(found) < 2 or len({(one.params, type(one.process)) for one in found}) > 1:
        fix = "Give those of one model and one process at two strengths or more"
        raise ArgumentError("changes", len(found), "are not the changes of one model by one process", fix)
    params, noise = found[0].params, [one.process.strength for one in found]
    figure = Figure(figsize=(DOUBLE_COLUMN, 2.5 if not title else 2.7), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    colours = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.9, params.L + 1))
    lost = np.array([1 - one.features_kept * one.places_kept for one in found])  # of the features of a level
    moved = np.array([1 - one.places_kept for one in found])
    shares = np.column_stack([lost, [one.changed[-1] for one in found]])
    for level in range(params.L + 1):
        name = "class" if level == params.L else f"level {level + 1}"
        left.plot(noise, shares[:, level], color=colours[level], lw=1.2, label=name)
        if params.has_blanks and level < params.L:
            left.plot(noise, moved[:, level], color=colours[level], lw=1.0, ls=(0, (3, 1.5)))
    handles, labels = left.get_legend_handles_labels()
    if params.has_blanks:
        handles += left.plot([], [], color=INK, lw=1.0, ls=(0, (3, 1.5)))
        labels.append("place lost")
    left.legend(handles, labels, fontsize=6, loc="upper left", labelspacing=0.2, handlelength=1.5)
    left.set(xlabel=_strength(found[0]), ylabel="share of features that change", ylim=(0, 1))
    peak = int(np.argmax([one.susceptibility if one.susceptibility > 0 else -1.0 for one in found]))
    places = np.linspace(0, len(found) - 1, _CURVES).round().astype(int)
    for number, index in enumerate(sorted({*places.tolist(), peak})):
        one, C = found[index], found[index].covariance
        r, ratio = one.distance, C / C[0] if C[0] > 0 else np.full(len(C), np.nan)
        label = f"{one.process.strength:.2f}" + (" (peak)" if index == peak else "")
        style = look_of(number) | ({"color": INK, "lw": 1.8} if index == peak else {"lw": 1.0})
        middle.plot(r, np.where(ratio > 1e-5, ratio, np.nan), ms=3, label=label, **style)
    middle.set(xscale="log", yscale="log", xlabel="distance $r$", ylabel="$C(r)/C(1)$", ylim=(1e-4, 1.5))
    middle.set_xscale("log", base=2)
    middle.legend(
        fontsize=6, loc="upper right", labelspacing=0.2, title=_strength(found[0]), title_fontsize=6
    )
    chi, error = zip(*((one.susceptibility, one.susceptibility_error) for one in found), strict=True)
    right.errorbar(noise, chi, error, color=LINE_COLOURS[0], marker="o", ms=3, lw=1.0)
    right.set(xlabel=_strength(found[0]), ylabel="susceptibility", ylim=(0, None))
    if threshold is not None:
        for panel in (left, right):
            panel.axvline(threshold, color=MUTED, lw=0.8, ls=":", zorder=0)
        right.annotate(
            "recursion", (threshold, 0.02), xycoords=("data", "axes fraction"), fontsize=6, color=MUTED,
            rotation=90, ha="right", va="bottom",
        )  # fmt: skip
    panel_letters([left, middle, right])
    if title:
        figure.suptitle(title, fontsize=9)
    return figure


def _strength(one: Any) -> str:
    return "masked, $t$" if one.process.masks else "noise $\\varepsilon$"
