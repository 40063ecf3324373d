"""Power laws fitted to measurements, with the intervals of their exponents."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import SupportsFloat

import numpy as np
from scipy.special import stdtrit

from ..errors import ArgumentError, check_number


@dataclass(frozen=True)
class Exponent:
    """A power law y = exp(intercept) x^slope, returned by :func:`fit_exponent`."""

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
    """The exponent of y ~ x^slope: least squares of ln y on ln x, all points with equal weight.

    Its interval is slope ± t √(Σ r² / ((N - 2) Σ (ln x - mean)²)), with the residuals r and Student's t with N - 2
    degrees of freedom. It is exact for independent Gaussian noise of equal variance in ln y.

    Parameters
    ----------
    x, y
        Positive numbers, of equal length, with at least two different x.
    level
        Confidence level of the interval, between 0 and 1.

    Examples
    --------
    >>> round(fit_exponent([1, 2, 4, 8], [3, 12, 48, 192]).slope, 6)
    2.0
    """
    level = check_number("level", level, above=0.0, below=1.0)
    rows = _positive("x", x), _positive("y", y)
    if rows[0].size != rows[1].size:
        raise ArgumentError(
            "y", rows[1], f"does not match {rows[0].size} values of x", "Give one y for each x"
        )
    ln_x, ln_y = np.log(rows[0]), np.log(rows[1])
    if np.unique(ln_x).size < 2:
        raise ArgumentError("x", rows[0], "has no two different values", "Give at least two different x")
    offset, freedom, interval = ln_x - ln_x.mean(), ln_x.size - 2, None
    slope = float(offset @ ln_y / (offset @ offset))
    intercept = float(ln_y.mean() - slope * ln_x.mean())
    if freedom:
        residual = ln_y - intercept - slope * ln_x
        t = float(stdtrit(freedom, (1 + level) / 2))
        half = t * math.sqrt(residual @ residual / (freedom * (offset @ offset)))
        interval = (slope - half, slope + half)
    return Exponent(slope, interval, intercept, level, ln_x.size)


def fit_exponents(
    columns: Mapping[str, Sequence[SupportsFloat] | np.ndarray],
    y: Sequence[SupportsFloat] | np.ndarray,
    level: SupportsFloat = 0.90,
) -> dict[str, Exponent]:
    """The exponents of y ~ x1^a1 x2^a2 ..., fitted together: least squares of ln y on all ln x.

    Intervals as for :func:`fit_exponent`; the degrees of freedom are the number of points minus those of the
    exponents and the constant.

    Parameters
    ----------
    columns
        The x by name, each as long as `y`.
    y
        Positive numbers.
    level
        Confidence level of the intervals, between 0 and 1.

    Raises
    ------
    ArgumentError
        If lengths differ, a number is not positive, or the points do not determine all exponents.

    Examples
    --------
    >>> found = fit_exponents({"m": [1, 2, 1, 2], "n": [1, 1, 3, 3]}, [5, 10, 45, 90])
    >>> {name: round(one.slope, 6) for name, one in found.items()}
    {'m': 1.0, 'n': 2.0}
    """
    level = check_number("level", level, above=0.0, below=1.0)
    ln_y = np.log(_positive("y", y))
    ln_x = {name: np.log(_positive(f"columns[{name!r}]", column)) for name, column in columns.items()}
    for name, column in ln_x.items():
        if column.size != ln_y.size:
            problem = f"does not match {ln_y.size} values of y"
            raise ArgumentError(f"columns[{name!r}]", columns[name], problem, "Give one number for each y")
    design = np.column_stack([np.ones_like(ln_y), *ln_x.values()])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise ArgumentError(
            "columns", list(columns), "are not all determined by these points", "Leave one out, or add points"
        )
    coefficients = np.linalg.lstsq(design, ln_y)[0]
    freedom = ln_y.size - design.shape[1]
    halves = np.full(len(coefficients), np.nan)
    if freedom:
        residual = ln_y - design @ coefficients
        variances = np.diag(np.linalg.inv(design.T @ design)) * (residual @ residual) / freedom
        halves = float(stdtrit(freedom, (1 + level) / 2)) * np.sqrt(variances)
    return {
        name: Exponent(
            float(slope),
            (float(slope - half), float(slope + half)) if freedom else None,
            float(coefficients[0]),
            level,
            ln_y.size,
        )
        for name, slope, half in zip(ln_x, coefficients[1:], halves[1:], strict=True)
    }


def _positive(name: str, row: Sequence[SupportsFloat] | np.ndarray) -> np.ndarray:
    values = np.asarray(row, dtype=np.float64)
    if values.ndim != 1 or not np.all((values > 0) & np.isfinite(values)):
        raise ArgumentError(name, values, "is not a row of positive numbers", "Give positive finite numbers")
    return values
