"""Sums over groups of rows, by gathering: the order of addition is the same in every batch, on every device."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Integer

from .log_domain import log_sum


class Groups(NamedTuple):
    """The rows of an array, sorted into groups."""

    members: Integer[Any, "group member"]
    """The rows of each group, padded with zeros to one length."""
    real: Bool[Any, "group member"] | None
    """Which members are not padding; None if there is no padding."""


def group_rows(keys: Integer[np.ndarray, " row"], count: int) -> Groups:
    """Sort rows into `count` groups by their keys 0 .. count - 1."""
    sizes = np.bincount(keys, minlength=count)
    length = sizes.max()
    if (sizes < length).any():  # to one of a few lengths, so that many grammars share a compiled program
        unit = 1 << max(0, int(length).bit_length() - 3)
        length = -(-length // unit) * unit
    members = np.zeros((count, length), np.int32)
    real = np.arange(length) < sizes[:, None]
    members[real] = np.argsort(keys, kind="stable")
    return Groups(members, None if real.all() else real)


def sum_groups(values: Float[Any, "*axes row sample"], groups: Groups) -> Float[Any, "*axes group sample"]:
    """Add up the rows of every group."""
    return _gathered(values, groups, 0.0).sum(axis=-2)


def log_sum_groups(terms: Float[Any, "*axes row sample"], groups: Groups) -> Float[Any, "*axes group sample"]:
    """Return the log of the sum of exp(terms) over the rows of every group."""
    return log_sum(_gathered(terms, groups, -np.inf), -2)


def _gathered(values: Any, groups: Groups, padding: float) -> Float[Any, "*axes group member sample"]:
    xp = values.__array_namespace__()
    rows = xp.take(values, groups.members, axis=-2, mode="clip")
    if groups.real is None:
        return rows
    real = xp.asarray(groups.real).reshape(*[1] * (values.ndim - 2), *groups.real.shape, 1)
    return xp.where(real, rows, xp.full_like(rows, padding))
