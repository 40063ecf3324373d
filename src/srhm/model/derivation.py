"""Derivations: how a class produces an input.

A derivation is the label and, for each level l, the rule choices and the placements that put level-l features
under their level-(l+1) parents (at level L, under the class). It determines the whole sample: the features of every
level, their positions and the input follow from it and the grammar.

All functions take NumPy or JAX arrays, and give the same values for both.
"""

from functools import lru_cache
from math import comb
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Integer, Shaped

from ..errors import ArgumentError, check_array, check_instance, check_integer, in_short, known
from ..randomness import below
from .grammar import Grammar
from .params import Level, Params
from .weights import choose

BOUNDS = {"rules": "m", "placements": "placements"}
"""How many values each part of a derivation has, by the name of the number at its level."""


class Derivation(NamedTuple):
    """The choices behind a batch of samples."""

    label: Any
    """Classes [sample]."""
    rules: tuple[Any, ...]
    """``rules[l - 1]``: which of its `m` rules each node used to produce level-l features, [sample, node] with s^(L-l)
    nodes, in the order of their positions."""
    placements: tuple[Any, ...]
    """``placements[l - 1]``: which of the `params.placements` placements it gave them, [sample, node]."""


class Tree(NamedTuple):
    """The features that a batch of derivations produces, and their positions."""

    label: Any
    """Classes [sample]."""
    features: tuple[Any, ...]
    """``features[l - 1]``: the informative features of level l, [sample, feature] with s^(L-l+1) of them."""
    positions: tuple[Any, ...]
    """``positions[l - 1]``: their positions among the p^(L-l+1) of level l, [sample, feature], increasing."""


def expand(grammar: Grammar, derivation: Derivation) -> Tree:
    """Produce the features of every level from their derivations, from the class down to the input.

    Parameters
    ----------
    grammar
        The production rules.
    derivation
        A batch of derivations, of NumPy or JAX arrays.

    Raises
    ------
    ArgumentError
        If the derivations are not of this model: the number of levels or nodes, or a choice, does not fit (choices
        are not checked inside a compiled function).
    """
    check_instance(Grammar, grammar=grammar)
    params = grammar.params
    check_derivation(params, derivation)
    xp = derivation.label.__array_namespace__()
    # Samples are the last, contiguous axis here: one operation computes a node of all samples.
    symbols = derivation.label[None, :].astype(np.int32)
    places = xp.zeros_like(symbols)
    features, positions = [], []
    for level in reversed(params.levels):
        choices = derivation.rules[level.level - 1].T, derivation.placements[level.level - 1].T
        symbols, places = produce(grammar, level, symbols, places, *choices)
        features.append(symbols.T)
        positions.append(places.T)
    return Tree(derivation.label, tuple(features[::-1]), tuple(positions[::-1]))


def produce(
    grammar: Grammar, level: Level, symbols: Any, places: Any, rules: Any, placements: Any
) -> tuple[Integer[Any, "feature sample"], Integer[Any, "feature sample"]]:
    """Return the features of a level and their positions from those of their parents and the choices of these.

    All are [node, sample], in 32 bits or, for the choices, any integers.
    """
    check_instance(Grammar, grammar=grammar)
    xp = symbols.__array_namespace__()
    rule = symbols * np.int32(level.m) + rules.astype(np.int32)
    tables = np.ascontiguousarray(grammar.rules[level.level - 1].reshape(-1, level.s).T)
    children = [xp.take(xp.asarray(table), rule, mode="clip") for table in tables]
    offsets = _offsets(level, placements)
    starts = places * np.int32(level.patch)
    shape = (symbols.shape[0] * level.s, symbols.shape[1])
    positions = xp.stack([starts + offset for offset in offsets], axis=1).reshape(shape)
    return xp.stack(children, axis=1).reshape(shape), positions


def check_derivation(params: Params, derivation: Derivation) -> None:
    """Raise an error if derivations cannot be of this model."""
    fix = "Give the derivation together with the params, or the grammar, that it was drawn from"
    check_instance(Params, params=params)
    check_instance(Derivation, derivation=derivation)
    check_array("derivation.label", derivation.label, (None,), maximum=params.n_c - 1, fix=fix)
    for part, of_level_name in BOUNDS.items():
        choices = getattr(derivation, part)
        if len(choices) != params.L:
            problem = f"levels do not fit L = {params.L}"
            raise ArgumentError(f"derivation.{part}", len(choices), problem, fix)
        for level, of_level in enumerate(choices, start=1):
            numbers = params.level(level)
            shape, bound = (len(derivation.label), numbers.nodes), getattr(numbers, of_level_name)
            check_array(f"derivation.{part}[{level - 1}]", of_level, shape, maximum=bound - 1, fix=fix)


