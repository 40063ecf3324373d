"""P*: the number of training points at which a metric falls to its threshold, from any ``measure(P, seed)``.

A run is expensive, so :class:`Search` chooses the next P from all runs made so far, which all thresholds share.
:func:`pstar` is its loop for one process; a driver of many workers calls `ask` and `tell` itself.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from types import MappingProxyType
from typing import SupportsFloat, SupportsIndex

from ..errors import ArgumentError, check_choice, check_integer, check_number
from .crossings import Crossing, Metrics, SampleComplexity, check_threshold, combine, value_of

Point = tuple[int, float]  # P and the metric there, nan for a run that diverged

_ERROR_10 = MappingProxyType({"error": 0.10})  # the threshold of the paper
_BUDGET = 9  # runs for one threshold when the start is within a factor 10 of P*
_STEP, _NEAR_STEP = 4, 2  # factor in P between runs while the crossing is not bracketed
_FAR = 4  # factor of the threshold below which one run predicts the crossing
_SLOPE = 0.4  # of ln P against sqrt(metric / threshold), typical of the error near P*
_SLOPES = (0.2, 2.4)  # the least and the largest of two runs
_REACH = 12  # least factor between the start and the fourth run: 10, and room for noise
_OUTCOMES = (0.1, 0.3, 0.9, 0.97, 1.03, 1.1, 3.0, 6.0)  # how a run may come out, as factors of the thresholds
_SPAN = 1000  # largest P / start when no largest P is given


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
            value_of(metrics, name)  # refuse a bad result here rather than at the next ask
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
        results = [(P, value_of(self._told[P], quantity)) for P in usable]
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
            math.sqrt(max(value_of(one, quantity) / self.thresholds[quantity], 0.0))
            for one in (first, second)
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
