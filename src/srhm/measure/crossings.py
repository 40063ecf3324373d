"""Where a metric falls to its threshold, for one seed and over seeds."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, SupportsFloat, SupportsIndex

import numpy as np
from scipy.special import stdtrit

from ..errors import ArgumentError, check_instance, check_integer, check_number

Metrics = Mapping[str, SupportsFloat | None]
CrossingStatus = Literal["bracketed", "above", "below", "diverged", "unstable", "open"]

_CLOSE = 1.1 * (1 + 1e-12)  # neighbours whose ratio is larger count as an uncertainty of their own


@dataclass(frozen=True)
class Crossing:
    """Where one seed's metric falls to its threshold."""

    quantity: str
    """Name of the metric, such as ``"error"`` or ``"S_21"``."""
    threshold: float
    """Value of the metric that defines P*."""
    status: CrossingStatus
    """``bracketed``: P* lies between two neighbours. ``above``: not learned at the largest P allowed. ``below``:
    already learned at the smallest P allowed. ``diverged``: training diverged in the run that would decide.
    ``unstable``: the loss of that run stopped falling although it had left chance (:class:`~srhm.study.Study`).
    ``open``: runs are missing."""
    P_star: float | None
    """Training points at the crossing, the metric interpolated linearly in ln P; None if not bracketed."""
    P_low: int | None
    """Largest P before the crossing: the metric is above its threshold there, or the run diverged."""
    P_high: int | None
    """Smallest P past the crossing: the metric is at or below its threshold there."""
    runs: int
    """Number of runs, including those made for other quantities."""
    interpolated: bool = False
    """Whether ``P_star`` was interpolated; otherwise it is a grid point."""
    diverged: int = 0
    """Number of runs within the bounds of P that have no value of this metric because training diverged."""

    @property
    def bracket(self) -> float | None:
        """P_high / P_low; None without both."""
        return self.P_high / self.P_low if self.P_high and self.P_low else None

    def __repr__(self) -> str:
        found = self.status if self.P_star is None else f"P* = {_in_points(self.P_star)}"
        between = f"P_low = {_in_points(self.P_low)}, P_high = {_in_points(self.P_high)}"
        return f"Crossing({self.quantity} = {self.threshold:g}: {found}, {between}, {_of_runs(self)})"


@dataclass(frozen=True)
class SampleComplexity:
    """P* over seeds and its uncertainty, returned by :func:`combine`."""

    quantity: str
    """Name of the metric."""
    threshold: float
    """Value of the metric that defines P*."""
    status: Literal["bracketed", "above", "below", "mixed", "diverged", "unstable", "open"]
    """``bracketed``: all seeds are. ``open``: the search of a seed is unfinished. ``diverged``, ``unstable``: the runs
    that would decide diverged, or were unstable, in the search of a seed. ``above``, ``below``: the crossing of a seed
    lies beyond the P allowed on that side; ``mixed``: on both sides."""
    P_star: float | None
    """Geometric mean of the seeds' P*, in training points; None if not ``bracketed``."""
    interval: tuple[float | None, float | None] | None
    """Lower and upper end in training points; None for an end that no run bounds."""
    interval_kind: str
    """What the interval is, such as ``"90% t-interval over 3 seeds"`` or ``"bracket of one seed"``."""
    crossings: tuple[Crossing, ...]
    """The crossings of the seeds, in the order of the seeds."""
    runs: int
    """Number of runs of all seeds."""
    ln_spread: float | None
    """Standard deviation of ln P* over seeds (divisor N - 1); None for one seed, or if not ``bracketed``."""

    @property
    def per_seed(self) -> tuple[float, ...]:
        """P* of every seed, in training points; empty if not all are ``bracketed``.

        A subset would be biased to the seeds that learn early.
        """
        found = tuple(one.P_star for one in self.crossings if one.P_star is not None)
        return found if len(found) == len(self.crossings) else ()

    @property
    def bracket(self) -> float | None:
        """The largest ratio P_high / P_low of a seed's neighbours; None if not all are ``bracketed``."""
        ratios = [one.bracket for one in self.crossings if one.bracket is not None]
        return max(ratios) if self.per_seed and len(ratios) == len(self.crossings) else None

    @property
    def diverged(self) -> int:
        """Number of runs, of all seeds, whose training diverged."""
        return sum(one.diverged for one in self.crossings)

    def __repr__(self) -> str:
        found = self.status if self.P_star is None else f"P* = {_in_points(self.P_star)}"
        if self.interval is not None:
            found += " [{}, {}]".format(*map(_in_points, self.interval))
        of = f"{self.interval_kind}, {_of_runs(self)}"
        return f"SampleComplexity({self.quantity} = {self.threshold:g}: {found}, {of})"