def child_offsets(params: Params | Level, placement: Integer[Any, "*shape"]) -> Integer[Any, "*shape s"]:
    """Return the places in its patch that a node's s children take, for each placement number.

    Sparsity A: the digits of the number in base s0+1, one for each sub-patch. Sparsity B: the number-th
    choice of s places out of p in lexicographic order (the combinatorial number system). Where levels differ, give
    ``params.level(l)`` in place of the params.

    Raises
    ------
    ArgumentError
        If a placement is not from 0 to ``params.placements - 1`` (not checked inside a compiled function).
    """
    check_instance((Params, Level), params=params)
    fix = "Give placements of this model"
    check_array("placement", placement, (None,) * np.ndim(placement), maximum=params.placements - 1, fix=fix)
    return placement.__array_namespace__().stack(_offsets(params, placement), axis=-1)


def _offsets(params: Params | Level, placement: Any) -> list[Any]:
    """The place of each child in its patch, one array for each of the s children."""
    xp = placement.__array_namespace__()
    rest = placement.astype(np.int32)
    offsets = []
    if params.sparsity == "A":
        places = params.s0 + 1
        for child in range(params.s):
            unit = np.int32(places ** (params.s - 1 - child))
            place = rest // unit
            offsets.append(np.int32(child * places) + place)
            rest = rest - place * unit
    else:
        rest = np.int32(params.placements - 1) - rest
        for child in range(params.s):
            counts = xp.asarray(_binomials(params.patch, params.s - child))
            place = xp.searchsorted(counts, rest, side="right").astype(np.int32) - np.int32(1)
            rest = rest - xp.take(counts, place, axis=0)
            offsets.append(np.int32(params.patch - 1) - place)
    return offsets


def placement_of(params: Params | Level, offsets: Integer[Any, "*shape s"]) -> Integer[Any, "*shape"]:
    """Return the placement number of children at given places: the inverse of :func:`child_offsets`.

    Raises
    ------
    ArgumentError
        If there are not s places, from 0 to p - 1, for each node; or (not checked inside a compiled function) they
        are not a placement: a child lies outside its sub-patch or, for sparsity B, not to the right of the previous
        child.
    """
    check_instance((Params, Level), params=params)
    _check_offsets(params, offsets)
    xp = offsets.__array_namespace__()
    offsets = offsets.astype(np.int32)
    number = xp.zeros_like(offsets[..., 0])
    for child in range(params.s):
        if params.sparsity == "A":
            place = offsets[..., child] - np.int32(child * (params.s0 + 1))
            number = number * np.int32(params.s0 + 1) + place
        else:
            counts = xp.asarray(_binomials(params.patch, params.s - child))
            number = number + xp.take(counts, np.int32(params.patch - 1) - offsets[..., child], axis=0)
    return number if params.sparsity == "A" else np.int32(params.placements - 1) - number


def _check_offsets(params: Params | Level, offsets: Any) -> None:
    """Raise an error if children cannot be at these places of their patch."""
    fix = "Give places of this model, as child_offsets returns them"
    shape = (*[None] * (np.ndim(offsets) - 1), params.s)
    check_array("offsets", offsets, shape, maximum=params.patch - 1, fix=fix)
    values = known(offsets)
    if values is None:
        return
    if params.sparsity == "A":
        wrong = values // (params.s0 + 1) != np.arange(params.s)
        problem = "has a child outside its own sub-patch"
    else:
        wrong = values[..., 1:] <= values[..., :-1]
        problem = "has children that are not in order, each at a place of its own"
    if wrong.any():
        row = values.reshape(-1, params.s)[int(np.argmax(wrong.any(axis=-1)))]
        raise ArgumentError("offsets", row.tolist(), problem, fix)


@lru_cache(maxsize=256)
def _binomials(places: int, chosen: int) -> np.ndarray:
    """C(t, chosen) for t = 0 .. places - 1, cut where it exceeds every placement number."""
    return np.array([min(comb(t, chosen), 2**31 - 1) for t in range(places)], np.int32)


def choose_by_weights(grammar: Grammar, words: Derivation) -> Derivation:
    """Return the derivations that random words make, from the class down, by the weights of a grammar."""
    check_instance(Grammar, grammar=grammar)
    check_instance(Derivation, words=words)
    params, symbols = grammar.params, words.label
    rules, placements = [], []
    for level in reversed(params.levels):
        index = level.level - 1
        rules.insert(0, chosen(words.rules[index], level.m, grammar.rule_weights[index], symbols))
        placements.insert(
            0, chosen(words.placements[index], level.placements, grammar.placement_weights[index])
        )
        symbols = _children(grammar, level, symbols, rules[0])
    return Derivation(words.label, tuple(rules), tuple(placements))


