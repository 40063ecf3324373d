"""Single derivations from the class down, each choice picked by the inside messages."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Integer

from ..model.derivation import Derivation, placement_of
from ..model.params import Params
from .picks import Pick
from .spread import LevelTable
from .upward import Upward


def backtrack(
    params: Params,
    tables: tuple[LevelTable, ...],
    upward: Upward,
    picks: Callable[[int], Pick],
    sample: Integer[Any, " derivation"],
) -> Derivation:
    """Pick the class, then the rule and the placement of every node, with the derivations as the last axis.

    The inside messages have sums to draw from the posterior, maxima to find its maximum. There is a pick for each
    level, and at L + 1 for the class.
    """
    xp = upward.classes.__array_namespace__()
    symbols = picks(params.L + 1)(upward.classes[:, sample][:, None], 0)
    label, sample = symbols[0], sample[None, :]
    places = xp.zeros_like(symbols)
    rules, placements = [], []
    for level in range(params.L, 0, -1):
        messages, table, pick = upward.levels[level - 1], tables[level - 1], picks(level)
        numbers = params.level(level)
        weights = messages.rules[places, symbols, :, sample]  # [node, derivation, m]
        choice = pick(xp.moveaxis(weights, -1, 0), 0)
        rule = symbols * np.int32(numbers.m) + choice
        offsets = table.spread.sample_placements(
            numbers, table.rules, messages.inside, places, rule, pick, sample
        )
        rules.insert(0, choice)
        placements.insert(0, placement_of(numbers, offsets))
        features = xp.take(table.rules.tuples, rule, axis=0, mode="clip")
        places = _in_order(xp, places[:, :, None] * np.int32(numbers.patch) + offsets)
        symbols = _in_order(xp, features)
    return Derivation(label, tuple(rules), tuple(placements))


def _in_order(xp: Any, children: Any) -> Any:
    """The children of all nodes, [node, derivation, s], in the order of their positions."""
    return xp.moveaxis(children, 2, 1).reshape(-1, children.shape[1])
