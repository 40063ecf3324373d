"""P*: the number of training points at which a metric falls to its threshold, from any ``measure(P, seed)``.

A run is expensive, so :class:`Search` chooses the next P from all runs made so far, which all thresholds share.
:func:`pstar` is its loop for one process; a driver of many workers calls `ask` and `tell` itself.
:func:`nearest_grid` is the published rule.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, SupportsFloat, SupportsIndex

import numpy as np
from scipy.special import stdtrit

from ..errors import ArgumentError, check_choice, check_instance, check_integer, check_number

Metrics = Mapping[str, SupportsFloat | None]
CrossingStatus = Literal["bracketed", "above", "below", "diverged", "unstable", "open"]
Point = tuple[int, float]  # P and the metric there, nan for a run that diverged

_ERROR_10 = MappingProxyType({"error": 0.10})  # the threshold of the paper
_BUDGET = 9  # runs for one threshold when the start is within a factor 10 of P*
_STEP, _NEAR_STEP = 4, 2  # factor in P between runs while the crossing is not bracketed
_FAR = 4  # factor of the threshold below which one run predicts the crossing
_SLOPE, _SLOPES = (
    0.4,
    (0.2, 2.4),
)  # of ln P against sqrt(metric / threshold): typical of the error near P*; of two runs
_REACH = 12  # least factor between the start and the fourth run: 10, and room for noise
_OUTCOMES = (0.1, 0.3, 0.9, 0.97, 1.03, 1.1, 3.0, 6.0)  # how a run may come out, as factors of the thresholds
_CLOSE = 1.1 * (1 + 1e-12)  # neighbours whose ratio is larger count as an uncertainty of their own
_SPAN = 1000  # largest P / start when no largest P is given


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
        ratios = [one.P_high / one.P_low for one in self.crossings if one.P_high and one.P_low]
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


class Search:
    """The search of one seed, ask-and-tell: ``ask()`` returns the next P to run, ``tell(P, metrics)`` takes its result.

    The next P depends only on the set of results so far. So stored results, given in any order, resume a search, and
    results that were never asked for count like any others.

    All steps are in ln P, in which the square root of the metric is close to straight about the crossing. A first run
    below 4 times the threshold predicts the crossing by the slope that is typical of the error, ln(P* / P) =
    0.4 (sqrt(metric / threshold) - 1), and the second is placed half a closed bracket past it; if it is on the same
    side, the third is placed by the slope of the two. Elsewhere steps by a factor 4 (2 within a factor 2 of the
    threshold) lead to two runs that straddle the threshold. Between them the straight line predicts the crossing; runs
    are placed about it so that they close the bracket if the prediction holds, and so that bisection can still finish
    within 9 runs if it fails (first quantity, start within a factor 10 of P*, within = 10%, no run diverged). Closed
    means that P_high <= (1 + within) P_low or P_high = P_low + 1.

    Through runs made for another quantity, noise can put results on the wrong side of each other. The sorted results
    are then divided so that as few as possible are on the wrong side; among equal divisions, the one with the
    smallest sum of their distances to the threshold.

    A run that diverged (None, nan, ±inf) counts as above the threshold, except where a smaller P was learned. It may
    have diverged by accident past P*: when the bracket closes on it, the search also tries smaller P. P* is
    interpolated between the nearest results with values if they are within (1 + within)². Otherwise, and where the
    largest P diverged, no P* was measured: the status is ``diverged``.

    Parameters
    ----------
    start
        First guess of P*, in training points.
    thresholds
        Threshold of each quantity, positive, and below 1 for the error and for S and D; searched in this order.
        Default: 10% error.
    smallest, largest
        Bounds of P, inclusive; results outside are kept but not used. Default of `largest`: 1000 × start, so that
        the search also ends for a metric that never falls.
    within
        Relative distance at which neighbours close the bracket, 0.001 to 1. Default: 10%.

    Examples
    --------
    >>> search = Search(2000, smallest=10)
    >>> while (P := search.ask()) is not None:
    ...     search.tell(P, {"error": min(0.9, 0.1 * (2500 / P) ** 4)})
    >>> found = search.crossing()
    >>> found.P_low < 2500 < found.P_high, round(found.P_star / 2500, 2), found.runs
    (True, 1.0, 3)
    """

    def __init__(
        self,
        start: SupportsFloat,
        *,
        thresholds: Mapping[str, SupportsFloat] = _ERROR_10,
        smallest: SupportsIndex,
        largest: SupportsIndex | None = None,
        within: SupportsFloat = 0.10,
    ) -> None:
        guess = check_number("start", start, above=0.0)
        self.smallest = check_integer("smallest", smallest, minimum=1)
        most = max(self.smallest, math.ceil(_SPAN * guess)) if largest is None else largest
        self.largest = check_integer("largest", most, minimum=self.smallest)
        if not self.smallest <= guess <= self.largest:
            problem = f"is outside smallest = {self.smallest} to largest = {self.largest}"
            raise ArgumentError("start", start, problem, "Start between them, or widen them")
        self.start = round(guess)
        self.within = check_number("within", within, above=0.0)
        if not 0.001 <= self.within <= 1.0:
            raise ArgumentError(
                "within", within, "is outside 0.001 to 1", "Use 0.1 for neighbours within 10%"
            )
        if not thresholds:
            raise ArgumentError(
                "thresholds", thresholds, "is empty", 'Give one at least, as in {"error": 0.1}'
            )
        self.thresholds = {
            name: check_threshold(f"thresholds[{name!r}]", name, value) for name, value in thresholds.items()
        }
        self._told: dict[int, Metrics] = {}

    @property
    def points(self) -> tuple[tuple[int, Metrics], ...]:
        """The results so far as (P, metrics), sorted by P."""
        return tuple((P, self._told[P]) for P in sorted(self._told))

    def tell(self, P: SupportsIndex, metrics: Metrics) -> None:
        """Take the result of a run on P training points, asked for or not; a new result for the same P replaces it."""
        P = check_integer("P", P, minimum=1)
        for name in self.thresholds:
            _value(metrics, name)  # refuse a bad result here rather than at the next ask
        self._told[P] = dict(metrics)

    def ask(self) -> int | None:
        """The next P to run, the same until its result is given; None when every quantity is finished."""
        return next((P for name in self.thresholds if (P := self._next(name)) is not None), None)

    def ask_ahead(self) -> list[int]:
        """The P that may be asked for next, after the result for the present one is given: for idle workers.

        Those that follow from a range of outcomes, not from one number, most outcomes first. What the search asks for
        does not depend on them.

        Examples
        --------
        >>> Search(1000, smallest=10).ask_ahead()
        [910, 1100]
        """
        P = self.ask()
        if P is None:
            return []
        counts: Counter[int | None] = Counter()
        for factor in _OUTCOMES:
            search = copy(self)
            search._told = self._told | {
                P: {name: factor * threshold for name, threshold in self.thresholds.items()}
            }
            counts[search.ask()] += 1
        return [after for after, count in counts.most_common() if after is not None and count > 1]

    def crossing(self, quantity: str = "error") -> Crossing:
        """The crossing of one quantity, as far as the results so far show it."""
        check_choice("quantity", quantity, self.thresholds, "has no threshold in this search")
        threshold, runs = self.thresholds[quantity], len(self._told)
        left, right = self._sides(quantity)
        diverged = sum(math.isnan(value) for _, value in (*left, *right))
        valued = [result for result in left if not math.isnan(result[1])]
        if self._next(quantity) is None and valued and right:
            low, high = valued[-1], right[0]
            if high[0] <= self._up(self._up(low[0])):
                part = (low[1] - threshold) / (low[1] - high[1])
                P_star, ends = low[0] * (high[0] / low[0]) ** part, (low[0], high[0])
                return Crossing(quantity, threshold, "bracketed", P_star, *ends, runs, True, diverged)
        if self._next(quantity) is not None:
            status = "open"
        elif right and not left:
            status = "below"
        else:
            status = "diverged" if right or math.isnan(left[-1][1]) else "above"
        ends = (left[-1][0] if left else None, right[0][0] if right else None)
        return Crossing(quantity, threshold, status, None, *ends, runs, diverged=diverged)

    def _up(self, P: int) -> int:
        """The largest P_high that closes the bracket with P_low = P."""
        return max(P + 1, math.floor(P * (1 + self.within) * (1 + 1e-12)))  # 1e-12 against round-off

    def _down(self, P: int) -> int:
        """The smallest P_low that closes the bracket with P_high = P."""
        return min(P - 1, math.ceil(P / (1 + self.within) * (1 - 1e-12)))

    def _sides(self, quantity: str) -> tuple[list[Point], list[Point]]:
        """The results within the bounds of P, sorted, cut in two where the metric crosses its threshold."""
        threshold = self.thresholds[quantity]
        usable = sorted(P for P in self._told if self.smallest <= P <= self.largest)
        results = [(P, _value(self._told[P], quantity)) for P in usable]
        costs = []
        for cut in range(len(results) + 1):
            wrong = [threshold - y for _, y in results[:cut] if y <= threshold]
            wrong += [y - threshold for _, y in results[cut:] if y > threshold]
            diverged = sum(math.isnan(y) for _, y in results[cut:])
            costs.append((len(wrong), diverged, math.fsum(wrong)))
        cut = costs.index(min(costs))
        return results[:cut], results[cut:]

    def _next(self, quantity: str) -> int | None:
        """The next P that this quantity needs, or None."""
        left, right = self._sides(quantity)
        if not (left and right):
            return self._step(quantity, *(left[-1:] or right[:1]), up=bool(left))
        low, high = left[-1], right[0]
        if high[0] <= self._up(low[0]) and math.isnan(low[1]):
            # Closed on a run that diverged: the gap left lies between the last value and the first such run after it.
            last = max((i for i, (_, y) in enumerate(left) if not math.isnan(y)), default=None)
            if last is None:  # one run with nothing below it is not trusted, two are
                return self._step(quantity, low, up=False) if len(left) == 1 else None
            low, high = left[last], left[last + 1]
        return None if high[0] <= self._up(low[0]) else self._inside(quantity, low, high)

    def _step(self, quantity: str, edge: Point | None = None, *, up: bool) -> int | None:
        """One step on from the outermost result when all of them lie on one side of the crossing."""
        if edge is None:
            return self.start
        P, value = edge
        ratio, told = value / self.thresholds[quantity], len(self._told)  # nan if it diverged
        slope = self._slope(quantity, ratio)
        if slope is not None:
            factor = math.exp(slope * abs(math.sqrt(max(ratio, 0.0)) - 1)) * math.sqrt(1 + self.within)
            if up:
                goal = min(self.largest, max(self._up(P), min(round(P * factor), self.start * _REACH)))
            else:
                goal = max(self.smallest, min(self._down(P), max(round(P / factor), self.start // _REACH)))
            return goal if goal != P else None
        factor = _NEAR_STEP if 0.5 < ratio < 2 else _STEP
        reach = _REACH if told in (2, 3) else 1
        if up:
            goal = min(self.largest, max(P * factor, self.start * reach))
        else:
            goal = max(self.smallest, min(P // factor, self.start // reach))
        return goal if goal != P else None

    def _slope(self, quantity: str, ratio: float) -> float | None:
        """The slope by which one or two results on one side of the crossing predict it, or None."""
        if len(self._told) == 1:
            return _SLOPE if ratio < _FAR else None
        if len(self._told) != 2:
            return None
        (P, first), (Q, second) = self.points
        roots = [
            math.sqrt(max(_value(one, quantity) / self.thresholds[quantity], 0.0)) for one in (first, second)
        ]
        if not roots[0] > roots[1]:  # noise; or one diverged
            return None
        return min(max(math.log(Q / P) / (roots[0] - roots[1]), _SLOPES[0]), _SLOPES[1])

    def _inside(self, quantity: str, low: Point, high: Point) -> int:
        """A P in an open bracket, by prediction, kept where bisection can finish in the runs left."""
        rungs = [low[0]]
        while rungs[-1] < high[0]:
            rungs.append(self._up(rungs[-1]))
        needed = (len(rungs) - 2).bit_length()  # runs of bisection over the len(rungs) - 1 closed brackets
        # The first quantity has the runs left of its budget; the others, which pay no steps, one to spare.
        spare = quantity != next(iter(self.thresholds))
        half = 2 ** (max(needed + spare, _BUDGET - len(self._told)) - 1)  # brackets allowed on either side
        least, most = high[0], rungs[min(half, len(rungs) - 2)]
        for _ in range(min(half, len(rungs))):
            least = self._down(least)
        goal = self._predict(quantity, low, high)
        return min(max(goal, least, low[0] + 1), most, high[0] - 1)

    def _predict(self, quantity: str, low: Point, high: Point) -> int:
        """The P that closes the bracket, now or with the next run, if the prediction is right."""
        middle = math.sqrt(low[0] * high[0])
        if math.isnan(low[1]) or math.isnan(high[1]):
            return round(middle)
        roots = [math.sqrt(max(y, 0.0)) for y in (low[1], self.thresholds[quantity], high[1])]
        crossing = low[0] * (high[0] / low[0]) ** ((roots[0] - roots[1]) / (roots[0] - roots[2]))
        if crossing <= self._up(low[0]):
            return self._up(low[0])
        if crossing >= self._down(high[0]):
            return self._down(high[0])
        # Half a closed bracket to the side that cuts off more; the other half is for the next run.
        aside = math.sqrt(1 + self.within)
        return round(crossing * aside if crossing < middle else crossing / aside)


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


def pstar(
    measure: Callable[[int, int], Metrics],
    *,
    start: SupportsFloat,
    seeds: Sequence[SupportsIndex] = (0, 1, 2),
    thresholds: Mapping[str, SupportsFloat] = _ERROR_10,
    smallest: SupportsIndex,
    largest: SupportsIndex | None = None,
    within: SupportsFloat = 0.10,
) -> dict[str, SampleComplexity]:
    """P* of every quantity in ``thresholds``: one :class:`Search` per seed, one run after the other.

    Parameters
    ----------
    measure
        ``measure(P, seed)`` trains on P points and returns its metrics by name (None or nan: the run diverged).
    seeds
        Distinct integers >= 0, one per replicate.
    start, thresholds, smallest, largest, within
        As for :class:`Search`.

    Examples
    --------
    >>> found = pstar(lambda P, seed: {"error": (90 + 10 * seed) / P}, start=500, smallest=10)["error"]
    >>> round(found.P_star / 997, 2), found.interval_kind
    (1.0, '90% t-interval over 3 seeds')
    """
    distinct = [check_integer("seeds", seed, minimum=0) for seed in seeds]
    if not distinct or len(set(distinct)) < len(distinct):
        raise ArgumentError("seeds", distinct, "is empty or contains a seed twice", "Give distinct integers")
    options = {"smallest": smallest, "largest": largest, "within": within}
    searches = [Search(start, thresholds=thresholds, **options) for _ in distinct]
    for seed, search in zip(distinct, searches, strict=True):
        while (P := search.ask()) is not None:
            search.tell(P, measure(P, seed))
    return {name: combine(search.crossing(name) for search in searches) for name in thresholds}


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
    grid = sorted((check_integer("points", P, minimum=1), _value(metrics, quantity)) for P, metrics in points)
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


def _value(metrics: Metrics, quantity: str) -> float:
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
