"""One node at a time: its rule and all below it, its symbol, or its placement, drawn again.

What is redrawn has the random words that :func:`~srhm.exchange_synonyms` and :func:`~srhm.diffeomorphism` use for
the same seed, level and node. So the same functions of all nodes of a level, one after the other, are these. All
functions take NumPy or JAX arrays, and give the same values for both.
"""

import numpy as np

from ..errors import check_instance, check_integer
from ..randomness import below
from .derivation import Derivation, Tree, children_of, chosen, expand, produce, redraw, replaced, words_of
from .grammar import Grammar
from .params import Params


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
