"""A power law fitted to measurements, with the interval of its exponent."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import SupportsFloat

import numpy as np
from scipy.special import stdtrit

from .errors import ArgumentError, check_number


@dataclass(frozen=True)
class Exponent:
    """A power law y = exp(intercept) x^slope, made by :func:`fit_exponent`."""

    slope: float
    """d ln y / d ln x."""
    interval: tuple[float, float] | None
    """t-interval of the slope at ``level``; None for two points, which leave no residual."""
    intercept: float
    """ln y at x = 1."""
    level: float
    """Confidence level of ``interval``."""
    points: int
    """Number of points fitted."""


def fit_exponent(
    x: Sequence[SupportsFloat] | np.ndarray,
    y: Sequence[SupportsFloat] | np.ndarray,
    level: SupportsFloat = 0.90,
) -> Exponent:
    """The exponent of y ~ x^slope by least squares of ln y on ln x, all points with the same weight.

    Its interval is slope ± t √(Σ r² / ((N - 2) Σ (ln x - mean)²)), r the residuals, t of Student with N - 2
    degrees of freedom, which is exact for independent and equally noisy ln y.

    Parameters
    ----------
    x, y
        Positive numbers, as many y as x, at least two different x.
    level
        Confidence level of the interval, between 0 and 1.

    Examples
    --------
    >>> round(fit_exponent([1, 2, 4, 8], [3, 12, 48, 192]).slope, 6)
    2.0
    """
    level = check_number("level", level, above=0.0, below=1.0)
    rows = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    for name, row in zip("xy", rows, strict=True):
        if row.ndim != 1 or not np.all((row > 0) & np.isfinite(row)):
            raise ArgumentError(name, row, "is not a row of positive numbers", "Give positive finite numbers")
    if rows[0].size != rows[1].size:
        raise ArgumentError(
            "y", rows[1], f"does not match {rows[0].size} values of x", "Give one y for each x"
        )
    ln_x, ln_y = np.log(rows[0]), np.log(rows[1])
    if np.unique(ln_x).size < 2:
        raise ArgumentError("x", rows[0], "holds no two different values", "Give at least two different x")
    offset, freedom, interval = ln_x - ln_x.mean(), ln_x.size - 2, None
    slope = float(offset @ ln_y / (offset @ offset))
    intercept = float(ln_y.mean() - slope * ln_x.mean())
    if freedom:
        residual = ln_y - intercept - slope * ln_x
        t = float(stdtrit(freedom, (1 + level) / 2))
        half = t * math.sqrt(residual @ residual / (freedom * (offset @ offset)))
        interval = (slope - half, slope + half)
    return Exponent(slope, interval, intercept, level, ln_x.size)
