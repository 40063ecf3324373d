"""What the recursions need to know of a kind of sparsity: how the s children of a node spread over its patch.

Arrays have the samples last, one operation doing one thing for all of them. A patch is an array
[node, place, symbol, sample] of log p(what was received below the place | its symbol); symbol v is a blank.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Integer

from ..model.grammar import Grammar
from ..model.params import Params
from . import any_places, own_places
from .log_domain import Semiring
from .picks import Pick


class Spread(NamedTuple):
    """The steps of the recursions inside one patch.

    Attributes
    ----------
    table
        Of the numbers of a model and the tuples of a level, [rule, s]: what the other steps look up.
    ascend
        Of the numbers, the table, the patches and a semiring: what was found inside the patches, and
        log p(what was received below | rule), [node, rule, sample], all placements put together.
    descend
        Of the numbers, the table, what was found inside, the posterior of every rule [node, rule, sample] and
        of a blank node [node, sample]: the posterior of the symbol at every place,
        [node, place, symbol, sample], and the expected information in the placements, [sample].
    settle
        Of the numbers, the table, what was found inside, nodes and their rules, both [node, derivation], a way
        to pick, and the sample of each derivation: the places of the children, [node, derivation, s].
    """

    table: Callable[[Params, Integer[np.ndarray, "rule s"]], Any]
    ascend: Callable[[Params, Any, Float[Any, "node place symbol sample"], Semiring], tuple[Any, Any]]
    descend: Callable[[Params, Any, Any, Any, Any], tuple[Any, Any]]
    settle: Callable[[Params, Any, Any, Any, Any, Pick, Any], Any]


_SPREADS = {
    "A": Spread(own_places.table, own_places.ascend, own_places.descend, own_places.settle),
    "B": Spread(any_places.table, any_places.ascend, any_places.descend, any_places.settle),
}


def spread_of(params: Params) -> Spread:
    """Return the steps for a model's kind of sparsity."""
    return _SPREADS[params.sparsity]


@lru_cache(maxsize=64)
def tables_of(grammar: Grammar) -> tuple[Any, ...]:
    """Return what the recursions look up of the rules, level by level from the input on."""
    params = grammar.params
    make = spread_of(params).table
    return tuple(make(params, rules.reshape(-1, params.s).astype(np.int32)) for rules in grammar.rules)
