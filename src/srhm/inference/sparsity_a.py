"""Sparsity A inside one patch: each child has s0 + 1 places of its own, so the children are summed one by one."""

from math import log
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Integer

from ..model.params import Level
from .groups import Groups, group_rows, log_sum_groups, sum_groups
from .log_domain import Cumulants, Semiring, information, log_plus, log_sum, normalised_exp, others
from .picks import Pick


class RuleTable(NamedTuple):
    """The rules of a level: the tuple of each, and for each child the rules grouped by its feature."""

    tuples: Integer[Any, "rule s"]
    by_child: tuple[Groups, ...]


class Inside(NamedTuple):
    """The inside messages of a patch, for each child and its feature."""

    placed: Float[Any, "node child place feature sample"]
    """        log p(child at this place, received below its sub-patch | feature of the child)."""
    combined: Float[Any, "node child feature sample"]
    """The same, summed over its places (or their maximum)."""


def table(level: Level, tuples: Integer[np.ndarray, "rule s"]) -> RuleTable:
    """Return the lookup table of a level's tuples."""
    return RuleTable(tuples, tuple(group_rows(tuples[:, child], level.v) for child in range(level.s)))


def ascend(
    level: Level, table: RuleTable, patches: Float[Any, "node place symbol sample"], semiring: Semiring
) -> tuple[Inside, Float[Any, "node rule sample"]]:
    """Combine the places of each child, then the children of each rule."""
    xp = patches.__array_namespace__()
    node, _, symbol, sample = patches.shape
    patches = patches.reshape(node, level.s, level.s0 + 1, symbol, sample)
    blank = others(patches[:, :, :, level.v], axis=2) - log(level.s0 + 1)
    placed = patches[:, :, :, : level.v] + blank[:, :, :, None]
    combined = semiring.total(placed, 2)
    scores = xp.take(combined[:, 0], table.tuples[:, 0], axis=1, mode="clip")
    for child in range(1, level.s):
        scores = scores + xp.take(combined[:, child], table.tuples[:, child], axis=1, mode="clip")
    return Inside(placed, combined), scores


def descend(
    level: Level,
    table: RuleTable,
    inside: Inside,
    rules: Float[Any, "node rule sample"],
    blank: Float[Any, "node sample"],
) -> tuple[Float[Any, "node place symbol sample"], Float[Any, " sample"]]:
    """Pass the posterior of each rule on to the features of its children, and theirs to the places."""
    xp = rules.__array_namespace__()
    features = xp.stack([sum_groups(rules, one) for one in table.by_child], axis=1)
    combined = inside.combined[:, :, None]
    placed = features[:, :, None] * normalised_exp(inside.placed, combined)
    entropy_gain = information(placed, inside.placed, combined).sum(axis=(0, 1, 2, 3))
    absent = others(placed.sum(axis=3), axis=2) + blank[:, None, None]
    symbols = xp.concatenate([placed, absent[:, :, :, None]], axis=3)
    return symbols.reshape(rules.shape[0], level.patch, level.v + 1, rules.shape[2]), entropy_gain


def predict(
    level: Level,
    table: RuleTable,
    inside: Inside,
    patches: Float[Any, "node place symbol sample"],
    rules: Float[Any, "node rule sample"],
    blank: Float[Any, "node sample"],
) -> Float[Any, "node place symbol sample"]:
    """Go from child to child, and through the places of each: what was passed weighs the rules."""
    xp, v, width = patches.__array_namespace__(), level.v, level.s0 + 1
    places, found = iter(range(level.patch)), []
    for child in range(level.s):
        features = log_sum_groups(rules, table.by_child[child]) - log(width)  # and a place of the child
        any_feature = log_sum(features, 1)
        passed = xp.zeros_like(blank)  # log p(received | blanks) of the places of the child so far
        before = xp.full_like(features, -np.inf)  # the same | the child was at one of them
        for left in range(width - 1, -1, -1):
            place = patches[:, next(places)]
            absent = log_plus(log_sum(features + before, 1), blank)
            if left:
                absent = log_plus(absent, any_feature + passed + log(left))
            found.append(xp.concatenate([features + passed[:, None], absent[:, None]], axis=1))
            before = log_plus(before + place[:, None, v], place[:, :v] + passed[:, None])
            passed, blank = passed + place[:, v], blank + place[:, v]
        rules = rules + xp.take(inside.combined[:, child], table.tuples[:, child], axis=1, mode="clip")
    return xp.stack(found, axis=1)


def moments(level: Level, table: RuleTable, inside: Inside, below: Cumulants) -> Cumulants:
    """Mix the places of each child, then add up the children of each rule."""
    node, _, symbol, sample = below.mean.shape
    xp = below.mean.__array_namespace__()
    below = below.map(lambda array: array.reshape(node, level.s, level.s0 + 1, symbol, sample))
    blank = below.map(lambda array: others(array[:, :, :, level.v], axis=2)[:, :, :, None])
    placed = below.map(lambda array: array[:, :, :, : level.v]).plus(blank)
    children = placed.mixed(normalised_exp(inside.placed, inside.combined[:, :, None]), 2)

    def of(child: int) -> Cumulants:
        return children.map(
            lambda array: xp.take(array[:, child], table.tuples[:, child], axis=1, mode="clip")
        )

    found = of(0)
    for child in range(1, level.s):
        found = found.plus(of(child))
    return found


def sample_placements(
    level: Level,
    table: RuleTable,
    inside: Inside,
    node: Integer[Any, "node derivation"],
    rule: Integer[Any, "node derivation"],
    pick: Pick,
    sample: Integer[Any, "1 derivation"],
) -> Integer[Any, "node derivation s"]:
    """Pick a place in its sub-patch for each child of a rule."""
    xp = node.__array_namespace__()
    offsets = []
    for child in range(level.s):
        feature = xp.take(table.tuples[:, child], rule, mode="clip")
        weights = inside.placed[node, child, :, feature, sample]  # [node, derivation, place]
        place = pick(xp.moveaxis(weights, -1, 0), child + 1)
        offsets.append(place + np.int32(child * (level.s0 + 1)))
    return xp.stack(offsets, axis=-1)
