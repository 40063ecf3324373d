"""Covariances of two input symbols by their distance in the tree: exact, over all rule sets, and counted.

Two leaves are at distance l if their lowest common ancestor is l levels up. What a sequence model can learn of the
rules of level l from P samples is limited by these covariances: sampling noise hides them until P is about
``1 / (v^2 <covariance^2>)`` (Cagnetta and Wyart, arXiv 2406.00048). Leaves are counted without their positions, the
last symbol being the last informative one.
"""

from dataclasses import dataclass
from math import comb

import numpy as np
from jaxtyping import Float, Integer

from ..errors import ArgumentError, check_instance, check_integer
from ..memory import check_memory
from ..model.dataset import Dataset
from ..model.grammar import Grammar
from ..model.marginals import symbol_probability, transitions
from ..model.params import Params
from .rule_sets import contraction


@dataclass(frozen=True, eq=False)
class PairStatistics:
    """The joint probabilities of the symbols of pairs of leaves."""

    joint: Float[np.ndarray, "pair left right"]
    """P(left symbol, right symbol) of each pair, [pair, v, v]."""

    @property
    def covariance(self) -> Float[np.ndarray, "pair left right"]:
        """P(left, right) - P(left) P(right), [pair, v, v]."""
        return self.joint - self.joint.sum(axis=2, keepdims=True) * self.joint.sum(axis=1, keepdims=True)

    @property
    def mean_square(self) -> float:
        """Mean of the squared covariance over symbols and pairs."""
        return float((self.covariance**2).mean())

    @property
    def visible_P(self) -> float:
        """1 / (v^2 <covariance^2>): the P at which sampling noise has the same mean square."""
        v = self.joint.shape[1]
        return 1 / (v**2 * self.mean_square) if self.mean_square else np.inf


@dataclass(frozen=True, eq=False)
class PairCounts:
    """How often the symbols of pairs of leaves occurred together in a set of samples."""

    counts: Integer[np.ndarray, "pair left right"]
    """Number of samples with these two symbols, [pair, v, v]."""

    @property
    def samples(self) -> int:
        """Number of samples."""
        return int(self.counts[0].sum())

    @property
    def statistics(self) -> PairStatistics:
        """The frequencies in place of probabilities."""
        return PairStatistics(self.counts / self.samples)

    @property
    def noise(self) -> float:
        """The mean square that the covariance of so many samples has by chance alone, if symbols are independent."""
        joint = self.counts / self.samples
        left, right = joint.sum(axis=2), joint.sum(axis=1)
        spread = (left * (1 - left)).sum(axis=1) * (right * (1 - right)).sum(axis=1)
        return float(spread.mean() / (self.counts.shape[1] ** 2 * (self.samples - 1)))


def symbol_pairs(grammar: Grammar, distance: int, *, last: bool = False) -> PairStatistics:
    """Return the exact joint probabilities of the input symbols of all pairs of leaves at a distance.

    Parameters
    ----------
    grammar
        The production rules.
    distance
        Levels up to the lowest common ancestor, 1 to L.
    last
        Only the pairs of the last leaf, which is what predicting it can use. Default: all pairs.

    Raises
    ------
    ArgumentError
        If the distance is not from 1 to L, or the pairs do not fit into memory.

    Examples
    --------
    >>> grammar = Grammar.from_rules(Params(n_c=2, v=2, m=1, s=2, s0=0, L=1), [[[[0, 0]], [[1, 1]]]])
    >>> found = symbol_pairs(grammar, 1)
    >>> found.joint[0], found.visible_P
    (array([[0.5, 0. ],
           [0. , 0.5]]), 4.0)
    """
    check_instance(Grammar, grammar=grammar)
    params = grammar.params
    numbers = params.level(check_integer("distance", distance, minimum=1, maximum=params.L))
    v = params.level(1).v
    _check_memory(params, distance, last)
    below = np.eye(numbers.v)[None]  # of each leaf below a child, [leaf, feature, symbol]
    for level in range(numbers.level - 1, 0, -1):
        below = np.einsum("jab,ibc->jiac", below, transitions(grammar, level))
        below = below.reshape(-1, *below.shape[2:])
    parents = np.einsum(
        "c,nca->na", grammar.class_probability, symbol_probability(grammar, numbers.level + 1)
    )
    rules, weights = grammar.rules[numbers.level - 1], grammar.rule_probability(numbers.level)
    right_leaves = below[-1:] if last else below
    found = []
    for parent in parents[-1:] if last else parents:
        of_rules = parent[:, None] * weights
        for left, right in _pairs(numbers.s, last):
            children = np.zeros((numbers.v, numbers.v))
            np.add.at(children, (rules[:, :, left], rules[:, :, right]), of_rules)
            joint = np.einsum("xbm,bc,ycn->xymn", below, children, right_leaves, optimize=True)
            found.append(joint.reshape(-1, v, v))
    return PairStatistics(np.concatenate(found))


