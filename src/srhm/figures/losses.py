"""Losses of networks that predict symbols: by position over their exact floor, and their excess through training."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..errors import ArgumentError
from .style import DOUBLE_COLUMN, INK, legend_above, look_of, panel_letters, styled

Record = Sequence[Mapping[str, Any]]
"""A run's :attr:`~srhm.study.Run.record`."""


@styled
def symbol_losses(records: Mapping[str, Record], *, title: str = "") -> Figure:
    """Draw the final loss at each position over its exact floor, and the excess of the mean loss through training.

    Parameters
    ----------
    records
        For each run, by its name in the legend, what was recorded of it: ``step``, ``excess`` and ``loss_by_place`` of
        each point, and ``floor_by_place`` of the last, as runs of tasks that predict symbols have it.
    title
        The title of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels. Floors differ from run to run, with the rules and the test points; each is drawn.

    Raises
    ------
    ArgumentError
        If there are no records, or one lacks the losses.
    """
    for label, record in records.items():
        if not record or not {"loss_by_place", "floor_by_place", "excess"} <= set(record[-1]):
            problem = f"lacks losses and floors by position for {label!r}"
            raise ArgumentError("records", label, problem, "Give the records of runs that predict symbols")
    if not records:
        raise ArgumentError("records", records, "are empty", "Give one at least")
    figure = Figure(figsize=(DOUBLE_COLUMN, 2.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for number, (label, record) in enumerate(records.items()):
        colour, marker = look_of(number).values()
        loss, floor = (
            np.array([np.nan if value is None else value for value in record[-1][name]], float)
            for name in ("loss_by_place", "floor_by_place")
        )
        place = np.arange(1, len(loss) + 1)
        left.step(place, floor, where="mid", color=colour, linewidth=1.0, linestyle=(0, (3, 1.5)))
        left.plot(place, loss, marker, color=colour, label=label, markersize=3.5)
        points = [(point["step"], point["excess"]) for point in record if point.get("excess") is not None]
        steps, excess = np.array(points, float).reshape(-1, 2).T
        right.plot(steps, excess, "-", color=colour, marker=marker, markersize=3, label=label)
    left.plot([], [], color=INK, linewidth=1.0, linestyle=(0, (3, 1.5)), label="exact floor")
    left.set(xlabel="prediction, by position", ylabel="test loss (nats)")
    left.set_ylim(bottom=0)
    right.set(xscale="log", yscale="log", xlabel="step", ylabel="excess over the floor (nats)")
    panel_letters([left, right])
    legend_above(figure, left.get_legend_handles_labels()[0], title or None)
    return figure
