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
from .params import Level, Params
from .text import choice_of

_LARGE = 1e140
"""Where numbers of samples are cut: their products are still finite."""


@dataclass(frozen=True)
class _Share:
    """A share of what there is at a level."""

    level: int
    fraction: float = 0.2
    seed: int | None = None
    lowest: ClassVar[int] = 1
    """The lowest level there is."""

    def __post_init__(self) -> None:
        level = check_integer("level", self.level, minimum=self.lowest)
        fraction = check_number("fraction", self.fraction, above=0, below=1)
        seed = None if self.seed is None else check_integer("seed", self.seed, minimum=0, maximum=2**64 - 1)
        for name, number in (("level", level), ("fraction", fraction), ("seed", seed)):
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
        Default: 0.2.
    seed
        Which ones: any integer from 0 to 2^64 - 1. Default: the seed of the grammar, or 0 if it has none.

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
        held = _held(self, numbers.m, _RULE)
        order = _orders(_key(self, grammar, 0), numbers.parents, numbers.m)
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
        and not all. Default: 0.2.
    seed
        Which ones: any integer from 0 to 2^64 - 1. Default: the seed of the grammar, or 0 if it has none.

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
        held = _held(self, below.m, _CHILD_RULE)
        rules = grammar.rules[self.level - 1]
        check_memory("hold_out", self, 32 * rules.size * below.m, "pairs of rules", "Use a smaller m or v")
        key = _key(self, grammar, 1)
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
        Default: 0.2.
    seed
        Which ones: any integer from 0 to 2^64 - 1. Default: the seed of the grammar, or 0 if it has none.

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
        held = _held(self, placements, _PLACEMENT)
        mask = np.zeros(placements, bool)
        mask[_orders(_key(self, grammar, 2), 1, placements)[0, :held]] = True
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

KINDS: dict[str, type[HoldOut]] = {"tuples": Tuples, "pairs": RulePairs, "placements": Placements}
"""The same by the names in texts, which setups and commands write."""


def hold_out_of(content: HoldOut | str) -> HoldOut | None:
    """Return what is held out, given itself or a text; None for an empty text.

    Raises
    ------
    ArgumentError
        If it is not such a text, or a number lies outside its range.

    Examples
    --------
    >>> hold_out_of("placements(1)"), hold_out_of("pairs(2, 0.5, seed=3)")
    (Placements(level=1, fraction=0.2, seed=None), RulePairs(level=2, fraction=0.5, seed=3))
    """
    if isinstance(content, HoldOut):
        return content
    check_instance(str, hold_out=content)
    return choice_of("hold_out", content, KINDS, "placements(1, 0.2)") if content.strip() else None


def hold_out_text(hold_out: HoldOut | None) -> str:
    """Return what is held out as text, as :func:`hold_out_of` takes it; empty for None.

    Examples
    --------
    >>> hold_out_text(Placements(1)), hold_out_text(RulePairs(2, 0.5, seed=3))
    ('placements(1)', 'pairs(2, 0.5, seed=3)')
    """
    if hold_out is None:
        return ""
    name = next(name for name, kind in KINDS.items() if isinstance(hold_out, kind))
    parts = [f"{hold_out.level}"]
    parts += [repr(hold_out.fraction)] if hold_out.fraction != type(hold_out).fraction else []
    parts += [f"seed={hold_out.seed}"] if hold_out.seed is not None else []
    return f"{name}({', '.join(parts)})"


def class_counts(params: Params, hold_out: HoldOut) -> tuple[int, int]:
    """Return how many samples each class has without what is held out, and with it: exactly, if no weights are 0.

    All classes have equally many, whatever the rules are.

    Raises
    ------
    ArgumentError
        If the model has no such level, or too little there to hold something out.
    """
    params.level(hold_out.level)  # checks it
    free = 1  # trees below a symbol
    for level, numbers in enumerate(params.levels, 1):
        rules, placements = numbers.m, numbers.placements
        if level == hold_out.level:
            if isinstance(hold_out, Tuples):
                rules -= _held(hold_out, rules, _RULE)
            elif isinstance(hold_out, Placements):
                placements -= _held(hold_out, placements, _PLACEMENT)
            else:
                below = params.level(level - 1).m
                free = free // below * (below - _held(hold_out, below, _CHILD_RULE))
        free = rules * placements * free**numbers.s
    return free, params.data_per_class - free


_RULE, _CHILD_RULE, _PLACEMENT = "rule of each parent", "rule of each child", "placement"


def class_sums(
    grammar: Grammar, power: int, hold_out: HoldOut | None = None
) -> tuple[Float[np.ndarray, " class_"], Float[np.ndarray, " class_"]]:
    """Return the sum of p^power over the samples of each class, without what is held out, and with it.

    p is the probability of a sample of its class. A power of 0 counts the samples of positive probability, exactly
    up to 2^53; one of 2 gives the probability that two samples of a class are equal.
    """
    check_instance(Grammar, grammar=grammar)
    mask = None if hold_out is None else hold_out.mask(grammar)
    free: Any = None  # of each symbol and rule of it, the sum over the trees below
    held: Any = None
    for level, rules in enumerate(grammar.rules, 1):
        here = mask if hold_out is not None and level == hold_out.level else None
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
        fix = "Use a level with more" if name != _PLACEMENT else "Use a level with blanks, s0 > 0"
        raise ArgumentError("hold_out", hold_out, problem, fix)
    return min(max(1, round(hold_out.fraction * count)), count - 1)


def _key(hold_out: HoldOut, grammar: Grammar, kind: int) -> Key:
    seed = grammar.seed or 0 if hold_out.seed is None else hold_out.seed
    return fold(fold(role_key(seed, "hold_out"), kind), hold_out.level)


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
