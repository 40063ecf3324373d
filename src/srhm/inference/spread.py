"""The steps of the recursions for each kind of sparsity: how the s children of a node spread over its patch.

Samples are the last axis, so that one operation serves all of them. A patch is an array
[node, place, symbol, sample] of log p(received below the place | its symbol); symbol v is the blank.
"""

from collections.abc import Callable
from functools import lru_cache
from math import log
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ..model.grammar import Grammar
from ..model.params import Level
from . import any_placements, sparsity_a, sparsity_b
from .log_domain import Cumulants, Semiring, log_of
from .picks import Pick


class Spread(NamedTuple):
    """The steps of the recursions inside one patch."""

    ascend: Callable[[Level, Any, Float[Any, "node place symbol sample"], Semiring], tuple[Any, Any]]
    """From the level, the table, the patches and a semiring: the inside messages of the patches, and
    log p(received below | rule), [node, rule, sample], summed over all placements."""
    descend: Callable[[Level, Any, Any, Any, Any], tuple[Any, Any]]
    """From the level, the table, the inside messages, the posterior of every rule [node, rule, sample] and of a
    blank node [node, sample]: the posterior of the symbol at every place, [node, place, symbol, sample], and the
    expected information in the placements, [sample]."""
    predict: Callable[[Level, Any, Any, Any, Any, Any], Any]
    """From the level, the table, the inside messages, the patches, and the log-probability of every rule
    [node, rule, sample] and of a blank node [node, sample] given what was received to the left of a node: the same of
    the symbol at every place, given what was received to the left of the place, up to a constant for each place,
    [node, place, symbol, sample]."""
    moments: Callable[[Level, Any, Any, Cumulants], Cumulants]
    """From the level, the table, the inside messages, and of a number, such as that of changed inputs, the cumulants of
    what lies below each place given its symbol [node, place, symbol, sample]: those of what lies below a node given
    its rule [node, rule, sample]."""
    sample_placements: Callable[[Level, Any, Any, Any, Any, Pick, Any], Any]
    """From the level, the table, the inside messages, nodes and their rules, both [node, derivation], a pick, and
    the sample of each derivation: the places of the children, [node, derivation, s]."""


_SPREADS = {
    module.RuleTable: Spread(
        module.ascend, module.descend, module.predict, module.moments, module.sample_placements
    )
    for module in (sparsity_a, sparsity_b, any_placements)
}


class LevelTable(NamedTuple):
    """The lookup tables of a level."""

    rules: Any
    """That of the steps inside a patch; its type says which they are."""
    log_weights: Float[Any, "parent m"] | None
    """ln of the probability of each rule; None where all have the same."""
    log_classes: Float[Any, " class_"] | None = None
    """At level L: ln of the probability of each class; None where all have the same."""

    @property
    def spread(self) -> Spread:
        """The steps inside a patch."""
        return _SPREADS[type(self.rules)]

    def weighted(self, rules: Float[Any, "node parent m sample"]) -> Float[Any, "node parent m sample"]:
        """Add to log p(received below | rule) the probability of the rule, if it is not 1/m for all."""
        if self.log_weights is None:
            return rules
        xp = rules.__array_namespace__()
        return rules + xp.asarray(self.log_weights, rules.dtype)[None, :, :, None]

    def log_rules(self, parents: Float[Any, "node parent sample"], m: int) -> Float[Any, "node rule sample"]:
        """Return the log-probability of every rule from that of its parent."""
        xp = parents.__array_namespace__()
        rules = self.weighted(xp.repeat(parents[:, :, None] - self.prior(m), m, axis=2))
        return rules.reshape(rules.shape[0], -1, rules.shape[3])

    def prior(self, m: int) -> float:
        """Return what is to be subtracted from sums over m rules that :meth:`weighted` has left as they are."""
        return log(m) if self.log_weights is None else 0.0


@lru_cache(maxsize=64)
def tables_of(grammar: Grammar) -> tuple[LevelTable, ...]:
    """Return the lookup tables of the rules, level by level from the input on."""
    found = []
    for level, rules in zip(grammar.params.levels, grammar.rules, strict=True):
        number, tuples = level.level, rules.reshape(-1, level.s).astype(np.int32)
        if grammar.placement_weights[number - 1] is None:
            table: Any = (sparsity_a if level.sparsity == "A" else sparsity_b).table(level, tuples)
        else:
            table = any_placements.table(level, tuples, grammar.placement_probability(number))
        even = grammar.rule_weights[number - 1] is None
        found.append(LevelTable(table, None if even else log_of(grammar.rule_probability(number))))
    if grammar.class_weights is not None:
        found[-1] = found[-1]._replace(log_classes=log_of(grammar.class_probability))
    return tuple(found)
