import math

import numpy as np
import pytest
from scipy import stats

from srhm.errors import ArgumentError
from srhm.measure.exponent import fit_exponent, fit_exponents


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


# Several exponents at once


def test_one_column_gives_what_the_simple_fit_gives():
    rng = np.random.default_rng(5)
    x = np.geomspace(1, 30, 7)
    y = 3 * x**1.5 * np.exp(0.2 * rng.normal(size=7))
    one, several = fit_exponent(x, y), fit_exponents({"x": x}, y)["x"]
    assert several.slope == pytest.approx(one.slope) and several.intercept == pytest.approx(one.intercept)
    assert several.interval == pytest.approx(one.interval) and several.points == 7


def test_intervals_of_several_exponents_cover_the_truth_as_often_as_they_claim():
    rng = np.random.default_rng(8)
    columns = {"m": np.geomspace(1, 8, 9), "n": rng.uniform(1, 9, 9)}
    covered = {"m": 0, "n": 0}
    for _ in range(2000):
        y = columns["m"] ** 2 * columns["n"] * np.exp(0.1 * rng.normal(size=9))
        for name, truth in (("m", 2), ("n", 1)):
            low, high = fit_exponents(columns, y)[name].interval
            covered[name] += low <= truth <= high
    assert all(0.88 < count / 2000 < 0.92 for count in covered.values()), covered  # three standard errors


def test_as_many_points_as_unknowns_leave_no_interval():
    found = fit_exponents({"a": [1, 2, 1], "b": [1, 1, 2]}, [1, 2, 8])
    assert found["a"].interval is None and found["b"].slope == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("columns", "y", "argument"),
    [
        ({"a": [1, 2]}, [1, 2, 3], "columns['a']"),
        ({"a": [1, 2, 0]}, [1, 2, 3], "columns['a']"),
        ({"a": [1, 2, 3]}, [1, 2, -3], "y"),
        ({"a": [1, 2, 4], "b": [1, 4, 16]}, [1, 2, 3], "columns"),
        ({"a": [2, 2, 2]}, [1, 2, 3], "columns"),
    ],
)
def test_columns_that_cannot_be_fitted_are_named(columns, y, argument):
    with pytest.raises(ArgumentError) as caught:
        fit_exponents(columns, y)
    assert caught.value.argument == argument
