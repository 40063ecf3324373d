import math

import numpy as np
import pytest
from scipy import stats

from srhm.errors import ArgumentError
from srhm.exponent import fit_exponent


def test_a_power_law_is_fitted_exactly():
    x = np.array([2, 3, 5, 9])
    found = fit_exponent(x, 7.0 * x**-1.5)
    assert found.slope == pytest.approx(-1.5) and found.intercept == pytest.approx(math.log(7))
    assert found.interval == pytest.approx((-1.5, -1.5)) and (found.points, found.level) == (4, 0.9)
    assert fit_exponent([1, 2], [3, 12]).slope == pytest.approx(2)
    assert fit_exponent([1, 2], [3, 12]).interval is None


def test_the_interval_of_the_slope_agrees_with_scipys():
    x, y = [1, 2, 3, 5, 9], [3.1, 11.0, 29.0, 70.0, 270.0]
    theirs, ours = stats.linregress(np.log(x), np.log(y)), fit_exponent(x, y, level=0.8)
    assert (ours.slope, ours.intercept) == pytest.approx((theirs.slope, theirs.intercept))
    half = theirs.stderr * stats.t.ppf(0.9, 3)
    assert ours.interval == pytest.approx((theirs.slope - half, theirs.slope + half))


@pytest.mark.parametrize(
    ("freedom", "t"), [(1, 6.313752), (2, 2.919986), (3, 2.353363), (5, 2.015048), (30, 1.697261)]
)
def test_the_interval_has_the_tabulated_t(freedom, t):
    x = np.geomspace(1, 9, freedom + 2)
    y = x**2 * np.exp(0.1 * np.random.default_rng(3).normal(size=x.size))
    low, high = fit_exponent(x, y).interval
    half = t * stats.linregress(np.log(x), np.log(y)).stderr
    assert (high - low) / 2 == pytest.approx(half, rel=1e-6)


@pytest.mark.parametrize("points", [3, 6])
def test_the_interval_of_the_slope_covers_the_truth_as_often_as_it_claims(points):
    rng = np.random.default_rng(7)
    x, covered = np.geomspace(1, 9, points), 0
    for _ in range(2000):
        low, high = fit_exponent(x, x**2 * np.exp(0.1 * rng.normal(size=points))).interval
        covered += low <= 2 <= high
    assert 0.88 < covered / 2000 < 0.92  # three standard errors of 2000 trials


@pytest.mark.parametrize("level", [0.0, 1.0, math.nan])
def test_bad_levels_are_named(level):
    with pytest.raises(ArgumentError, match="level"):
        fit_exponent([1, 2], [1, 2], level=level)


@pytest.mark.parametrize(
    ("x", "y", "argument"),
    [
        ([1, 2], [1, 0], "y"),
        ([1, math.nan], [1, 2], "x"),
        ([-1, 2], [1, 2], "x"),
        ([1, 2], [1, 2, 3], "y"),
        ([2, 2, 2], [1, 2, 3], "x"),
        ([], [], "x"),
    ],
)
def test_bad_rows_are_named(x, y, argument):
    with pytest.raises(ArgumentError) as caught:
        fit_exponent(x, y)
    assert caught.value.argument == argument
