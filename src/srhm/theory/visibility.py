"""The number of training points from which a correlation with the class exceeds its sampling noise.

P points show a symbol of probability p about P p times, and the frequency of a class among these has the variance
(1/n_c)(1 - 1/n_c) / (P p). It equals the mean square of the correlation over rule sets at

    P = n_c D q^-k for a feature, k = L - l + 1,    and    P = n_c m D q^-k for a tuple, k = L - l,

q = 1/m · (1 - 1/v)/(1 - v^-s): both are n_c m^L D, up to a factor near 1, for the input. D is the dilution by blanks.
That a network or another learner needs a P of this order, as the paper argues, is a heuristic: it says when the
information of one symbol is there, not what a learner makes of it (docs, statistics.md).
"""

from functools import reduce
from math import prod
from typing import Literal

import numpy as np
from jaxtyping import Float

from ..errors import check_choice, check_instance
from ..memory import check_memory
from ..model.params import Level, Params
from .population import child_probability
from .rule_sets import contraction

Symbol = Literal["features", "tuples"]
"""What is counted: single features, or the s-tuples of patches (in their placement, where that is not known)."""


def dilution(
    params: Params, what: Symbol, level: int = 1, *, knows_positions: bool = False, shared: bool = False
) -> Float[np.ndarray, " place"]:
    """Return the dilution D, the factor by which blanks increase the number of points, at every place.

    If the symbol of slot j of the tree occurs at a place w_j times per sample on average, then D = Σ w / Σ w²:
    the counts are Σ w of those without blanks, and the squared correlation Σ w² / (Σ w)², since slots are
    uncorrelated over rule sets. For sparsity A:

    - positions known: 1, shared or not, since pooling n slots gives n times the counts of a correlation whose
      square is n times smaller;
    - features at each position: (s0+1)^(L-l+1), for l = 1 the (s0+1)^L of Eq. 3; shared: s0+1;
    - tuples at each patch: (s0+1)^(L-l+s); shared: (s0+1)^s, for s = 2 the (s0+1)^2 of Eq. 4.

    Parameters
    ----------
    params
        The parameters of the model.
    what
        Single features, or tuples.
    level
        Level l of the features.
    knows_positions
        Count at the slots of the tree, without blanks. Otherwise at the positions of features and of patches, each
        placement of a tuple separately.
    shared
        Count all patches together.

    Returns
    -------
    array [place]
        One number for each place: the slots, positions or patches, or, shared, the children, the places of a
        patch, or a single one. They are equal but for sparsity B, where several slots meet at a position.

    Raises
    ------
    ArgumentError
        If `what` is unknown, or the level is not between 1 and L.

    Examples
    --------
    >>> params = Params(n_c=6, v=6, m=6, s=2, s0=1, L=2)
    >>> dilution(params, "features")[:4], dilution(params, "features", shared=True)  # (s0+1)^L and s0+1
    (array([4., 4., 4., 4.]), array([2., 2., 2., 2.]))
    >>> dilution(params, "tuples"), dilution(params, "tuples", shared=True)  # (s0+1)^(L-1+s) and (s0+1)^s
    (array([8., 8., 8., 8.]), array([4.]))
    """
    check_instance(Params, params=params)
    factors = _factors(params, what, level, knows_positions, shared)
    fix = "Use a smaller model, or earliest_visible_P"
    check_memory("params", params, 16 * prod(map(len, factors)), "an array of all places", fix)
    return reduce(np.kron, factors)


def _factors(
    params: Params, what: Symbol, level: int, knows_positions: bool, shared: bool
) -> list[Float[np.ndarray, " place"]]:
    """Vectors whose Kronecker product is the dilution at every place.

    The place of a slot's symbol is independent from level to level, so that the sums over slots, of w and of w²,
    are products of sums over the children of one node.
    """
    check_choice("what", what, ("features", "tuples"), "is not what is counted")
    numbers = params.level(level)
    if knows_positions:
        return [np.ones((1 if shared else numbers.nodes) * (numbers.s if what == "features" else 1))]
    of_patch = [] if shared else [_of_node(above) for above in reversed(params.levels[level:])]
    return [*of_patch, _of_node(numbers) if what == "features" else np.array([float(numbers.placements)])]


def _of_node(numbers: Level) -> Float[np.ndarray, " place"]:
    """The dilution at each place of a patch."""
    seen = child_probability(numbers)
    return seen.sum(axis=0) / (seen**2).sum(axis=0)


def visible_P(
    params: Params, what: Symbol, level: int = 1, *, knows_positions: bool = False, shared: bool = False
) -> Float[np.ndarray, " place"]:
    """Return the number of training points at which signal equals noise, averaged over rule sets, at every place.

    The signal-to-noise ratio of P points is P divided by this number.

    Parameters
    ----------
    params, what, level, knows_positions, shared
        As for :func:`dilution`.

    Raises
    ------
    ArgumentError
        As for :func:`dilution`.

    Examples
    --------
    >>> params = Params(n_c=6, v=6, m=6, s=2, s0=1, L=2)  # n_c m^L = 216
    >>> visible_P(params, "features").round(6)[0]  # 216 (s0+1)^L, and (7/6)^L from the finite v
    np.float64(1176.0)
    >>> visible_P(params, "tuples", shared=True).round(6)[0]  # 216 (s0+1)^2 and (7/6)^(L-1)
    np.float64(1008.0)
    """
    check_instance(Params, params=params)
    spread = dilution(params, what, level, knows_positions=knows_positions, shared=shared)
    return spread * _without_blanks(params, what, level)


def earliest_visible_P(
    params: Params, what: Symbol, level: int = 1, *, knows_positions: bool = False, shared: bool = False
) -> float:
    """Return the smallest entry of :func:`visible_P`, without an array of all places.

    Parameters
    ----------
    params, what, level, knows_positions, shared
        As for :func:`dilution`.

    Raises
    ------
    ArgumentError
        As for :func:`dilution`.

    Examples
    --------
    >>> round(earliest_visible_P(Params(n_c=6, v=6, m=6, s=2, s0=1, L=2), "features"), 6)
    1176.0
    """
    check_instance(Params, params=params)
    factors = _factors(params, what, level, knows_positions, shared)
    return prod(float(factor.min()) for factor in factors) * _without_blanks(params, what, level)


def _without_blanks(params: Params, what: Symbol, level: int) -> float:
    """The number of training points at which signal equals noise without dilution."""
    above = prod(map(contraction, params.levels[level:]))
    if what == "features":
        return params.n_c / (above * contraction(params.level(level)))
    return params.n_c * params.level(level).m / above
