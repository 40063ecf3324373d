"""Sparsity B inside one patch: the children take any places, in order, so a walk over the places sums them.

The walk has a step for each place and is at (k, j) after k children and j blanks: the last of them, a child or a
blank, is at place k + j - 1, counted from 0. Rules that begin with the same features share that part of the walk.
"""

from math import comb, log
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Integer

from ..model.params import Level
from ..randomness import scan
from .groups import Groups, group_rows, log_sum_groups, sum_groups
from .log_domain import Cumulants, Semiring, information, log_plus, log_sum, normalised_exp
from .picks import Pick


class Beginning(NamedTuple):
    """The first k features of the rules, each kind once."""

    feature: Integer[Any, " beginning"]
    """The last of the features."""
    shorter: Integer[Any, " beginning"]
    """The first k - 1, by number."""
    by_feature: Groups
    """Those that agree in the last feature."""
    by_shorter: Groups
    """Those that agree in the first k - 1."""


class RuleTable(NamedTuple):
    """The tuple of each rule, and the beginnings of length 1 to s; the last are the rules themselves."""

    tuples: Integer[Any, "rule s"]
    beginnings: tuple[Beginning, ...]


class Inside(NamedTuple):
    """The walks over the patches."""

    blank: Float[Any, "place node sample"]
    """log p(what was received below a place | it is blank), [place, node, sample]."""
    by_child: tuple[Float[Any, "j node beginning sample"], ...]
    """For k = 1 .. s, [j, node, beginning, sample]: log p(what was received below the places passed | beginning), of
    the walks to (k, j) that end with the child."""
    reached: tuple[Float[Any, "j node beginning sample"], ...]
    """For k = 0 .. s: the same, of all walks to (k, j)."""


def table(level: Level, tuples: Integer[np.ndarray, "rule s"]) -> RuleTable:
    """Return the lookup table of a level's tuples.

    While there are fewer beginnings (v^k) than rules, all are listed, then one for each rule: so the sizes do not
    depend on the grammar.
    """
    rules, beginnings = len(tuples), []
    number = np.zeros(rules, np.int32)  # which beginning each rule has
    for k in range(1, level.s + 1):
        many = level.v**k
        count_shorter = level.v ** (k - 1) if level.v ** (k - 1) < rules else rules
        if k < level.s and many < rules:
            feature = np.arange(many, dtype=np.int32) % np.int32(level.v)
            shorter = np.arange(many, dtype=np.int32) // np.int32(level.v)
            number = number * np.int32(level.v) + tuples[:, k - 1]
        else:
            feature, shorter = tuples[:, k - 1], number
            number = np.arange(rules, dtype=np.int32)
        by_feature, by_shorter = group_rows(feature, level.v), group_rows(shorter, count_shorter)
        beginnings.append(Beginning(feature, shorter, by_feature, by_shorter))
    return RuleTable(tuples, tuple(beginnings))


def ascend(
    level: Level, table: RuleTable, patches: Float[Any, "node place symbol sample"], semiring: Semiring
) -> tuple[Inside, Float[Any, "node rule sample"]]:
    """Walk all beginnings over the places."""
    xp = patches.__array_namespace__()
    places = xp.moveaxis(patches, 1, 0)
    blank = places[:, :, level.v]
    blanks = level.patch - level.s

    def step(before: Any, blank: Any, child: Any) -> tuple[Any, tuple[Any]]:
        here = semiring.plus(before + blank[:, None], child)
        return here, (here,)

    start = [xp.zeros_like(blank[0])]
    for j in range(blanks):
        start.append(start[-1] + blank[j])
    by_child, reached = [], [xp.stack(start)[:, :, None]]
    for k, beginning in enumerate(table.beginnings, 1):
        shorter = xp.take(reached[-1], beginning.shorter, axis=2, mode="clip")
        child = xp.take(places[k - 1 : k + blanks], beginning.feature, axis=2, mode="clip")
        by_child.append(shorter + child)
        reached.append(_walk(xp, step, by_child[-1][0], blank[k : k + blanks], by_child[-1][1:]))
    return Inside(blank, tuple(by_child), tuple(reached)), reached[-1][-1] - log(level.placements)


