"""Exact statistics of all data of one grammar, by propagating probabilities through its rules.

The features of a level and their places are independent given the class, and independent at a node given its
symbol, so both are products over the levels between. Nothing is sampled; the only error is floating-point round-off.
"""

from math import comb, prod

import numpy as np
from jaxtyping import Float

from ..errors import check_instance, check_integer
from ..memory import check_memory
from ..model.derivation import child_offsets
from ..model.grammar import Grammar
from ..model.marginals import symbol_probability
from ..model.params import Level, Params
from .class_statistics import ClassStatistics


def features(grammar: Grammar, level: int = 1) -> ClassStatistics:
    """Return the statistics of the level-l features with the class: the product T_L ... T_l for each slot.

    The places are the s^(L-l+1) slots of the tree in the order of :class:`srhm.model.derivation.Tree`, the symbols the
    v features.

    Raises
    ------
    ArgumentError
        If the level is not between 1 and L.

    Examples
    --------
    >>> grammar = Grammar.from_rules(Params(2, 2, 2, 2, 0, 1), [[[[0, 0], [0, 1]], [[1, 1], [1, 0]]]])
    >>> features(grammar).conditional[0]  # the first child determines the class
    array([[1., 0.],
           [0., 1.]])
    >>> features(grammar).correlation[1]  # the second is independent of it
    array([[0., 0.],
           [0., 0.]])
    """
    check_instance(Grammar, grammar=grammar)
    params = grammar.params
    level = check_integer("level", level, minimum=1, maximum=params.L)
    return ClassStatistics(symbol_probability(grammar, level), grammar.class_probability)


def tuples(grammar: Grammar, level: int = 1) -> ClassStatistics:
    """Return the statistics of the s-tuples of level-l features with the class.

    The places are the s^(L-l) nodes, the symbols the rules of the level: number ``parent * m + choice``. All
    tuples of a parent have the same probabilities, 1/m of that of the parent: their correlations with the class
    are equal, so a learner can group them.

    Raises
    ------
    ArgumentError
        If the level is not between 1 and L.
    """
    check_instance(Grammar, grammar=grammar)
    params = grammar.params
    level = check_integer("level", level, minimum=1, maximum=params.L)
    parents = symbol_probability(grammar, level + 1)
    if grammar.rule_weights[level - 1] is None:
        m = params.level(level).m
        return ClassStatistics(np.repeat(parents, m, axis=2) / m, grammar.class_probability)
    of_rules = parents[..., None] * grammar.rule_probability(level)
    return ClassStatistics(of_rules.reshape(*parents.shape[:2], -1), grammar.class_probability)


def positions(grammar: Grammar, level: int = 1) -> ClassStatistics:
    """Return the joint statistics of the class and the symbol at each level-l position (level 1 is the input).

    The places are the p^(L-l+1) positions, the symbols the v features and the blank, which is the last.

    Raises
    ------
    ArgumentError
        If the level is not between 1 and L.
    """
    check_instance(Grammar, grammar=grammar)
    level = check_integer("level", level, minimum=1, maximum=grammar.params.L)
    return _placed(features(grammar, level), slot_probability(grammar.params, level, grammar))


def patches(grammar: Grammar, level: int = 1) -> ClassStatistics:
    """Return the joint statistics of the class and the content of each patch of p level-l positions.

    The places are the p^(L-l) patches, the symbols the rules as in :func:`tuples` and the blank patch, which
    is the last. A tuple in one of its placements has 1/placements of the tuple's probability.

    Raises
    ------
    ArgumentError
        If the level is not between 1 and L.
    """
    check_instance(Grammar, grammar=grammar)
    level = check_integer("level", level, minimum=1, maximum=grammar.params.L)
    where = slot_probability(grammar.params, level + 1, grammar)
    return _placed(tuples(grammar, level), where)


def child_probability(params: Params | Level) -> Float[np.ndarray, "child place"]:
    """Return the probability that each child of a node is at each place of its patch, [s, p].

    Sparsity A: 1/(s0+1) in its own sub-patch. Sparsity B: child i (from 0) is at place o if i of the
    s - 1 others do before it, C(o, i) C(p-1-o, s-1-i) / C(p, s).
    """
    check_instance((Params, Level), params=params)
    s, p = params.s, params.patch
    if params.sparsity == "A":
        own = np.arange(p) // (params.s0 + 1) == np.arange(s)[:, None]
        return own / (params.s0 + 1)
    counts = [[comb(o, i) * comb(p - 1 - o, s - 1 - i) for o in range(p)] for i in range(s)]
    return np.array([[count / params.placements for count in row] for row in counts])


def _weighted(numbers: Level, weights: np.ndarray) -> Float[np.ndarray, "child place"]:
    """Where each child of a node is, if placements have weights."""
    where = np.zeros((numbers.s, numbers.patch))
    offsets = child_offsets(numbers, np.arange(numbers.placements, dtype=np.int32))
    np.add.at(where, (np.arange(numbers.s), offsets), weights[:, None])
    return where


def slot_probability(
    params: Params, level: int = 1, grammar: Grammar | None = None
) -> Float[np.ndarray, "slot position"]:
    """Return the probability that the symbol of each slot of a level is at each position of that level.

    Level L + 1 is the class, which has one position. A column sums to the probability that the position is informative,
    (s0+1)^-(L-l+1) for both kinds of sparsity. For sparsity A it has one entry, since the position determines the slot.
    """
    levels = params.levels[level - 1 :]
    needed = 8 * prod(numbers.s * numbers.patch for numbers in levels)
    check_memory("params", params, needed, "an array of all slots and positions", "Use a smaller model")
    where = np.ones((1, 1))
    for numbers in reversed(levels):
        if grammar is None or grammar.placement_weights[numbers.level - 1] is None:
            where = np.kron(where, child_probability(numbers))
        else:
            where = np.kron(where, _weighted(numbers, grammar.placement_probability(numbers.level)))
    return where


def _placed(statistics: ClassStatistics, where: Float[np.ndarray, "slot position"]) -> ClassStatistics:
    """The statistics at positions, from those at slots and their positions; the blank is one more symbol."""
    seen = np.einsum("jx,jas->xas", where, statistics.given_class)
    blank = np.broadcast_to((1 - where.sum(axis=0))[:, None, None], (*seen.shape[:2], 1))
    return ClassStatistics(np.concatenate([seen, blank], axis=2), statistics.prior)