def _in_points(P: float | None) -> str:
    return "none" if P is None else f"{P:,.0f}"


def _of_runs(result: Crossing | SampleComplexity) -> str:
    return f"{result.runs} runs" + (f", {result.diverged} of them diverged" if result.diverged else "")


def combine(crossings: Iterable[Crossing], level: SupportsFloat = 0.90) -> SampleComplexity:
    """P* over seeds: exp(mean ln P*), with exp(mean ± t s / √N), Student's t with N - 1 degrees of freedom.

    The interval of a single seed is its bracket. Where the neighbours of a crossing are more than 10% apart, as on a
    coarse grid, the interval also contains the geometric means of all P_low and of all P_high. If a seed has no
    crossing there is no P*: to leave it out would favour the seeds that learn early. The interval then bounds the
    geometric mean over all seeds; a seed without a crossing contributes the largest P tried (``above``, a lower bound)
    or the smallest (``below``, an upper bound). A seed whose search ended at diverged or unstable runs gives no bound.

    Parameters
    ----------
    crossings
        One crossing per seed, of the same quantity and threshold.
    level
        Confidence level, between 0 and 1.
    """
    found = (crossings,) if isinstance(crossings, Crossing) else tuple(crossings)
    for number, crossing in enumerate(found):
        check_instance(Crossing, **{f"crossings[{number}]": crossing})
    level = check_number("level", level, above=0.0, below=1.0)
    kinds = {(crossing.quantity, crossing.threshold) for crossing in found}
    if len(kinds) != 1:
        fix = "Give the crossings of one quantity at one threshold, at least one"
        raise ArgumentError("crossings", sorted(kinds), "are not of one kind", fix)
    (quantity, threshold), N = kinds.pop(), len(found)
    statuses = [crossing.status for crossing in found]
    status, P_star, interval, spread = "bracketed", None, None, None
    if "open" in statuses:
        status, kind = "open", "none: the search of a seed is not finished"
    elif "diverged" in statuses:
        status, kind = "diverged", f"none: training diverged in {statuses.count('diverged')} of {N} seeds"
    elif "unstable" in statuses:
        status, kind = "unstable", f"none: training was unstable in {statuses.count('unstable')} of {N} seeds"
    elif "above" in statuses and "below" in statuses:
        status, kind = "mixed", "none: seeds lie above the largest and below the smallest P tried"
    else:
        end = {"bracketed": "P_star", "above": "P_low", "below": "P_high"}
        logs = np.log([getattr(crossing, end[crossing.status]) for crossing in found])
        mean = math.exp(logs.mean())
        if "above" in statuses:
            status, interval = "above", (mean, None)
            kind = f"lower bound: {statuses.count('above')} of {N} seeds above the largest P tried"
        elif "below" in statuses:
            status, interval = "below", (None, mean)
            kind = f"upper bound: {statuses.count('below')} of {N} seeds below the smallest P tried"
        elif N == 1:
            low, high = (None if P is None else float(P) for P in (found[0].P_low, found[0].P_high))
            P_star, interval, kind = mean, (low, high), "bracket of one seed"
        else:
            spread, P_star = float(logs.std(ddof=1)), mean
            interval = log_interval(np.exp(logs), level)
            kind = f"{100 * level:g}% t-interval over {N} seeds"
            ends = [(one.P_low, one.P_high) for one in found]
            known = [(low, high) for low, high in ends if low is not None and high is not None]
            if len(known) == N and any(high > max(low + 1, _CLOSE * low) for low, high in known):
                low, high = np.exp(np.log(known).mean(axis=0)).tolist()
                interval = (min(interval[0], low), max(interval[1], high))
                kind += ", with their brackets"
    runs = sum(crossing.runs for crossing in found)
    return SampleComplexity(quantity, threshold, status, P_star, interval, kind, found, runs, spread)


