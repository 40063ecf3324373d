"""The exact probabilities of the symbols of a tree given its class, by propagating them through the rules."""

import numpy as np
from jaxtyping import Float

from ..errors import check_instance, check_integer
from ..memory import check_memory
from .grammar import Grammar


def transitions(grammar: Grammar, level: int) -> Float[np.ndarray, "child parent feature"]:
    """Return T_l: the probability that the i-th child of each parent is each level-l feature.

    Of m equally probable rules it is the fraction of the parent's tuples with that feature in place i.

    Returns
    -------
    array [child, parent, feature]
        Of shape [s, n_c or v, v].

    Raises
    ------
    ArgumentError
        If the level is not between 1 and L.
    """
    check_instance(Grammar, grammar=grammar)
    numbers = grammar.params.level(level)
    s, v, parents = numbers.s, numbers.v, numbers.parents
    row = np.arange(s) * parents + np.arange(parents)[:, None, None]  # [parent, 1, child]
    entry = row * v + grammar.rules[level - 1]
    if grammar.rule_weights[level - 1] is None:
        return np.bincount(entry.ravel(), minlength=s * parents * v).reshape(s, parents, v) / numbers.m
    weights = np.broadcast_to(grammar.rule_probability(level)[:, :, None], entry.shape).ravel()
    return np.bincount(entry.ravel(), weights, s * parents * v).reshape(s, parents, v)


def symbol_probability(grammar: Grammar, level: int) -> Float[np.ndarray, "slot class_ symbol"]:
    """Return p(symbol | class) at each slot of a level, in the order of :class:`srhm.model.derivation.Tree`.

    It is the product T_L ... T_l along the path to the slot; level L + 1 is the class itself.

    Raises
    ------
    ArgumentError
        If the level is not between 1 and L + 1, or the array does not fit into memory.
    """
    check_instance(Grammar, grammar=grammar)
    params = grammar.params
    level = check_integer("level", level, minimum=1, maximum=params.L + 1)
    symbols = params.n_c if level > params.L else params.level(level).v * params.level(level).features
    needed = 8 * params.n_c * max(params.n_c, symbols)
    fix = "Use the grammar of a smaller model"
    check_memory("grammar", grammar, needed, "an array of all classes and symbols", fix)
    given = np.eye(params.n_c)[None]
    for above in range(params.L, level - 1, -1):
        given = np.einsum("jab,ibc->jiac", given, transitions(grammar, above))
        given = given.reshape(-1, *given.shape[2:])
    return given
