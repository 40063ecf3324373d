"""What can be drawn again of a derivation: synonyms or positions of a whole level, or one node and what is below it.

Redrawing a node uses the same random words as redrawing its level with :func:`exchange_synonyms` or
:func:`diffeomorphism`, at the same seed, level and node. So the former, for all nodes of a level one after the other,
is the latter. All functions take NumPy or JAX arrays, and give the same values for both.
"""

from typing import Any

import numpy as np
from jaxtyping import Integer, UInt32

from ..errors import check_instance, check_integer
from ..randomness import below, fold, role_key, threefry2x32
from .derivation import BOUNDS, Derivation, Tree, check_derivation, chosen, expand, produce
from .grammar import Grammar
from .params import Level, Params


def exchange_synonyms(
    params: Params | Grammar, derivation: Derivation, level: int, seed: int = 0, *, cumulative: bool = False
) -> Derivation:
    """Re-draw the rule choices of one level, p_l of the paper (Eq. 6); the label stays the same.

    Every choice of level l is drawn again, the old value included; nothing else changes. Below
    an exchanged feature the choices stay, so the new symbols there follow from the grammar.

    Parameters
    ----------
    params
        The parameters of the model; or the grammar, whose weights the choices are then drawn by. With the params all
        are alike.
    derivation
        A batch of derivations. Row i is re-drawn from (seed, level, i), so the result depends on the rows of the batch.
    level
        Level l of the features that are exchanged, 1 (the input) to L.
    seed
        Seed of the new choices.
    cumulative
        Re-draw all levels 1 to `level`, as the published code does.

    Raises
    ------
    ArgumentError
        If the level is not between 1 and L, the seed is not an integer from 0 to 2^64 - 1, or the derivations are not
        of this model, as for :func:`expand`.
    """
    return redraw(params, derivation, level, seed, "rules", cumulative)


def diffeomorphism(
    params: Params | Grammar, derivation: Derivation, level: int, seed: int = 0, *, cumulative: bool = False
) -> Derivation:
    """Re-draw the placements of one level, the diffeomorphism tau_l of the paper (Eq. 7); no symbol changes.

    Every placement of level l is drawn again, the old value included; a feature that moves
    carries its sub-tree with it. With s0 = 0 there is one placement and nothing changes.

    Parameters
    ----------
    params, derivation, level, seed, cumulative
        As for :func:`exchange_synonyms`.

    Raises
    ------
    ArgumentError
        As for :func:`exchange_synonyms`.
    """
    return redraw(params, derivation, level, seed, "placements", cumulative)


_PARTS = ("rules", "placements", "symbols")
"""What is redrawn. The order is part of the stream and never changes."""


ALL = slice(None)
"""All nodes of a level."""


def redraw(
    params: Params | Grammar,
    derivation: Derivation,
    level: int,
    seed: int,
    part: str,
    cumulative: bool,
    node: int | slice = ALL,
) -> Derivation:
    """Draw the rules or the placements of a level again, of all nodes or of one; if cumulative, those below too."""
    check_instance((Params, Grammar), params=params)
    grammar = params if isinstance(params, Grammar) else None
    params = params.params if isinstance(params, Grammar) else params
    level = check_integer("level", level, minimum=1, maximum=params.L)
    check_derivation(params, derivation)
    nodes = slice(0, params.level(level).nodes)
    if node is not ALL:
        node = check_integer("node", node, minimum=0, maximum=nodes.stop - 1)
        nodes = slice(node, node + 1)
    choices = list(getattr(derivation, part))
    weights = (None,) * params.L if grammar is None else getattr(grammar, f"{part[:-1]}_weights")
    for redrawn in range(level, 0 if cumulative else level - 1, -1):  # the parents of a level before it
        numbers = params.level(redrawn)
        words = words_of(derivation.label, seed, part, redrawn, nodes)
        parent = None
        if part == "rules" and weights[redrawn - 1] is not None and grammar is not None:
            now = expand(grammar, derivation._replace(rules=tuple(choices)))
            parent = now.label[:, None] if redrawn == params.L else now.features[redrawn][:, nodes]
        drawn = chosen(words, getattr(numbers, BOUNDS[part]), weights[redrawn - 1], parent)
        choices[redrawn - 1] = replaced(choices[redrawn - 1], nodes, drawn)
        nodes = children_of(numbers, nodes)
    return derivation._replace(**{part: tuple(choices)})


def words_of(label: Any, seed: int, part: str, level: int, nodes: slice) -> UInt32[Any, "sample node"]:
    """Return the random words of some nodes of a level: functions of the seed, the part, the level, row and node."""
    xp = label.__array_namespace__()
    key = fold(fold(role_key(seed, "transformation"), _PARTS.index(part)), level)
    row = xp.arange(label.shape[0], dtype=np.uint32)[:, None]
    node = xp.arange(nodes.start, nodes.stop, dtype=np.uint32)[None, :]
    return threefry2x32(key, *xp.broadcast_arrays(row, node))[0]


def replaced(array: Any, nodes: slice, values: Any) -> Integer[Any, "sample node"]:
    """Return an array [sample, node] with other values at some nodes, of the type it had."""
    xp = array.__array_namespace__()
    return xp.concatenate(
        [array[:, : nodes.start], values.astype(array.dtype), array[:, nodes.stop :]], axis=1
    )


def children_of(level: Level, nodes: slice) -> slice:
    """Return the features of a level, as numbers in their order, that some nodes produce."""
    return slice(nodes.start * level.s, nodes.stop * level.s)