def chosen(words: Any, count: int, weights: Any, parent: Any = None) -> Integer[Any, "sample node"]:
    """Turn words [sample, node] into choices; `parent`, [sample] or [sample, node], matters to the weights of rules."""
    if weights is None:
        return below(words, count).astype(np.int32)
    if parent is None:
        return choose(words, weights)
    return choose(words, weights, parent.reshape(words.shape).astype(np.int32))


def _children(grammar: Grammar, level: Level, symbols: Any, rules: Any) -> Any:
    """The features below parents, [sample, node * s], in the order of their positions."""
    xp = rules.__array_namespace__()
    rule = symbols.reshape(rules.shape).astype(np.int32) * np.int32(level.m) + rules
    tuples = xp.asarray(grammar.rules[level.level - 1].reshape(-1, level.s))
    return xp.take(tuples, rule, axis=0, mode="clip").reshape(len(rules), -1)


def radices(params: Params) -> tuple[int, ...]:
    """Return how many values each choice below the class has, the most significant digit of a rank first.

    From level L down to 1, node by node: the rule, then the placement. Their product is P_max / n_c.
    """
    check_instance(Params, params=params)
    return sum(((level.m, level.placements) * level.nodes for level in reversed(params.levels)), ())


def from_digits(params: Params, label: Shaped[Any, " sample"], digits: list[Any]) -> Derivation:
    """Assemble derivations from the label and the digits of the rank within it, each an array [sample]."""
    check_instance(Params, params=params)
    xp = label.__array_namespace__()
    return from_choices(params, label, xp.stack(digits[::2]), xp.stack(digits[1::2]))


def from_choices(
    params: Params,
    label: Shaped[Any, " sample"],
    rules: Integer[Any, "node sample"],
    placements: Integer[Any, "node sample"],
) -> Derivation:
    """Assemble derivations from the label and the choices of all nodes, from the class down, left to right."""
    check_instance(Params, params=params)
    parts: list[list[Any]] = [[], []]
    start = 0
    for level in range(params.L, 0, -1):
        stop = start + params.level(level).nodes
        for part, choices in zip(parts, (rules, placements), strict=True):
            part.insert(0, choices[start:stop].T)
        start = stop
    return Derivation(label, tuple(parts[0]), tuple(parts[1]))


def rank(params: Params, derivation: Derivation) -> np.ndarray:
    """Number derivations from 0 to P_max - 1, exactly.

    Returns
    -------
    array [sample]
        64-bit integers where P_max is below 2^63, Python integers (dtype object) above.

    Raises
    ------
    ArgumentError
        If the derivations are not of this model, as for :func:`expand`.
    """
    check_instance(Params, params=params)
    check_derivation(params, derivation)
    dtype = _rank_type(params)
    number = np.asarray(derivation.label).astype(dtype)
    for level in range(params.L, 0, -1):
        numbers = params.level(level)
        rules = np.asarray(derivation.rules[level - 1]).astype(dtype)
        placements = np.asarray(derivation.placements[level - 1]).astype(dtype)
        for node in range(numbers.nodes):
            number = (number * numbers.m + rules[:, node]) * numbers.placements + placements[:, node]
    return number


def unrank(params: Params, ranks: Any) -> Derivation:
    """Return the derivations with these ranks: the inverse of :func:`rank`.

    Raises
    ------
    ArgumentError
        If a rank is not an integer from 0 to P_max - 1.
    """
    check_instance(Params, params=params)
    numbers = np.atleast_1d(np.asarray(ranks, dtype=object))
    for number in numbers:
        check_integer("ranks", number, minimum=0, maximum=params.P_max - 1)
    rest = numbers.astype(_rank_type(params))
    digits = []
    for radix in reversed(radices(params)):
        digits.append((rest % radix).astype(np.int32))
        rest = rest // radix
    return from_digits(params, rest.astype(np.int32), digits[::-1])


def enumerate_all(params: Params, limit: int = 10**7) -> Derivation:
    """Return every derivation of a small model, in the order of ranks.

    Raises
    ------
    ArgumentError
        If the model has more than `limit` data.
    """
    check_instance(Params, params=params)
    if params.P_max > limit:
        raise ArgumentError(
            "limit", limit, f"is below P_max = {in_short(params.P_max)}", "Enumerate a smaller model"
        )
    return unrank(params, np.arange(params.P_max))


def _rank_type(params: Params) -> type:
    return np.int64 if params.P_max < 2**63 else object
