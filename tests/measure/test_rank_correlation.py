"""Rank correlation: scipy's value, known orders, what cannot matter, and how often the interval is right."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from srhm.errors import ArgumentError
from srhm.measure.correlation import rank_correlation


def rows(least=4, most=12):
    row = st.lists(st.integers(0, 9).map(float), min_size=least, max_size=most)
    return st.tuples(row, row).map(lambda two: tuple(zip(*zip(*two, strict=False), strict=True)))


@given(rows())
def test_the_value_is_scipys(both):
    x, y = both
    if len(set(x)) > 1 < len(set(y)):
        found = rank_correlation(x, y)
        assert found.value == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)
        assert (found.count, found.groups, found.level) == (len(x), len(x), 0.9)
        assert found.interval is None or -1 <= found.interval[0] <= found.value <= found.interval[1] <= 1


def test_known_values():
    """1 - 6 sum d^2 / (n^3 - n), d the differences of ranks."""
    assert rank_correlation([1, 2, 3, 4, 5], [1, 2, 3, 5, 4]).value == pytest.approx(1 - 6 * 2 / 120)
    assert rank_correlation([1, 2, 3, 4], [2, 1, 4, 3]).value == pytest.approx(1 - 6 * 4 / 60)
    for sign in (1, -1):
        found = rank_correlation(range(1000), sign * np.exp(np.arange(1000) / 100))
        assert found.value == sign and found.interval is None  # a perfect order leaves no error to judge by


def test_only_the_order_matters_and_a_reversed_one_changes_the_sign():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 30)) + rng.normal(size=30)
    groups = rng.integers(8, size=30)
    found = rank_correlation(x, y, groups=groups)
    assert rank_correlation(np.exp(x), y**3, groups=groups) == found
    assert rank_correlation(y, x, groups=groups) == found
    assert (
        rank_correlation(x[::-1], y[::-1], groups=[f"setting {one}" for one in groups[::-1]]).value
        == found.value
    )
    opposite = rank_correlation(x, -y, groups=groups)
    assert opposite.value == -found.value
    assert opposite.interval == pytest.approx((-found.interval[1], -found.interval[0]))


def test_the_jackknife_leaves_out_whole_groups():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 12)) + rng.normal(size=12)
    names = [("cnn", 1000)] * 2 + [("cnn", 2000)] * 3 + ["lcn"] * 1 + [None] * 2 + [3] * 4
    found = rank_correlation(x, y, groups=names, level=0.8)
    z = []
    for name in dict.fromkeys(names):
        kept = [i for i in range(12) if names[i] != name]
        z.append(math.atanh(stats.spearmanr(x[kept], y[kept]).statistic))
    half = stats.t.ppf(0.9, 4) * np.sqrt(4 / 5 * ((np.array(z) - np.mean(z)) ** 2).sum())
    middle = math.atanh(stats.spearmanr(x, y).statistic)
    assert found.interval == pytest.approx((math.tanh(middle - half), math.tanh(middle + half)))
    assert (found.count, found.groups) == (12, 5)


def test_copies_of_the_points_add_nothing():
    """Each point three times, in one group: the same value and interval, not one that is narrower."""
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 20)) + 0.5 * rng.normal(size=20)
    once = rank_correlation(x, y)
    thrice = rank_correlation(np.repeat(x, 3), np.repeat(y, 3), groups=np.repeat(np.arange(20), 3))
    assert thrice.value == pytest.approx(once.value)
    assert thrice.interval == pytest.approx(once.interval)
    alone = rank_correlation(np.repeat(x, 3), np.repeat(y, 3))
    assert np.diff(alone.interval) < 0.8 * np.diff(once.interval)


def covered(correlation, groups, seeds, noise, trials, by_group=True):
    """Fraction of intervals that hold the true value, and the same for points taken as independent.

    Settings are draws of a bivariate normal, seeds vary about their setting; together they are normal again,
    with Spearman's correlation (6/pi) arcsin(r/2).
    """
    rng = np.random.default_rng(4)
    truth = 6 / np.pi * math.asin(correlation / (1 + noise**2) / 2)
    names, right = np.repeat(np.arange(groups), seeds), 0
    for _ in range(trials):
        x = rng.normal(size=groups)
        y = correlation * x + math.sqrt(1 - correlation**2) * rng.normal(size=groups)
        pair = [np.repeat(row, seeds) + noise * rng.normal(size=groups * seeds) for row in (x, y)]
        interval = rank_correlation(*pair, groups=names if by_group else None).interval
        right += interval is not None and interval[0] <= truth <= interval[1]
    return right / trials


@pytest.mark.parametrize(
    ("correlation", "groups", "seeds"),
    [
        pytest.param(0.0, 16, 1, marks=pytest.mark.long),
        (0.6, 16, 3),
        pytest.param(0.95, 12, 3, marks=pytest.mark.long),
    ],
)
def test_the_interval_covers_the_truth_as_often_as_it_claims(correlation, groups, seeds):
    """The jackknife is on the safe side: 0.90 to 0.95, to 3 standard errors of 400 trials (0.015)."""
    assert 0.855 < covered(correlation, groups, seeds, 0.3, 400) < 0.985


def test_seeds_of_one_setting_are_no_independent_points():
    assert covered(0.6, 12, 3, 0.3, 150, by_group=False) < 0.8


@pytest.mark.parametrize(
    ("x", "y", "groups"),
    [
        ([1, 2, 3], [1, 3, 2], None),
        ([1, 2, 3, 4, 5], [1, 3, 2, 5, 4], [0, 0, 1, 1, 2]),
        ([1, 1, 1, 1, 2], [1, 2, 4, 3, 5], None),
    ],
)
def test_where_there_is_no_interval(x, y, groups):
    found = rank_correlation(x, y, groups=groups)
    assert found.interval is None and -1 < found.value < 1


def test_a_perfect_order_without_one_point_still_has_an_interval():
    found = rank_correlation([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 6, 5])
    assert found.interval[0] < found.value < found.interval[1] < 1


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"x": [1, math.nan]}, "x"),
        ({"y": np.ones((1, 2))}, "y"),
        ({"y": [1, 2, 3]}, "y"),
        ({"x": [1, 1]}, "x"),
        ({"x": [], "y": []}, "x"),
        ({"groups": [1]}, "groups"),
        ({"level": 1.0}, "level"),
    ],
)
def test_bad_arguments_are_named(arguments, name):
    with pytest.raises(ArgumentError) as caught:
        rank_correlation(**({"x": [1, 2], "y": [1, 2]} | arguments))
    assert caught.value.argument == name
