"""What a training set never shows and every test input does: rules, pairs of rules, or placements.

What is held out is a boolean table, which the grammar and a seed fix. Samples with an entry of it are for the test set,
samples without one for the training set, so the two share none.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float, Integer

from ..errors import ArgumentError, check_instance, check_integer, check_number
from ..memory import check_memory
from ..randomness import Key, fold, role_key, threefry2x32
from .derivation import Derivation, expand
from .grammar import Grammar
from .params import Level

_LARGE = 1e140
"""Where numbers of samples are cut: their products are still finite."""


@dataclass(frozen=True)
class _Share:
    """A share of what there is at a level."""

    level: int
    fraction: float
    seed: int = 0
    lowest: ClassVar[int] = 1
    """The lowest level there is."""

    def __post_init__(self) -> None:
        level = check_integer("level", self.level, minimum=self.lowest)
        fraction = check_number("fraction", self.fraction, above=0, below=1)
        role_key(self.seed, "hold_out")  # checks the seed
        for name, number in (("level", level), ("fraction", fraction), ("seed", int(self.seed))):
            object.__setattr__(self, name, number)


@dataclass(frozen=True)
class Tuples(_Share):
    """Hold out a share of the tuples of a level: of the rules of each parent.

    Parameters
    ----------
    level
        Level l of the features in the tuples, 1 (the input) to L.
    fraction
        Which share of the m rules of each parent, between 0 and 1, rounded; at least one of them and not all.
    seed
        Which ones: any integer from 0 to 2^64 - 1.

    Raises
    ------
    ArgumentError
        If a number lies outside its range.

    Examples
    --------
    >>> import srhm
    >>> grammar = srhm.Grammar(srhm.Params(v=4, s0=1, L=2), seed=0)
    >>> Tuples(level=1, fraction=0.25).mask(grammar).sum(axis=1)  # of each parent's four rules
    array([1, 1, 1, 1])
    """

    def mask(self, grammar: Grammar) -> Bool[np.ndarray, "parent m"]:
        """Return which rules of each parent are held out.

        Raises
        ------
        ArgumentError
            If the grammar has no such level, or one rule a parent.
        """
        numbers = _level(grammar, self)
        held = _held(self, numbers.m, "rule of each parent")
        order = _orders(_key(self, 0), numbers.parents, numbers.m)
        mask = np.zeros(order.shape, bool)
        np.put_along_axis(mask, order[:, :held], True, axis=1)
        return mask

    def occurs(self, grammar: Grammar, derivation: Derivation) -> Bool[np.ndarray, " sample"]:
        """Return which samples have a held-out tuple.

        Raises
        ------
        ArgumentError
            As for :meth:`mask` and :func:`srhm.expand`.
        """
        parents, rules = _rules(grammar, derivation, self.level)
        return np.asarray(self.mask(grammar)[parents, rules].any(axis=1))


@dataclass(frozen=True)
class RulePairs(_Share):
    """Hold out pairs of the rule of a node and the rule of one of its children.

    A pair is a rule of a parent, one of the s children in its tuple, and a rule of this child. The held-out rules of a
    feature take turns over the tuples that have it, in a random order, so that each rule is held out about equally
    often: where there are enough tuples, each rule is still seen in some of them.

    Parameters
    ----------
    level
        Level l of the features that the rule of the node produces, 2 to L; the rules of these are of level l - 1.
    fraction
        Which share of the m(l-1) rules of each child of each tuple, between 0 and 1, rounded; at least one of them
        and not all.
    seed
        Which ones: any integer from 0 to 2^64 - 1.

    Raises
    ------
    ArgumentError
        If a number lies outside its range.

    Examples
    --------
    >>> import srhm
    >>> grammar = srhm.Grammar(srhm.Params(v=4, s0=1, L=2), seed=0)
    >>> mask = RulePairs(level=2, fraction=0.25).mask(grammar)
    >>> mask.shape, mask.mean()
    ((4, 4, 2, 4), np.float64(0.25))
    """

    lowest: ClassVar[int] = 2

    def mask(self, grammar: Grammar) -> Bool[np.ndarray, "parent m s child_m"]:
        """Return which rules of the child are held out, for each child of each tuple.

        Raises
        ------
        ArgumentError
            If the grammar has no such level, or one rule a child, or the pairs are larger than main memory.
        """
        numbers = _level(grammar, self)
        below = grammar.params.level(self.level - 1)
        held = _held(self, below.m, "rule of each child")
        rules = grammar.rules[self.level - 1]
        check_memory("hold_out", self, 32 * rules.size * below.m, "pairs of rules", "Use a smaller m or v")
        key = _key(self, 1)
        order = _orders(fold(key, 0), numbers.v, below.m)
        places = _orders(fold(key, 1), 1, rules.size)[0]  # in the order in which they take turns
        places = places[np.argsort(rules.ravel()[places], kind="stable")]
        features = rules.ravel()[places]
        turn = np.empty(rules.size, np.int64)
        turn[places] = np.arange(rules.size) - np.searchsorted(features, features)
        columns = (turn[:, None] * held + np.arange(held)) % below.m
        mask = np.zeros((rules.size, below.m), bool)
        np.put_along_axis(mask, order[rules.ravel()[:, None], columns], True, axis=1)
        return mask.reshape(*rules.shape, below.m)

    def occurs(self, grammar: Grammar, derivation: Derivation) -> Bool[np.ndarray, " sample"]:
        """Return which samples have a held-out pair.

        Raises
        ------
        ArgumentError
            As for :meth:`mask` and :func:`srhm.expand`.
        """
        mask = self.mask(grammar)
        parents, rules = _rules(grammar, derivation, self.level)
        s = mask.shape[2]
        child_rules = np.asarray(derivation.rules[self.level - 2]).reshape(*rules.shape, s)
        pairs = mask[parents[..., None], rules[..., None], np.arange(s), child_rules]
        return np.asarray(pairs.any(axis=(1, 2)))


@dataclass(frozen=True)
class Placements(_Share):
    """Hold out a share of the placements of a level, the same for all nodes: shifts that are never seen.

    A placement says where all s children of a node are. Each child can still be seen at each of its places, together
    with other places of its siblings.

    Parameters
    ----------
    level
        Level l of the features that are placed, 1 (the input) to L. It needs blanks, s0(l) > 0.
    fraction
        Which share of ``params.level(l).placements``, between 0 and 1, rounded; at least one of them and not all.
    seed
        Which ones: any integer from 0 to 2^64 - 1.

    Raises
    ------
    ArgumentError
        If a number lies outside its range.

    Examples
    --------
    >>> import srhm
    >>> grammar = srhm.Grammar(srhm.Params(v=4, s0=1, L=2), seed=0)
    >>> Placements(level=1, fraction=0.5).mask(grammar).sum()
    np.int64(2)
    """

    def mask(self, grammar: Grammar) -> Bool[np.ndarray, " placement"]:
        """Return which placements are held out.

        Raises
        ------
        ArgumentError
            If the grammar has no such level, or no blanks there.
        """
        placements = _level(grammar, self).placements
        held = _held(self, placements, "placement")
        mask = np.zeros(placements, bool)
        mask[_orders(_key(self, 2), 1, placements)[0, :held]] = True
        return mask

    def occurs(self, grammar: Grammar, derivation: Derivation) -> Bool[np.ndarray, " sample"]:
        """Return which samples have a held-out placement.

        Raises
        ------
        ArgumentError
            As for :meth:`mask`, or if the derivations are not of this model.
        """
        mask = self.mask(grammar)
        expand(grammar, derivation)  # checks it
        return np.asarray(mask[np.asarray(derivation.placements[self.level - 1])].any(axis=1))


HoldOut = RulePairs | Tuples | Placements
"""What can be held out."""


def class_sums(
    grammar: Grammar, hold_out: HoldOut, power: int
) -> tuple[Float[np.ndarray, " class_"], Float[np.ndarray, " class_"]]:
    """Return the sum of p^power over the samples of each class, without what is held out, and with it.

    p is the probability of a sample of its class. A power of 0 counts the samples of positive probability, exactly
    up to 2^53.
    """
    check_instance(Grammar, grammar=grammar)
    mask = hold_out.mask(grammar)
    free: Any = None  # of each symbol and rule of it, the sum over the trees below
    held: Any = None
    for level, rules in enumerate(grammar.rules, 1):
        here = mask if level == hold_out.level else None
        if free is None:
            free, held = np.ones(rules.shape[:2]), np.zeros(rules.shape[:2])
        else:
            of_free, of_held = free.sum(axis=1)[rules], held.sum(axis=1)[rules]  # [parent, m, s]
            if here is not None and isinstance(hold_out, RulePairs):
                pairs = free[rules]  # [parent, m, s, child_m]
                of_held = of_held + (pairs * here).sum(axis=-1)
                of_free = (pairs * ~here).sum(axis=-1)
            free, held = of_free[..., 0], of_held[..., 0]
            for place in range(1, rules.shape[2]):
                more_free, more_held = of_free[..., place], of_held[..., place]
                held = np.minimum(free * more_held + held * (more_free + more_held), _LARGE)
                free = np.minimum(free * more_free, _LARGE)
        if here is not None and isinstance(hold_out, Tuples):
            free, held = np.where(here, 0, free), held + np.where(here, free, 0)
        of_rule, of_placement = (
            np.where(p > 0, p**power, 0.0)
            for p in (grammar.rule_probability(level), grammar.placement_probability(level))
        )
        moved = of_placement[here].sum() if here is not None and isinstance(hold_out, Placements) else 0.0
        total = of_placement.sum()
        held = np.minimum(of_rule * (held * total + free * moved), _LARGE)
        if here is not None and isinstance(hold_out, Placements):
            total = of_placement[~here].sum()
        free = np.minimum(of_rule * free * total, _LARGE)
    return free.sum(axis=1), held.sum(axis=1)


def _level(grammar: Grammar, hold_out: HoldOut) -> Level:
    """The numbers of the level."""
    check_instance(Grammar, grammar=grammar)
    return grammar.params.level(hold_out.level)


def _held(hold_out: HoldOut, count: int, name: str) -> int:
    """How many of `count` are held out."""
    if count < 2:
        problem = f"leaves nothing for training: there is one {name} at its level"
        fix = "Use a level with more" if name != "placement" else "Use a level with blanks, s0 > 0"
        raise ArgumentError("hold_out", hold_out, problem, fix)
    return min(max(1, round(hold_out.fraction * count)), count - 1)


def _key(hold_out: HoldOut, kind: int) -> Key:
    return fold(fold(role_key(hold_out.seed, "hold_out"), kind), hold_out.level)


def _orders(key: Key, rows: int, count: int) -> Integer[np.ndarray, "row number"]:
    """Random orders of 0 to count - 1, one a row."""
    numbers = np.arange(rows * count, dtype=np.uint32)
    words, _ = threefry2x32(key, numbers, np.zeros_like(numbers))
    return np.argsort(words.reshape(rows, count), axis=1, kind="stable")


def _rules(grammar: Grammar, derivation: Derivation, level: int) -> tuple[np.ndarray, np.ndarray]:
    """The symbols of the nodes whose children are of a level, and the rules that they picked, [sample, node]."""
    tree = expand(grammar, derivation)
    symbols = tree.label[:, None] if level == grammar.params.L else tree.features[level]
    return np.asarray(symbols), np.asarray(derivation.rules[level - 1])
