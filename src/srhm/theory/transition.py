"""The transition of the belief process, by a recursion over levels (docs, diffusion.md).

Every input passes on a weakened belief in its symbol (:class:`srhm.inference.BeliefNoise`). Let t be the belief in the
true feature of a node, given that it is not blank, and y the odds that a node and a blank place have changed roles: the
likelihood ratio of a blank to a feature at the node, times that of one given feature to a blank at the place. If all
false features are alike, and a false tuple has the mean weight of all of them, one level up

    T = (t + s0 y)^s,   A = [(1 + v s0 y)^s - T] / (v^s - 1),   Z = [T + (m v - 1) A] / m,
    t' = [T + (m - 1) A] / (m Z),   y' = [(s0 + 1) y]^s / Z.

Nothing is known where t = y = 1/v. Where y = 0 places are known: it is the recursion of Sclocchi, Favero and Wyart
(PNAS 2025, arXiv 2402.16991) for the model without blanks. It assumes sparsity A, and that beliefs do not fluctuate.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import get_args

import numpy as np
from jaxtyping import Float

from ..errors import ArgumentError, check_choice, check_instance, check_integer, check_number
from ..model.encoding import Alphabet, alphabet
from ..model.params import Params

_LEVELS, _BISECTIONS = 1000, 50
_CLOSE = 1e-3
"""How close to 0 or 1 a threshold is taken to be there."""


@dataclass(frozen=True)
class BeliefTransition:
    """The transition of the belief process at infinite depth, by :func:`belief_transition`."""

    params: Params
    """The parameters of the model; its depth does not matter."""
    over: Alphabet
    """What the belief is spread over."""
    epsilon: float
    """The noise below which the features of high levels are kept; 1 if they always are, 0 if they never are."""
    places: float
    """The noise below which the places of the features of high levels are kept; 1 if they always are."""
    belief: float
    """The belief in the true feature that is the same at all levels if epsilon is at its threshold; nan without one."""
    slope: float
    """The factor by which a small deviation from it grows from level to level."""

    @property
    def nu(self) -> float:
        """The exponent of the correlation length, ln s / ln slope: it grows as |epsilon - threshold|^-nu."""
        return math.log(self.params.level(1).s) / math.log(self.slope)

    def levels(self, epsilon: float, L: int | None = None) -> Float[np.ndarray, "level 2"]:
        """Return t and y, from what is below a node, at the inputs and at each of L levels above them.

        Parameters
        ----------
        epsilon
            The noise.
        L
            Number of levels. Default: that of the model, so that the last t is the belief in the true class.

        Raises
        ------
        ArgumentError
            If a number is out of range.
        """
        if not 0 <= check_number("epsilon", epsilon) <= 1:
            raise ArgumentError("epsilon", epsilon, "is not a probability", "Use 0 <= epsilon <= 1")
        L = self.params.L if L is None else check_integer("L", L, minimum=0)
        found = [_inputs(self.params, self.over, epsilon)]
        for _ in range(L):
            found.append(_above(self.params, found[-1]))
        return np.array(found)


def belief_transition(params: Params, over: Alphabet | None = None) -> BeliefTransition:
    """Return threshold, fixed point and exponent of the belief process (docs, diffusion.md).

    Parameters
    ----------
    params
        The parameters of the model: all levels alike, sparsity A. Its number of classes and its depth do not matter.
    over
        ``"symbols"`` where blanks are unknown, ``"features"`` where they are known, which is the case without blanks.
        Default: as for :class:`srhm.inference.BeliefNoise`.

    Raises
    ------
    ArgumentError
        If levels differ, or the sparsity is B with unknown blanks, for which there is no such recursion.

    Examples
    --------
    >>> found = belief_transition(Params(n_c=32, v=32, m=8, s=2, s0=0, L=9))
    >>> round(found.epsilon, 4), round(found.slope, 4), round(found.nu, 4)
    (0.7312, 1.4422, 1.8928)
    """
    check_instance(Params, params=params)
    over = alphabet(params, over)
    check_choice("over", over, get_args(Alphabet), "is not known")
    first = params.level(1)
    if any((one.v, one.m, one.s, one.s0) != (first.v, first.m, first.s, first.s0) for one in params.levels):
        raise ArgumentError("params", params, "has levels that differ", "Use the same numbers at all levels")
    if first.sparsity == "B" and over == "symbols" and first.s0:
        problem = "has sparsity B, whose placements are not independent"
        raise ArgumentError("params", params, problem, "Use sparsity A, or over='features'")
    features = [_threshold(params, over, which) for which in (0, 1)]
    low, high = features[0]
    belief = slope = math.nan
    if low > 0 and high < 1:
        belief, slope = _fixed_point(params, over, low, high)
    return BeliefTransition(params, over, low, features[1][0], belief, slope)


_State = tuple[float, float]
"""t and y."""


@lru_cache(maxsize=64)
def _numbers(params: Params) -> tuple[int, int, int, int]:
    level = params.level(1)
    return level.v, level.m, level.s, level.s0


def _inputs(params: Params, over: Alphabet, epsilon: float) -> _State:
    v, blank = _numbers(params)[0], over == "symbols"
    other = epsilon / (v + blank)
    true = 1 - epsilon + other
    filled = true + (v - 1) * other
    return true / filled, other / filled * other / true if blank else 0.0


def _above(params: Params, state: _State) -> _State:
    """The same one level up."""
    (t, y), (v, m, s, s0) = state, _numbers(params)
    true = (t + s0 * y) ** s
    average = ((1 + v * s0 * y) ** s - true) / (v**s - 1)
    total = (true + (m * v - 1) * average) / m
    return (true + (m - 1) * average) / (m * total), ((s0 + 1) * y) ** s / total if s0 else 0.0


def _rest(params: Params, state: _State) -> _State:
    for _ in range(_LEVELS):
        before, state = state, _above(params, state)
        if abs(state[0] - before[0]) + abs(state[1] - before[1]) < 1e-14:
            break
    return state


def _threshold(params: Params, over: Alphabet, which: int) -> tuple[float, float]:
    """Return two numbers next to each other between which features (0) or places (1) come to be lost high up.

    They are 1, 1 if they never are, and 0, 0 if they always are.
    """
    v, certain = params.level(1).v, _rest(params, (1.0, 0.0))[0]

    def kept(epsilon: float) -> bool:
        t, y = _rest(params, _inputs(params, over, epsilon))
        return y < 0.5 / v if which else t > (certain + 1 / v) / 2 > 1.001 / v

    if kept(1 - _CLOSE):
        return 1.0, 1.0
    if not kept(_CLOSE):
        return 0.0, 0.0
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if kept(middle) else (low, middle)
    return low, high


def _fixed_point(params: Params, over: Alphabet, low: float, high: float) -> tuple[float, float]:
    """Return t where the recursion rests at the threshold, and the growth of a deviation, after Newton's method."""
    ends = [_inputs(params, over, epsilon) for epsilon in (low, high)]
    for _ in range(_LEVELS):
        if abs(ends[0][0] - ends[1][0]) > 1e-7:
            break
        ends = [_above(params, state) for state in ends]
    else:  # they come so slowly to rest that there is no growth
        return math.nan, math.nan
    point = np.array(ends[0])
    for _ in range(20):
        step = np.array(_above(params, (point[0], point[1]))) - point
        point = point - np.linalg.solve(_jacobian(params, point) - np.eye(2), step)
    return float(point[0]), float(np.abs(np.linalg.eigvals(_jacobian(params, point))).max())


def _jacobian(params: Params, point: Float[np.ndarray, " 2"]) -> Float[np.ndarray, "2 2"]:
    """The derivatives of t and y one level up, by central differences."""
    columns = []
    for step in 1e-6 * np.eye(2):
        ends = [np.array(_above(params, tuple(point + sign * step))) for sign in (1, -1)]
        columns.append((ends[0] - ends[1]) / 2e-6)
    return np.array(columns).T
