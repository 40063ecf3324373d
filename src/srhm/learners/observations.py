"""What the layer-wise learner counts: features in their sub-patches, or patches, numbered by position and symbol."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Integer

from ..model.derivation import placement_of
from ..model.params import Level


class Observations(NamedTuple):
    """The symbols to be grouped, in all samples."""

    key: Integer[np.ndarray, "sample item"]
    """Position and symbol in one number, position * symbols + symbol, [sample, item]; -1 if a part of it is unknown."""
    symbols: int
    """Number of possible symbols."""
    context: Callable[[np.ndarray, np.ndarray], np.ndarray]
    """Maps labels [sample] and the groups of the items [sample, item] to numbers [sample, item], one for each
    combination of the class and the groups of the item's siblings."""
    groups: int
    """Number of groups: the features of a level or, at the top, the classes."""
    top: bool
    """Whether the groups are the classes."""


def observed_features(
    level: Level,
    symbols: Integer[np.ndarray, "sample node s"],
    positions: Integer[np.ndarray, "sample node s"],
    *,
    shared: bool,
) -> Observations:
    """Number features by their place in the sub-patch (sparsity A), one set of counts for each sub-patch.

    The features of a patch are each other's siblings.
    """
    across = level.s0 + 1
    child = np.broadcast_to(np.arange(level.s), symbols.shape)
    where = child if shared else positions // across
    key = (where * across + positions % across) * level.v + symbols

    def context(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return _with_siblings(labels, groups.reshape(symbols.shape), level.v).reshape(groups.shape)

    key = np.where(symbols < 0, -1, key).reshape(len(symbols), -1)
    return Observations(key, across * level.v, context, level.v, top=False)


def observed_patches(
    level: Level,
    above: Level | None,
    symbols: Integer[np.ndarray, "sample node s"],
    positions: Integer[np.ndarray, "sample node s"],
    *,
    by_slot: bool,
    placed: bool,
    shared: bool,
) -> Observations:
    """Number patches by their tuple and, if `placed`, its placement.

    There is one set of counts for all, if `shared`, or one for each patch of the input (each slot of the tree
    if `by_slot`). The patches of the same parent, a patch of the level `above`, are siblings; at the top it is None.
    """
    code, count = _digits(symbols, level.v), level.v**level.s
    if placed:
        code = code + count * placement_of(level, positions % level.patch)
        count *= level.placements
    patch = positions[..., 0] // level.patch
    slot = np.broadcast_to(np.arange(patch.shape[1]), patch.shape)
    where = np.zeros_like(patch) if shared else slot if by_slot else patch

    def context(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
        assert above is not None  # patches of the top have no siblings
        shown, base = groups, above.v
        if not (shared or by_slot):  # a group has a meaning at its own position only
            shown, base = groups + above.v * (patch % above.patch), above.v * above.patch
        number = _with_siblings(labels, shown.reshape(len(groups), -1, above.s), base)
        if shared:  # a group means the same everywhere, but each child of a parent has contexts of its own
            number = number * above.s + np.arange(above.s)
        return number.reshape(groups.shape)

    unknown = (symbols < 0).any(axis=-1)
    key = np.where(unknown, -1, where * count + code)
    return Observations(key, count, context, level.parents, top=above is None)


def _with_siblings(
    labels: Integer[np.ndarray, " sample"], shown: Integer[np.ndarray, "sample node s"], base: int
) -> Integer[np.ndarray, "sample node s"]:
    """Number the class together with what the other children of the same node show, below `base` each."""
    others = [_digits(np.delete(shown, child, axis=-1), base) for child in range(shown.shape[-1])]
    return labels[:, None, None] * base ** (shown.shape[-1] - 1) + np.stack(others, axis=-1)


def _digits(symbols: Integer[np.ndarray, "*shape digit"], base: int) -> Integer[np.ndarray, "*shape"]:
    """Read the last axis as the digits of a number."""
    number = np.zeros(symbols.shape[:-1], np.int64)
    for digit in range(symbols.shape[-1]):
        number = number * base + symbols[..., digit]
    return number
