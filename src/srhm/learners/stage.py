"""One stage of learning: the symbols at each position are divided into groups, which are looked up later."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Integer

from .grouping import group
from .observations import Observations


@dataclass(frozen=True, eq=False)
class Stage:
    """The groups of the symbols that occurred in training."""

    keys: Integer[np.ndarray, " symbol"]
    """Numbers of the places and symbols, increasing, [symbol]."""
    groups: Integer[np.ndarray, " symbol"]
    """The group of each, [symbol]."""

    @classmethod
    def learned(
        cls, observations: Observations, labels: Integer[np.ndarray, " sample"], sweeps: int
    ) -> "Stage":
        """Group the symbols of each place by the class, and then by the class and the siblings' groups."""
        keys, index = np.unique(observations.key, return_inverse=True)
        index = index.reshape(observations.key.shape)
        context = np.broadcast_to(labels[:, None], index.shape)
        if observations.top:
            n_c = observations.groups
            counts = np.bincount((index * n_c + context).ravel(), minlength=len(keys) * n_c)
            return cls(keys, counts.reshape(len(keys), n_c).argmax(axis=1))
        place = keys // observations.symbols
        groups = _grouped(place, index, context, observations.groups)
        for _ in range(1, sweeps):
            context = observations.context(labels, groups[index])
            groups = _grouped(place, index, context, observations.groups)
        return cls(keys, groups)

    def groups_of(self, key: Integer[np.ndarray, "*shape"]) -> Integer[np.ndarray, "*shape"]:
        """Look up the group of each symbol, -1 for one that never occurred."""
        found = np.minimum(np.searchsorted(self.keys, key), len(self.keys) - 1)
        return np.where(self.keys[found] == key, self.groups[found], -1)


def _grouped(
    place: Integer[np.ndarray, " symbol"],
    index: Integer[np.ndarray, "sample item"],
    context: Integer[np.ndarray, "sample item"],
    groups: int,
) -> Integer[np.ndarray, " symbol"]:
    """Group symbols, whose places increase, place by place; `index` is the symbol of each item."""
    order = np.argsort(index, axis=None, kind="stable")
    index, context = index.ravel()[order], context.ravel()[order]
    bounds = np.append(np.flatnonzero(np.diff(place, prepend=-1)), len(place))
    found = np.empty(len(place), np.int64)
    for first, last in pairwise(bounds):
        rows = slice(*np.searchsorted(index, (first, last)))
        contexts, column = np.unique(context[rows], return_inverse=True)
        shape = last - first, len(contexts)
        entry = (index[rows] - first) * shape[1] + column
        counts = np.bincount(entry, minlength=shape[0] * shape[1]).reshape(shape)
        found[first:last] = group(counts, groups)
    return found
