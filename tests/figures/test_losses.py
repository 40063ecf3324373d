"""The figure of losses by position: what it draws, and what it refuses."""

import numpy as np
import pytest

from srhm import ArgumentError
from srhm.figures import symbol_losses

RECORD = [
    {"step": 1, "excess": 1.0, "loss_by_place": [2.0, 1.5, 2.5]},
    {"step": 4, "excess": 0.5, "loss_by_place": [1.5, 1.0, 2.0], "floor_by_place": [1.25, None, 1.0]},
]


def test_losses_floors_and_excess_are_drawn():
    figure = symbol_losses({"one": RECORD, "two": RECORD}, title="Two runs")
    left, right = figure.axes
    lines = {line.get_label(): line for line in left.lines}
    np.testing.assert_array_equal(lines["one"].get_ydata(), [1.5, 1.0, 2.0])
    floors = [line for line in left.lines if line.get_drawstyle() == "steps-mid"]
    assert len(floors) == 2
    np.testing.assert_array_equal(floors[0].get_ydata(), [1.25, np.nan, 1.0])
    np.testing.assert_array_equal(right.lines[1].get_xdata(), [1, 4])
    np.testing.assert_array_equal(right.lines[1].get_ydata(), [1.0, 0.5])
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["one", "two", "exact floor"]


@pytest.mark.parametrize("records", [{}, {"one": []}, {"one": RECORD[:1]}], ids=["none", "empty", "no floor"])
def test_records_without_losses_are_refused(records):
    with pytest.raises(ArgumentError) as error:
        symbol_losses(records)
    assert error.value.argument == "records"