def descend(
    level: Level,
    table: RuleTable,
    inside: Inside,
    rules: Float[Any, "node rule sample"],
    blank: Float[Any, "node sample"],
) -> tuple[Float[Any, "node place symbol sample"], Float[Any, " sample"]]:
    """Walk back from the whole rules; each step is split in proportion to the two ways to reach it."""
    xp, blanks = rules.__array_namespace__(), level.patch - level.s

    def step(after: Any, arriving: Any, by_blank: Any) -> tuple[Any, tuple[Any]]:
        here = arriving + after * by_blank
        return here, (here,)

    features, absent, entropy_gain = 0.0, blank[None], xp.zeros_like(blank[0])
    arriving = xp.concatenate([xp.zeros((blanks, *rules.shape), rules.dtype), rules[None]])
    for k in range(level.s, 0, -1):
        beginning, by_child, reached = table.beginnings[k - 1], inside.by_child[k - 1], inside.reached[k]
        by_blank = reached[:-1] + inside.blank[k : k + blanks, :, None]
        back = normalised_exp(by_blank, reached[1:])
        rows = xp.flip(arriving[:-1], axis=0), xp.flip(back, axis=0)
        here = xp.flip(_walk(xp, step, arriving[-1], *rows), axis=0)
        child = here * normalised_exp(by_child, reached)  # goes from (k, j) to (k - 1, j)
        back = here[1:] * back  # and from (k, j) to (k, j - 1)
        features = features + _at(level, k - 1, sum_groups(child, beginning.by_feature))
        absent = absent + _at(level, k, back.sum(axis=2))
        arriving = sum_groups(child, beginning.by_shorter)
        entropy_gain = entropy_gain + information(child, by_child, reached).sum(axis=(0, 1, 2))
        entropy_gain = entropy_gain + information(back, by_blank, reached[1:]).sum(axis=(0, 1, 2))
    # All places before the first child are blank: place j for every walk that ends at (0, j + 1) or beyond.
    ahead = xp.flip(xp.cumsum(xp.flip(arriving[1:, :, 0], axis=0), axis=0), axis=0)
    absent = absent + _at(level, 0, ahead)
    return xp.moveaxis(xp.concatenate([features, absent[:, :, None]], axis=2), 0, 1), entropy_gain


def predict(
    level: Level,
    table: RuleTable,
    inside: Inside,
    patches: Float[Any, "node place symbol sample"],
    rules: Float[Any, "node rule sample"],
    blank: Float[Any, "node sample"],
) -> Float[Any, "node place symbol sample"]:
    """Take at every place the walks that have reached it, each with the number of ways to end it."""
    xp, s = patches.__array_namespace__(), level.s
    whole = [rules - log(level.placements)]  # log p(beginning, placement), by its length
    for beginning in reversed(table.beginnings):
        whole.insert(0, log_sum_groups(whole[0], beginning.by_shorter))
    found = []
    for place in range(level.patch):
        absent, features = blank, xp.full_like(patches[:, place, : level.v], -np.inf)
        for k in range(s + 1):
            j, left = place - k, level.patch - place - 1
            if not 0 <= j <= level.patch - s:
                continue
            reached = inside.reached[k][j]
            if ways := comb(left, s - k):  # the place is blank
                absent = log_plus(absent, log_sum(whole[k] + reached, 1) + log(ways))
            if k < s and (ways := comb(left, s - k - 1)):  # or the next child is here
                beginning = table.beginnings[k]
                walks = whole[k + 1] + xp.take(reached, beginning.shorter, axis=1, mode="clip")
                features = log_plus(features, log_sum_groups(walks, beginning.by_feature) + log(ways))
        found.append(xp.concatenate([features, absent[:, None]], axis=1))
        blank = blank + inside.blank[place]
    return xp.stack(found, axis=1)


