"""Measured points over the map of Eq. 5: their colours, their numbers, and what cannot be drawn."""

import math

import numpy as np
import pytest

from figure_checks import artists, check_layout
from srhm import Params
from srhm.figures.relevance import RelevancePoint, relevance
from srhm.nets import predict


def params(v: int, s0: int, L: int = 2) -> Params:
    return Params(n_c=v, v=v, m=v, s=2, s0=s0, L=L)


def exact(model: Params, constant: float) -> RelevancePoint:
    value = constant * predict("lcn", model).scaling_law
    return RelevancePoint(model, value, (value / 2, value * 3))


def test_points_that_obey_eq_5_have_the_colour_of_the_map_and_the_number_one():
    points = [exact(params(4, s0), 1.7) for s0 in (0, 1, 2)] + [exact(params(6, s0), 0.5) for s0 in (0, 1)]
    figure = relevance(points, title="A title")
    texts = [words.get_text() for words in artists(figure, "ratio/").values()]
    assert set(texts) == {"1.00\n[0.50, 3.00]"}
    titles = [panel.get_title(loc="left") for panel in figure.axes[:2]]
    assert ["1.7 × Eq. 5" in titles[0], "0.5 × Eq. 5" in titles[1]] == [True, True]
    for name, dot in artists(figure, "point/").items():
        (colour,) = dot.get_array()
        (point,) = [one for one in points if name == f"point/{one.params.d}/2" and _is(one, colour)]
        assert colour == pytest.approx(math.log(point.P_star / point.params.n_c))
    check_layout(figure)


def _is(point: RelevancePoint, colour: float) -> bool:
    return math.isclose(colour, math.log(point.P_star / point.params.n_c), rel_tol=1e-9)


def test_the_map_is_eq_5_times_the_mean_ratio():
    """Independent of the points' own colours: a cell near (d, F) of a model, by Eq. 3."""
    points = [exact(params(4, 0), 1.0), exact(params(4, 1), 4.0)]
    figure = relevance(points)
    mesh = artists(figure, "map")["map"]
    d, F = mesh.get_coordinates()[0, :, 0], mesh.get_coordinates()[:, 0, 1]
    model = params(4, 1)
    row, column = np.searchsorted(F, 0.25) - 1, np.searchsorted(d, 16) - 1
    expected = math.log(2.0 * predict("lcn", model).scaling_law / 4)  # the geometric mean of 1 and 4
    assert mesh.get_array()[row, column] == pytest.approx(expected, abs=0.15)  # a cell is 5% wide
    texts = {words.get_text().split("\n")[0] for words in artists(figure, "ratio/").values()}
    assert texts == {"0.50", "2.00"}


def test_what_cannot_be_drawn_is_refused(refuses):
    with refuses("points", "[]", "Give at least one"):
        relevance([])
    both = relevance([exact(params(4, 1), 1.0), RelevancePoint(params(4, 0), 200, published=True)])
    assert "circles: ours, squares: the paper's" in both.get_suptitle()
    few = Params(n_c=4, v=4, m=2, s=2, s0=1, L=2)
    with refuses("points", few, "Use m = 4"):
        relevance([RelevancePoint(few, 100.0)])
    assert len(artists(relevance([RelevancePoint(params(4, 1), 100.0)]), "point/")) == 1