def resample_rules(
    params: Params | Grammar, derivation: Derivation, *, level: int, node: int, seed: int = 0
) -> Derivation:
    """Re-draw the rule of one node, and the rules of all nodes below it; the symbol of the node stays.

    The result is a sample of the same class. The placements stay, so the new features are where the old ones were.

    Parameters
    ----------
    params
        The parameters of the model; or the grammar, whose weights the choices are then drawn by. With the params all
        are alike.
    derivation
        A batch of derivations. Row i is re-drawn from (seed, level, i, node).
    level
        Level l of the features that the rule produces, 1 (the input) to L, as for :func:`exchange_synonyms`.
    node
        The node, a feature of level l + 1 (at level L the class), in the order of positions, from 0:
        ``derivation.rules[level - 1][:, node]`` is redrawn, the old value included.
    seed
        Seed of the new choices.

    Raises
    ------
    ArgumentError
        If there is no such level or node, the seed is not an integer from 0 to 2^64 - 1, or the derivations are not of
        this model, as for :func:`expand`.

    Examples
    --------
    >>> import srhm
    >>> grammar = srhm.Grammar(srhm.Params(v=4, s0=1, L=3), seed=0)
    >>> sample = srhm.Stream(grammar, 0).take(0, 1)
    >>> again = resample_rules(grammar, sample, level=2, node=1)  # the second of the two features of level 3
    >>> srhm.expand(grammar, sample).features[0], srhm.expand(grammar, again).features[0]
    (array([[2, 3, 2, 2, 0, 2, 2, 2]], dtype=int32), array([[2, 3, 2, 2, 0, 2, 3, 3]], dtype=int32))
    """
    return redraw(params, derivation, level, seed, "rules", True, node)


def resample_placements(
    params: Params | Grammar, derivation: Derivation, *, level: int, node: int, seed: int = 0
) -> Derivation:
    """Re-draw the placement of the children of one node; no symbol changes.

    Its children move within its patch, each with its sub-tree as it is. With s0 = 0 nothing changes.

    Parameters
    ----------
    params, derivation, level, seed
        As for :func:`resample_rules`.
    node
        The node whose ``derivation.placements[level - 1][:, node]`` is redrawn, the old value included.

    Raises
    ------
    ArgumentError
        As for :func:`resample_rules`.
    """
    return redraw(params, derivation, level, seed, "placements", False, node)


def resample_symbols(
    grammar: Grammar, derivation: Derivation, *, level: int, node: int, seed: int = 0
) -> Tree:
    """Re-draw the symbol of one feature, uniformly, and everything below it; its place and all else stay.

    What is above stays as well, so the tuple that the feature is part of is usually one that the grammar lacks, or that
    of another parent. So the result is a tree, with the old label, and not a derivation. Below the feature, rules and
    placements are drawn as in any sample. :func:`srhm.inference.validity` says what of the result the grammar has, and
    :func:`srhm.parse` which class it has, if any.

    Parameters
    ----------
    grammar
        The production rules; what is drawn below the feature follows its weights.
    derivation
        A batch of derivations. Row i is re-drawn from (seed, level, i, node).
    level
        Level l of the feature, 1 (the input) to L.
    node
        Which of the s^(L-l+1) features of the level, in the order of positions, from 0:
        ``expand(grammar, derivation).features[level - 1][:, node]`` becomes one of the v(l) features, the old one
        included.
    seed
        Seed of the new choices.

    Returns
    -------
    Tree
        The features of every level and their positions, as from :func:`expand`; ``encode(params, tree.features[0],
        tree.positions[0])`` are the inputs.

    Raises
    ------
    ArgumentError
        As for :func:`resample_rules`.

    Examples
    --------
    >>> import srhm
    >>> grammar = srhm.Grammar(srhm.Params(v=4, m=2, s0=1, L=2), seed=0)
    >>> samples = srhm.Stream(grammar, 0).take(0, 1000)
    >>> tree = resample_symbols(grammar, samples, level=2, node=0)
    >>> inputs = srhm.encode(grammar.params, tree.features[0], tree.positions[0], "integer")
    >>> srhm.inference.validity(grammar, inputs).mean(axis=0)  # at levels 1 and 2
    array([1.   , 0.704])
    """
    check_instance(Grammar, grammar=grammar)
    params = grammar.params
    numbers = params.level(level)
    tree = expand(grammar, derivation)
    node = check_integer("node", node, minimum=0, maximum=numbers.features - 1)
    nodes = slice(node, node + 1)
    features, positions = list(tree.features), list(tree.positions)
    words = words_of(tree.label, seed, "symbols", numbers.level, nodes)
    symbols = below(words, numbers.v).astype(np.int32).T
    places = positions[numbers.level - 1][:, nodes].T
    features[numbers.level - 1] = replaced(features[numbers.level - 1], nodes, symbols.T)
    for lower in reversed(params.levels[: numbers.level - 1]):
        index = lower.level - 1
        words = [words_of(tree.label, seed, part, lower.level, nodes) for part in ("rules", "placements")]
        rules = chosen(words[0], lower.m, grammar.rule_weights[index], symbols.T)
        placements = chosen(words[1], lower.placements, grammar.placement_weights[index])
        symbols, places = produce(grammar, lower, symbols, places, rules.T, placements.T)
        nodes = children_of(lower, nodes)
        features[index] = replaced(features[index], nodes, symbols.T)
        positions[index] = replaced(positions[index], nodes, places.T)
    return Tree(tree.label, tuple(features), tuple(positions))
