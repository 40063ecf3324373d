"""The P* of the layer-wise learner, predicted from the exact statistics of one grammar.

A patch is misgrouped if its n sightings resemble those of another parent more. Were the class probabilities π of
all parents known, the log likelihood ratio of two parents would be about normal, and

    P(g taken for h) = Q(√(n δ²) / 2),    δ² = Σ_α (π_gα - π_hα)² / ((π_gα + π_hα) / 2),

with Q the normal tail. The sum over rivals h bounds the error of a patch. The prediction uses the bound as the error,
and assumes that patches are independent and the probabilities known: it is an estimate of P*, not a bound.
"""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr

from ..errors import check_instance, check_integer, check_number
from ..model.grammar import Grammar
from .class_statistics import ClassStatistics
from .population import patches, tuples

_LARGEST = 1e15
"""The largest P considered."""


def misgrouped(
    grammar: Grammar, P: float, level: int = 1, *, knows_positions: bool = False, shared: bool = False
) -> float:
    """Return the estimated probability that a patch of level l < L is assigned to the group of another parent.

    Parameters
    ----------
    grammar
        The production rules.
    P
        Training points.
    level
        Level l of the features in the patch.
    knows_positions, shared
        As for the first sweep of :class:`srhm.learners.LayerwiseLearner`.

    Raises
    ------
    ArgumentError
        If the level is not between 1 and L - 1 (at level L the parent is the class), or P is not positive.
    """
    check_instance(Grammar, grammar=grammar)
    level = check_integer("level", level, minimum=1, maximum=grammar.params.L - 1)
    return _misgrouping(grammar, level, knows_positions, shared)(check_number("P", P, above=0.0))


def learner_error(
    grammar: Grammar, P: float, *, knows_positions: bool = False, shared: bool = False
) -> float:
    """Return the estimated test error of the layer-wise learner with one sweep.

    A sample is misclassified, except for a lucky guess, if one of its patches is misgrouped:
    (1 - 1/n_c) (1 - Π_l (1 - e_l)^(s^(L-l))), l = 1 .. L - 1.

    Parameters
    ----------
    grammar, P, knows_positions, shared
        As for :func:`misgrouped`.

    Raises
    ------
    ArgumentError
        If P is not positive.
    """
    check_instance(Grammar, grammar=grammar)
    return _learner_error(grammar, knows_positions, shared)(check_number("P", P, above=0.0))


def predicted_P(
    grammar: Grammar, *, error: float = 0.1, knows_positions: bool = False, shared: bool = False
) -> float:
    """Return the P* at which the estimated test error of the layer-wise learner with one sweep falls to the threshold.

    It is inf if this never happens: parents whose correlations with the class coincide cannot be distinguished by them,
    whatever the number of points.

    Parameters
    ----------
    grammar
        The production rules.
    knows_positions, shared
        As for the first sweep of :class:`srhm.learners.LayerwiseLearner`.
    error
        The threshold, between 0 and 1.

    Raises
    ------
    ArgumentError
        If the threshold is not between 0 and 1.
    """
    check_instance(Grammar, grammar=grammar)
    error = check_number("error", error, above=0.0, below=1.0)
    estimate = _learner_error(grammar, knows_positions, shared)

    if estimate(_LARGEST) > error:
        return math.inf
    low, high = 1.0, _LARGEST
    while high > 1.001 * low:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if estimate(middle) > error else (low, middle)
    return high


def _learner_error(grammar: Grammar, knows_positions: bool, shared: bool) -> Callable[[float], float]:
    params = grammar.params
    levels = range(1, params.L)
    misgroupings = [_misgrouping(grammar, level, knows_positions, shared) for level in levels]
    nodes = [params.level(level).nodes for level in levels]

    def error(P: float) -> float:
        right = [
            (1 - misgrouping(P)) ** count for misgrouping, count in zip(misgroupings, nodes, strict=True)
        ]
        return (1 - 1 / params.n_c) * (1 - math.prod(right))

    return error


def _misgrouping(
    grammar: Grammar, level: int, knows_positions: bool, shared: bool
) -> Callable[[float], float]:
    """Return the mean over the tuples seen at all places of the bound on their error, as a function of P."""
    grammar.refuse_weights()
    numbers = grammar.params.level(level)
    statistics = tuples(grammar, level) if knows_positions else patches(grammar, level)
    one = ClassStatistics(
        statistics.given_class[..., : numbers.parents * numbers.m : numbers.m]
    )  # a tuple a parent
    sightings = one.probability / (1 if knows_positions else numbers.placements)
    if shared:
        sightings, one = len(sightings) * sightings.mean(axis=0, keepdims=True), one.pooled()
    weight = one.probability / one.probability.sum()
    distance = _distances(one.conditional)

    def misgrouping(P: float) -> float:
        rivals = ndtr(-np.sqrt(P * sightings[..., None] * distance) / 2)
        rivals[..., np.arange(numbers.parents), np.arange(numbers.parents)] = 0.0
        return float((weight * np.minimum(np.nansum(rivals, axis=-1), 1.0)).sum())

    return misgrouping


def _distances(
    conditional: Float[np.ndarray, "place class_ parent"],
) -> Float[np.ndarray, "place parent rival"]:
    """δ² of all pairs of parents at each place, nan if one never occurs there."""
    first, second = conditional[..., :, None], conditional[..., None, :]
    with np.errstate(invalid="ignore"):
        ratio = (first - second) ** 2 / ((first + second) / 2)
    return np.where(first + second == 0, 0.0, ratio).sum(axis=1)
