"""Hash-consed sub-trees: each distinct sub-tree of many samples is stored, and computed, once.

The response of a CNN or an LCN to a sub-tree at a position is the same in all samples. Ten thousand test points at
v = 6, L = 2, s0 = 1 have 20,000 lowest patches, of which 576 are distinct.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Int, Integer

from ..model.encoding import check_leaves
from ..model.params import Params


class SubtreeTable(NamedTuple):
    """The distinct sub-trees of many samples, level by level. Arrays are padded to a few sizes."""

    features: Integer[np.ndarray | Array, "tree child"]
    """The features of the leaves of each distinct lowest patch, [tree, s]."""
    positions: Integer[np.ndarray | Array, "tree child"]
    """Their positions, [tree, s]."""
    children: tuple[Int[np.ndarray | Array, "tree child"], ...]
    """For each layer after the first, [tree, s]: the distinct sub-trees of the layer below, by number."""
    roots: Int[np.ndarray | Array, " sample"]
    """The tree of each sample, [sample]."""
    max_multiplicity: tuple[tuple[int, int], ...]
    """For each layer but the last, the largest number of its trees at one place of a patch, and at one position (static
    numbers, padded)."""


def deduplicate(
    params: Params,
    features: Integer[np.ndarray, "sample leaf"],
    positions: Integer[np.ndarray, "sample leaf"],
) -> SubtreeTable:
    """Return the distinct sub-trees of samples that are given by their leaves, checked."""
    check_leaves(params, features, positions)
    samples = len(features)
    # Equal sub-trees have one number; a leaf's is made of its position and feature, so the position is part of it.
    number = positions.astype(np.int64) * params.level(1).v + features
    place = positions.astype(np.int64)
    lowest, children, multiplicities = None, [], []
    for level in params.levels:
        parts = number.reshape(-1, level.s)
        first, number = _distinct(parts)
        place = (place // level.patch)[:, :: level.s]
        kept = _padded(first)
        if lowest is None:
            lowest = [values.reshape(-1, level.s)[kept] for values in (features, positions)]
        else:
            children.append(parts[kept].astype(np.int32))
        if level.level < params.L:
            places, above = place.reshape(-1)[kept], params.level(level.level + 1)
            multiplicities.append((_most_equal(places % above.patch), _most_equal(places)))
        number = number.reshape(samples, -1)
    assert lowest is not None  # L >= 1
    return SubtreeTable(
        lowest[0], lowest[1], tuple(children), number[:, 0].astype(np.int32), tuple(multiplicities)
    )


def _distinct(parts: Integer[np.ndarray, "tree child"]) -> tuple[np.ndarray, np.ndarray]:
    """Return the first row of each distinct kind, and the kind of every row."""
    kind = np.unique(parts[:, 0], return_inverse=True)[1]
    for column in parts.T[1:]:
        values, other = np.unique(column, return_inverse=True)
        kind = np.unique(kind * len(values) + other, return_inverse=True)[1]
    return np.unique(kind, return_index=True)[1], kind


def _padded(rows: Integer[np.ndarray, " row"]) -> Integer[np.ndarray, " padded"]:
    """Repeat rows, evenly, up to one of a few sizes, so that many sets share a compiled program."""
    return np.concatenate([rows, rows[np.arange(_size(len(rows)) - len(rows)) % len(rows)]])


def _most_equal(values: Integer[np.ndarray, " row"]) -> int:
    return _size(int(np.bincount(values).max()))


def _size(count: int) -> int:
    """Return the next size: 4, 5, 6 or 7 times a power of 2 (or less than 4)."""
    unit = 1 << max(0, count.bit_length() - 3)
    return -(-count // unit) * unit
