"""Uneven placements inside one patch: a sum over all placements of every rule, one by one."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Integer

from ..model.derivation import child_offsets
from ..model.params import Level
from .groups import Groups, group_rows, log_sum_groups, sum_groups
from .log_domain import Cumulants, Semiring, information, log_of, log_plus, log_sum, normalised_exp
from .picks import Pick


class RuleTable(NamedTuple):
    """The rules and the placements of a level."""

    tuples: Integer[Any, "rule s"]
    offsets: Integer[Any, "placement s"]
    weights: Float[Any, " placement"]
    """ln of the probability of each placement."""
    empty: Bool[Any, "placement place"]
    """Which places of the patch stay blank."""
    by_child: tuple[Groups, ...]
    """For each child the pairs of placement and rule, grouped by the place and feature of the child."""


class Inside(NamedTuple):
    """The messages inside a patch."""

    joint: Float[Any, "node placement rule sample"]
    """log p(placement, what was received below | rule)."""
    total: Float[Any, "node rule sample"]
    """The same, summed over placements (or their maximum)."""


def table(level: Level, tuples: Integer[np.ndarray, "rule s"], weights: np.ndarray) -> RuleTable:
    """Return the lookup table of a level's tuples and the weights of its placements."""
    offsets = np.asarray(child_offsets(level, np.arange(level.placements, dtype=np.int32)))
    by_child = []
    for child in range(level.s):
        key = offsets[:, None, child] * level.v + tuples[None, :, child]
        by_child.append(group_rows(key.ravel(), level.patch * level.v))
    empty = np.ones((level.placements, level.patch), bool)
    np.put_along_axis(empty, offsets, False, axis=1)
    return RuleTable(tuples, offsets, log_of(weights), empty, tuple(by_child))


def ascend(
    level: Level, table: RuleTable, patches: Float[Any, "node place symbol sample"], semiring: Semiring
) -> tuple[Inside, Float[Any, "node rule sample"]]:
    """Combine the children of every rule in every placement."""
    xp = patches.__array_namespace__()
    blank = patches[:, :, level.v]
    shape = len(patches), level.placements, len(table.tuples), patches.shape[3]
    joint = xp.zeros(shape, patches.dtype) + xp.asarray(table.weights, patches.dtype)[None, :, None, None]
    for child in range(level.s):
        place, feature = table.offsets[:, None, child], table.tuples[None, :, child]
        number = xp.asarray(place * np.int32(level.v + 1) + feature)
        joint = joint + xp.take(
            patches.reshape(len(patches), -1, patches.shape[3]), number, axis=1, mode="clip"
        )
    # A sum that leaves out places, and no difference: messages may be -inf.
    empty = xp.asarray(table.empty)[None, :, :, None]
    others = xp.where(empty, blank[:, None], xp.zeros_like(blank)[:, None])
    joint = joint + others.sum(axis=2)[:, :, None]
    total = semiring.total(joint, 1)
    return Inside(joint, total), total


def descend(
    level: Level,
    table: RuleTable,
    inside: Inside,
    rules: Float[Any, "node rule sample"],
    blank: Float[Any, "node sample"],
) -> tuple[Float[Any, "node place symbol sample"], Float[Any, " sample"]]:
    """Pass every rule's posterior on to its placements, and these to the symbols at every place."""
    xp = rules.__array_namespace__()
    node, _, sample = rules.shape
    total = inside.total[:, None]
    used = rules[:, None] * normalised_exp(inside.joint, total)
    entropy_gain = information(used, inside.joint, total).sum(axis=(0, 1, 2))
    pairs = used.reshape(node, -1, sample)
    of_children = xp.stack([sum_groups(pairs, groups) for groups in table.by_child])
    features = of_children.sum(axis=0).reshape(node, level.patch, level.v, sample)
    placed = used.sum(axis=2)  # [node, placement, sample]
    empty = xp.asarray(table.empty, rules.dtype)[None, :, :, None]
    absent = (empty * placed[:, :, None]).sum(axis=1) + blank[:, None]
    return xp.concatenate([features, absent[:, :, None]], axis=2), entropy_gain


def predict(
    level: Level,
    table: RuleTable,
    inside: Inside,
    patches: Float[Any, "node place symbol sample"],
    rules: Float[Any, "node rule sample"],
    blank: Float[Any, "node sample"],
) -> Float[Any, "node place symbol sample"]:
    """Go through the places with all pairs of placement and rule."""
    xp, v = patches.__array_namespace__(), level.v
    offsets = np.asarray(child_offsets(level, np.arange(level.placements, dtype=np.int32)))
    joint = rules[:, None] + xp.asarray(table.weights, rules.dtype)[None, :, None, None]
    found = []
    for place in range(level.patch):
        pairs = joint.reshape(len(joint), -1, joint.shape[3])
        features = xp.full_like(patches[:, place, :v], -np.inf)
        child = np.where(offsets == place, np.arange(level.s), -1).max(axis=1)  # of each placement; -1: none
        for groups in table.by_child:
            here = Groups(*(None if rows is None else rows[place * v : (place + 1) * v] for rows in groups))
            features = log_plus(features, log_sum_groups(pairs, here))
        absent = log_plus(log_sum(log_sum(joint[:, child < 0], 1), 1), blank) if (child < 0).any() else blank
        found.append(xp.concatenate([features, absent[:, None]], axis=1))
        message, symbols = patches[:, place], xp.asarray(table.tuples)[:, np.maximum(child, 0)].T
        symbols = xp.where(xp.asarray(child < 0)[:, None], np.int32(v), symbols)  # [placement, rule]
        joint = joint + xp.take(message, symbols, axis=1, mode="clip")
        blank = blank + message[:, v]
    return xp.stack(found, axis=1)


def moments(level: Level, table: RuleTable, inside: Inside, below: Cumulants) -> Cumulants:
    """Add up the places of every rule in every placement, and mix the placements."""
    xp = below.mean.__array_namespace__()
    empty = xp.asarray(table.empty)[None, :, :, None]

    def whole(array: Any) -> Any:
        blank = array[:, None, :, level.v]
        total = xp.where(empty, blank, xp.zeros_like(blank)).sum(axis=2)[:, :, None]
        flat = array.reshape(len(array), -1, array.shape[3])
        for child in range(level.s):
            place, feature = table.offsets[:, None, child], table.tuples[None, :, child]
            number = xp.asarray(place * np.int32(level.v + 1) + feature)
            total = total + xp.take(flat, number, axis=1, mode="clip")
        return total

    return below.map(whole).mixed(normalised_exp(inside.joint, inside.total[:, None]), 1)


def sample_placements(
    level: Level,
    table: RuleTable,
    inside: Inside,
    node: Integer[Any, "node derivation"],
    rule: Integer[Any, "node derivation"],
    pick: Pick,
    sample: Integer[Any, "1 derivation"],
) -> Integer[Any, "node derivation s"]:
    """Pick a placement for each rule."""
    xp = node.__array_namespace__()
    weights = inside.joint[node, :, rule, sample]  # [node, derivation, placement]
    return xp.take(xp.asarray(table.offsets), pick(xp.moveaxis(weights, -1, 0), 1), axis=0)
