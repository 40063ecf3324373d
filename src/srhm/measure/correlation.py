"""Do two measurements rise and fall together, whatever their units? Spearman's rank correlation."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import SupportsFloat

import numpy as np
from jaxtyping import Float, Integer
from scipy.special import stdtrit

from ..errors import ArgumentError, check_number

MIN_GROUPS = 4
"""Smallest number of groups for which the jackknife gives an error."""


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's rank correlation, returned by :func:`rank_correlation`."""

    value: float
    """The correlation of ranks, -1 to 1."""
    interval: tuple[float, float] | None
    """Its interval at ``level``. None if the jackknife gives no error: for fewer than 4 groups, for a value of 1 or
    -1, or if x or y is constant when one of the groups is left out."""
    level: float
    """Confidence level of ``interval``."""
    count: int
    """Number of points."""
    groups: int
    """Number of groups."""


def rank_correlation(
    x: Sequence[SupportsFloat] | np.ndarray,
    y: Sequence[SupportsFloat] | np.ndarray,
    *,
    groups: Sequence[Hashable] | np.ndarray | None = None,
    level: SupportsFloat = 0.90,
) -> RankCorrelation:
    """Spearman's rank correlation of paired measurements, such as the error and D of trained networks.

    Equal values share the mean of their ranks. The interval is tanh(z ± t σ) with z = artanh(value), the jackknife
    standard error σ of z, which leaves out one group at a time, and Student's t; its degrees of freedom are the
    number of groups minus 1. Points of one group, such as the seeds of one setup, may depend on each other in any
    way; groups are assumed independent.

    Parameters
    ----------
    x, y
        Finite numbers, of equal length, with at least two different values in each.
    groups
        The name of the group of each point, such as ``("cnn", 1000)``. Default: every point is a group of its own.
    level
        Confidence level of the interval, between 0 and 1.

    Raises
    ------
    ArgumentError
        If an argument is not as described.

    Examples
    --------
    >>> D, error = [0.4, 0.3, 0.31, 0.1, 0.02, 0.01], [0.8, 0.55, 0.6, 0.2, 0.05, 0.07]
    >>> found = rank_correlation(D, error)
    >>> round(found.value, 3), found.count
    (0.943, 6)
    """
    level = check_number("level", level, above=0.0, below=1.0)
    x, y = _row("x", x), _row("y", y)
    if x.size != y.size:
        raise ArgumentError("y", y, f"does not match {x.size} values of x", "Give one y for each x")
    group = np.arange(x.size) if groups is None else _numbers(groups, x.size)
    value, count = _spearman(x, y), int(group.max()) + 1
    without = np.array([_spearman(x[group != left], y[group != left]) for left in range(count)])
    interval = None
    if count >= MIN_GROUPS and abs(value) < 1 and np.isfinite(without).all():
        # Half a step below the largest value that is not 1: a perfect order of the others must not make z infinite.
        bound = 1 - 6 / (x.size**3 - x.size)
        z = np.arctanh(np.clip(without, -bound, bound))
        error = math.sqrt((count - 1) / count * ((z - z.mean()) ** 2).sum())
        half, middle = float(stdtrit(count - 1, (1 + level) / 2)) * error, math.atanh(value)
        interval = (math.tanh(middle - half), math.tanh(middle + half))
    return RankCorrelation(value, interval, level, x.size, count)


def _row(name: str, values: Sequence[SupportsFloat] | np.ndarray) -> Float[np.ndarray, " point"]:
    row = np.asarray(values, dtype=np.float64)
    if row.ndim != 1 or not np.isfinite(row).all():
        raise ArgumentError(name, values, "is not a row of numbers", "Give finite numbers")
    if np.unique(row).size < 2:
        raise ArgumentError(
            name, values, "has no two different values", f"Give at least two different {name}"
        )
    return row


def _numbers(groups: Sequence[Hashable] | np.ndarray, points: int) -> Integer[np.ndarray, " point"]:
    """Number the groups 0, 1, ... in the order in which they come."""
    names = groups.tolist() if isinstance(groups, np.ndarray) else list(groups)
    if len(names) != points:
        raise ArgumentError(
            "groups", groups, f"does not match {points} points", "Give one group for each point"
        )
    number: dict[Hashable, int] = {}
    return np.array([number.setdefault(name, len(number)) for name in names])


def _spearman(x: Float[np.ndarray, " point"], y: Float[np.ndarray, " point"]) -> float:
    """Return the correlation of the ranks, nan if x or y is constant."""
    from scipy.stats import rankdata  # a second, which few commands need

    a, b = (
        2 * rankdata(row) - row.size - 1 for row in (x, y)
    )  # whole numbers about their mean: sums are exact
    squares = float(a @ a) * float(b @ b)
    return float(a @ b) / math.sqrt(squares) if squares else math.nan
