"""What the layer-wise learner counts: features in their sub-patches, or patches, numbered by position and symbol."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Integer

from ..model.derivation import placement_of
from ..model.params import Params


class Observations(NamedTuple):
    """The symbols to be grouped, in all samples."""

    key: Integer[np.ndarray, "sample item"]
    """Position and symbol in one number, position * symbols + symbol, [sample, item]; -1 if a part of it is unknown."""
    symbols: int
    """Number of possible symbols."""
    context: Callable[[np.ndarray, np.ndarray], np.ndarray]
    """Maps labels [sample] and the groups of the items [sample, item] to numbers [sample, item], one for each
    combination of the class and the groups of the item's siblings."""
    top: bool
    """Whether the groups are the classes, not the v features of a level."""


def observed_features(
    params: Params,
    symbols: Integer[np.ndarray, "sample node s"],
    positions: Integer[np.ndarray, "sample node s"],
    *,
    shared: bool,
) -> Observations:
    """Number features by their place in the sub-patch (sparsity A), one set of counts for each sub-patch.

    The features of a patch are each other's siblings.
    """
    across = params.s0 + 1
    child = np.broadcast_to(np.arange(params.s), symbols.shape)
    where = child if shared else positions // across
    key = (where * across + positions % across) * params.v + symbols

    def context(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return _with_siblings(labels, groups.reshape(symbols.shape), params.v).reshape(groups.shape)

    key = np.where(symbols < 0, -1, key).reshape(len(symbols), -1)
    return Observations(key, across * params.v, context, top=False)


def observed_patches(
    params: Params,
    symbols: Integer[np.ndarray, "sample node s"],
    positions: Integer[np.ndarray, "sample node s"],
    *,
    by_slot: bool,
    placed: bool,
    shared: bool,
    top: bool,
) -> Observations:
    """Number patches by their tuple and, if `placed`, its placement.

    There is one set of counts for all, if `shared`, or one for each patch of the input (each slot of the tree
    if `by_slot`). The patches of the same parent are siblings.
    """
    code, count = _digits(symbols, params.v), params.v**params.s
    if placed:
        code = code + count * placement_of(params, positions % params.patch)
        count *= params.placements
    patch = positions[..., 0] // params.patch
    slot = np.broadcast_to(np.arange(patch.shape[1]), patch.shape)
    where = np.zeros_like(patch) if shared else slot if by_slot else patch

    def context(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
        shown, base = groups, params.v
        if not (shared or by_slot):  # a group has a meaning at its own position only
            shown, base = groups + params.v * (patch % params.patch), params.v * params.patch
        number = _with_siblings(labels, shown.reshape(len(groups), -1, params.s), base)
        if shared:  # a group means the same everywhere, but each child of a parent has contexts of its own
            number = number * params.s + np.arange(params.s)
        return number.reshape(groups.shape)

    unknown = (symbols < 0).any(axis=-1)
    return Observations(np.where(unknown, -1, where * count + code), count, context, top)


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