def log_interval(values: Sequence[float] | np.ndarray, level: float = 0.90) -> tuple[float, float]:
    """Return exp(mean ± t s / √N) over the logarithms of N >= 2 values, Student's t with N - 1 degrees of freedom."""
    logs, N = np.log(values), len(values)
    factor = math.exp(stdtrit(N - 1, (1 + level) / 2) * float(logs.std(ddof=1)) / math.sqrt(N))
    mean = math.exp(logs.mean())
    return mean / factor, mean * factor


def nearest_grid(
    points: Iterable[tuple[SupportsIndex, Metrics]],
    quantity: str = "error",
    threshold: SupportsFloat = 0.10,
    tolerance: tuple[SupportsFloat, SupportsFloat] = (0.0, 0.2),
) -> Crossing:
    """P* by the published rule: the grid point whose metric is nearest the threshold, if within tolerance.

    ``P_low`` and ``P_high`` are then its neighbours in the grid. They are the uncertainty of this rule and need not
    straddle the threshold. Out of tolerance there is no P*. The status is then ``above`` or ``below`` if the whole
    grid lies on that side; ``diverged`` if the run at the largest P diverged and no other is at or below the
    threshold; else ``open``: the grid is too coarse.

    Parameters
    ----------
    points
        Grid of (P, metrics), P in training points, in any order.
    quantity, threshold
        The metric and the value that defines P*.
    tolerance
        Lowest and highest value accepted; published: 0 and 0.2 for the error, threshold ± 0.5 for S and D.

    Examples
    --------
    >>> nearest_grid([(100, {"error": 0.5}), (150, {"error": 0.17}), (225, {"error": 0.02})]).P_star
    150.0
    """
    threshold = check_threshold("threshold", quantity, threshold)
    least, most = (check_number("tolerance", end) for end in tolerance)
    if not least <= threshold <= most:
        raise ArgumentError(
            "tolerance", tolerance, f"does not contain {threshold}", "Give (lowest, highest) around it"
        )
    grid = sorted(
        (check_integer("points", P, minimum=1), value_of(metrics, quantity)) for P, metrics in points
    )
    if not grid:
        raise ArgumentError("points", grid, "is empty", "Give at least one (P, metrics)")
    values = np.array([value for _, value in grid])
    status, P_star, P_low, P_high = "open", None, None, None
    i = int(np.argmin(np.where(np.isnan(values), np.inf, abs(values - threshold))))
    if least <= values[i] <= most:
        status, P_star = "bracketed", float(grid[i][0])
        P_low, P_high = (grid[j][0] if 0 <= j < len(grid) else None for j in (i - 1, i + 1))
    elif not np.any(values <= threshold):
        status, P_low = "diverged" if np.isnan(values[-1]) else "above", grid[-1][0]
    elif not np.any(values > threshold):
        status, P_high = "below", grid[0][0]
    diverged = int(np.isnan(values).sum())
    return Crossing(quantity, threshold, status, P_star, P_low, P_high, len(grid), diverged=diverged)


def check_threshold(argument: str, quantity: str, value: SupportsFloat) -> float:
    """Return a threshold as a positive float, below 1 for the error and for S and D, or raise an ``ArgumentError``."""
    is_fraction = quantity == "error" or quantity.startswith(("S_", "D_"))
    return check_number(argument, value, above=0.0, below=1.0 if is_fraction else math.inf)


def value_of(metrics: Metrics, quantity: str) -> float:
    """The value of a quantity, nan for a run that diverged; a missing quantity is an error."""
    if not isinstance(metrics, Mapping):
        fix = f'Return a dict, as in {{"{quantity}": 0.25}}, None where a run diverged'
        raise ArgumentError("metrics", metrics, "is not a mapping of names to numbers", fix)
    if quantity not in metrics:
        raise ArgumentError("metrics", dict(metrics), f"lacks {quantity!r}", "Give None where a run diverged")
    value = metrics[quantity]
    try:
        number = math.nan if value is None else float(value)
    except (TypeError, ValueError):
        raise ArgumentError(
            f"metrics[{quantity!r}]", value, "is not a number", "Give a float or None"
        ) from None
    if quantity == "error" and math.isfinite(number) and not 0 <= number <= 1:
        problem, fix = (
            "is not a fraction of samples",
            "Give the misclassified fraction, 0 to 1, not a percentage",
        )
        raise ArgumentError("metrics['error']", value, problem, fix)
    return number if math.isfinite(number) else math.nan
