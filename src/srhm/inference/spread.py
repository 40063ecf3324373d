"""The steps of the recursions for each kind of sparsity: how the s children of a node spread over its patch.

Samples are the last axis, so that one operation serves all of them. A patch is an array
[node, place, symbol, sample] of log p(received below the place | its symbol); symbol v is the blank.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Integer

from ..model.grammar import Grammar
from ..model.params import Level, Params
from . import sparsity_a, sparsity_b
from .log_domain import Semiring
from .picks import Pick


class Spread(NamedTuple):
    """The steps of the recursions inside one patch."""

    table: Callable[[Level, Integer[np.ndarray, "rule s"]], Any]
    """From the parameters of a level and its tuples, [rule, s]: the lookup table for the other steps."""
    ascend: Callable[[Level, Any, Float[Any, "node place symbol sample"], Semiring], tuple[Any, Any]]
    """From the level, the table, the patches and a semiring: the inside messages of the patches, and
    log p(received below | rule), [node, rule, sample], summed over all placements."""
    descend: Callable[[Level, Any, Any, Any, Any], tuple[Any, Any]]
    """From the level, the table, the inside messages, the posterior of every rule [node, rule, sample] and of a
    blank node [node, sample]: the posterior of the symbol at every place, [node, place, symbol, sample], and the
    expected information in the placements, [sample]."""
    sample_placements: Callable[[Level, Any, Any, Any, Any, Pick, Any], Any]
    """From the level, the table, the inside messages, nodes and their rules, both [node, derivation], a pick, and
    the sample of each derivation: the places of the children, [node, derivation, s]."""


_SPREADS = {
    "A": Spread(sparsity_a.table, sparsity_a.ascend, sparsity_a.descend, sparsity_a.sample_placements),
    "B": Spread(sparsity_b.table, sparsity_b.ascend, sparsity_b.descend, sparsity_b.sample_placements),
}


def spread_of(params: Params) -> Spread:
    """Return the steps for the sparsity of a model."""
    return _SPREADS[params.sparsity]


@lru_cache(maxsize=64)
def tables_of(grammar: Grammar) -> tuple[Any, ...]:
    """Return the lookup tables of the rules, level by level from the input on."""
    make = spread_of(grammar.params).table
    levels = zip(grammar.params.levels, grammar.rules, strict=True)
    return tuple(make(level, rules.reshape(-1, level.s).astype(np.int32)) for level, rules in levels)