def count_pairs(dataset: Dataset, distance: int, *, last: bool = False) -> PairCounts:
    """Count the symbols of all pairs of leaves at a distance; compare :func:`symbol_pairs`.

    Parameters
    ----------
    dataset
        The samples, two at least.
    distance, last
        As for :func:`symbol_pairs`.

    Raises
    ------
    ArgumentError
        As for :func:`symbol_pairs`, or if there are fewer than two samples.
    """
    check_instance(Dataset, dataset=dataset)
    params = dataset.params
    numbers = params.level(check_integer("distance", distance, minimum=1, maximum=params.L))
    if len(dataset) < 2:
        raise ArgumentError("dataset", len(dataset), "samples are too few", "Use 2 or more")
    _check_memory(params, distance, last)
    v = params.level(1).v
    features = dataset.features.astype(np.int64).reshape(len(dataset), numbers.nodes, numbers.s, -1)
    leaves = features.shape[3]
    found = []
    for node in [numbers.nodes - 1] if last else range(numbers.nodes):
        for left, right in _pairs(numbers.s, last):
            for x in range(leaves):
                for y in [leaves - 1] if last else range(leaves):
                    codes = features[:, node, left, x] * v + features[:, node, right, y]
                    found.append(np.bincount(codes, minlength=v * v).reshape(v, v))
    return PairCounts(np.array(found))


def pair_moment(params: Params, distance: int) -> float:
    """Return the mean square, over all rule sets, of the covariance of two input symbols at a distance.

    For large v it is (1 - f) / (v^3 m^(2l-1)) at distance l, f = m / v^(s-1) being the share of tuples in use, as
    Cagnetta and Wyart have it (arXiv 2406.00048). Here finite v is counted, with v' symbols above and S the mean over
    rule sets of (v' sum of their squared probabilities - 1) / (v' - 1):

        (1 - 1/v)^2 v^(s-2) / (1 - v^-s) [(1/v' + S (1 - 1/v')) / (m v^s) - v^(-2s)] ,

    and for each level below a factor q^2, q of :func:`srhm.theory.rule_sets.contraction` (and (v'/v)^2 where v
    differs). Left out is the product of the fluctuations of two marginals, which is of second order, and what the rules
    on both sides of a pair have in common.

    Raises
    ------
    ArgumentError
        If the distance is not from 1 to L.

    Examples
    --------
    >>> params = Params(v=32, m=8, s=2, s0=0, L=3)
    >>> drawn = [symbol_pairs(Grammar(params, seed), 3).mean_square for seed in range(40)]
    >>> round(pair_moment(params, 3) / float(np.mean(drawn)), 1)
    1.0
    """
    check_instance(Params, params=params)
    numbers = params.level(check_integer("distance", distance, minimum=1, maximum=params.L))
    S, above = 0.0, float(params.n_c)  # P(class) is even
    for level in reversed(params.levels[numbers.level :]):
        m, tuples = level.m, float(level.v) ** level.s
        S = (tuples / above - m) / (m * (tuples - 1)) + S * (1 - 1 / above) / (m * (1 - 1 / tuples))
        above = float(level.v)
    v, m, tuples = numbers.v, numbers.m, float(numbers.v) ** numbers.s
    of_tuple = (1 / above + S * (1 - 1 / above)) / (m * tuples) - tuples**-2
    moment = (1 - 1 / v) ** 2 * tuples / v**2 / (1 - 1 / tuples) * of_tuple
    for level in params.levels[: numbers.level - 1]:
        moment *= (contraction(level) * level.parents / level.v) ** 2
    return moment


def _check_memory(params: Params, distance: int, last: bool) -> None:
    """Refuse a distance without pairs, or with too many."""
    numbers = params.level(distance)
    if numbers.s == 1:
        raise ArgumentError(
            "distance", distance, "is of a level at which nothing branches", "Use another one"
        )
    leaves, v = params.num_leaves // numbers.features, params.level(1).v
    pairs = (numbers.s - 1) * leaves if last else numbers.nodes * comb(numbers.s, 2) * leaves**2
    fix = "Use a smaller distance, or last=True"
    check_memory("distance", distance, 24 * pairs * v**2, "the joint probabilities of all pairs", fix)


def _pairs(s: int, last: bool) -> list[tuple[int, int]]:
    """The pairs of children of a node; with `last` those of the last child."""
    return [(i, j) for j in ([s - 1] if last else range(s)) for i in range(j)]