def _walk(xp: Any, step: Any, first: Any, *rows: Any) -> Any:
    """The values at j = 0, 1, ..., step by step."""
    if not len(rows[0]):
        return first[None]
    return xp.concatenate([first[None], scan(xp, step, first, *rows)[1][0]])


def _at(level: Level, place: int, values: Any) -> Any:
    """Values [place, ...] from one place on, and zeros at the others."""
    xp, shape = values.__array_namespace__(), values.shape[1:]
    parts = place, level.patch - place - len(values)
    before, behind = (xp.zeros((part, *shape), values.dtype) for part in parts)
    return xp.concatenate([before, values, behind])


def moments(level: Level, table: RuleTable, inside: Inside, below: Cumulants) -> Cumulants:
    """Walk over the places as :func:`ascend` does; a step mixes the two ways to reach it."""
    xp, blanks = below.mean.__array_namespace__(), level.patch - level.s
    places = below.map(lambda array: xp.moveaxis(array, 1, 0))
    blank = places.map(lambda array: array[:, :, level.v][:, :, None])  # [place, node, 1, sample]
    walks = [
        places.map(lambda array: xp.zeros_like(array[0, :, :1]))
    ]  # at j = 0, 1, ..., [node, beginning, sample]
    for j in range(blanks):
        walks.append(walks[-1].plus(_row(blank, j)))
    for k, beginning in enumerate(table.beginnings, 1):
        reached, by_child = inside.reached[k], inside.by_child[k - 1]
        of_child, after = normalised_exp(by_child, reached), []
        for j, before in enumerate(walks):
            place = _row(places, k + j - 1)
            child = place.map(lambda array, b=beginning: xp.take(array, b.feature, axis=1, mode="clip"))
            shorter = before.map(lambda array, b=beginning: xp.take(array, b.shorter, axis=1, mode="clip"))
            here = child.plus(shorter)
            if j:
                by_blank = normalised_exp(reached[j - 1] + inside.blank[k + j - 1, :, None], reached[j])
                ways = here, after[-1].plus(_row(blank, k + j - 1))
                both = Cumulants(*(xp.stack(arrays) for arrays in zip(*ways, strict=True)))
                here = both.mixed(xp.stack([of_child[j], by_blank]), 0)
            after.append(here)
        walks = after
    return walks[-1]


def _row(values: Cumulants, index: int) -> Cumulants:
    return values.map(lambda array: array[index])


def sample_placements(
    level: Level,
    table: RuleTable,
    inside: Inside,
    node: Integer[Any, "node derivation"],
    rule: Integer[Any, "node derivation"],
    pick: Pick,
    sample: Integer[Any, "1 derivation"],
) -> Integer[Any, "node derivation s"]:
    """Pick a place for each child of a rule, the last one first."""
    xp = node.__array_namespace__()
    blank = xp.moveaxis(inside.blank[:, node, sample], 0, -1)  # [node, derivation, place]
    places = xp.arange(level.patch, dtype=np.int32)
    before = xp.arange(level.patch - level.s + 1, dtype=np.int32)
    j, beginning, offsets = xp.full_like(node, level.patch - level.s), rule, []
    for k in range(level.s, 0, -1):
        walks = inside.by_child[k - 1][:, node, beginning, sample]  # [j, node, derivation]
        end = (j + np.int32(k))[None, :, :, None]
        start = (before + np.int32(k))[:, None, None, None]
        behind = (places[None, None, None, :] >= start) & (places[None, None, None, :] < end)
        behind = xp.where(behind, blank[None], xp.zeros_like(blank)[None]).sum(axis=-1)
        weights = xp.where(before[:, None, None] <= j[None], walks + behind, -np.inf)
        j = pick(weights, k)
        offsets.append(j + np.int32(k - 1))
        beginning = xp.take(table.beginnings[k - 1].shorter, beginning, mode="clip")
    return xp.stack(offsets[::-1], axis=-1)
