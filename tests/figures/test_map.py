"""The map of Eq. 5: the formula at every cell, and no cell where no tree fits."""

import math

import numpy as np

from figure_checks import artists, check_layout, legend_texts
from srhm import Params
from srhm.figures.map import complexity_map
from srhm.nets import predict


def cells(figure) -> np.ma.MaskedArray:
    return np.ma.masked_invalid(artists(figure, "map")["map"].get_array())


def test_every_cell_is_the_formula():
    d, F = list(range(20, 125, 8)), [0.1, 0.2, 0.5, 1.0]
    values = cells(complexity_map(d=d, F=F))
    assert values.shape == (4, 14)
    a = math.log(10**4) / math.log(5)
    for row, share in enumerate(F):
        for column, length in enumerate(d):
            if length * share < 5:
                assert values.mask[row, column]
            else:
                expected = (a - 0.5) * math.log(share) + (a + 0.5) * math.log(length)
                assert math.isclose(values[row, column], expected, rel_tol=1e-12)


def test_cells_that_are_models_are_eq_3():
    """Independent of Eq. 5: L = 1 and 2 of s = 2 with s0 = 0 and 1."""
    models = [Params(n_c=6, v=6, m=6, s=2, s0=s0, L=L) for s0, L in ((0, 1), (1, 1), (0, 3), (1, 2))]
    lengths = sorted({model.d for model in models})
    shares = sorted({model.relevant_fraction for model in models})
    values = cells(complexity_map(6, 2, d=lengths, F=shares))
    for model in models:
        found = values[shares.index(model.relevant_fraction), lengths.index(model.d)]
        assert math.isclose(found, math.log(predict("lcn", model).scaling_law / 6), rel_tol=1e-12)


def test_contours_are_where_the_formula_is_a_power_of_ten():
    figure = complexity_map()
    (lines,) = artists(figure, "contours").values()
    a = math.log(10**4) / math.log(5)
    assert len(lines.levels) > 4
    for decade, path in zip(lines.levels, lines.get_paths(), strict=True):
        d, F = path.vertices[path.codes != 79].T
        found = ((a - 0.5) * np.log(F) + (a + 0.5) * np.log(d)) / math.log(10)
        assert np.abs(found - decade).max() < 0.06  # lines are straight between cells
    assert len(artists(figure, "contour/")) > 3


def test_the_key_names_the_hatching_only_where_there_is_some():
    assert legend_texts(complexity_map()) == ["equal $P^*/n_c$", "$F d < s$: no tree"]
    assert legend_texts(complexity_map(d=[50, 100], F=[0.5, 1])) == ["equal $P^*/n_c$"]


def test_texts_are_clear_of_each_other():
    check_layout(complexity_map())


def test_what_is_no_map_is_refused(refuses):
    with refuses("d", [20], "Give d in order"):
        complexity_map(d=[20])
    with refuses("F", [0.5, 0.4], "Give F in order"):
        complexity_map(F=[0.5, 0.4])
    with refuses("F", [0.5, 1.5], "Use F <= 1"):
        complexity_map(F=[0.5, 1.5])
    with refuses("d[0]", 0, "Give d[0] as a finite number > 0"):
        complexity_map(d=[0, 4])
    with refuses("d", [2.0, 4.0], "Use larger d"):
        complexity_map(d=[2, 4])
    with refuses("s", 1, "Use s >= 2"):
        complexity_map(s=1)
