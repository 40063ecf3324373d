"""Batch normalisation (Ioffe & Szegedy 2015) over samples and positions, with PyTorch's conventions."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from .convolution import Positions

MOMENTUM = 0.1
"""Weight of a batch in the running statistics."""
EPSILON = 1e-5
"""Added to the variance."""


class BatchNorm(eqx.Module):
    """(x - mean) / sqrt(variance + 1e-5) * scale + shift, for each channel.

    In training, mean and variance are those of the batch (divisor n, the samples times positions); the running
    ones, used in evaluation, are updated by a tenth of each batch, with the variance of divisor n - 1. The variance
    of a single number is 0.
    """

    scale: Float[Array, " channel"]
    """Trained, [channel]; 1 at the start."""
    shift: Float[Array, " channel"]
    """Trained, [channel]; 0 at the start."""
    mean: Float[Array, " channel"]
    """The running mean, [channel]; 0 at the start."""
    variance: Float[Array, " channel"]
    """The running variance, [channel]; 1 at the start."""

    @classmethod
    def fresh(cls, channels: int, dtype: Any) -> "BatchNorm":
        """Return a normalisation before training."""
        zero, one = (jnp.asarray(fill(channels, dtype)) for fill in (np.zeros, np.ones))
        return cls(one, zero, zero, one)

    def __call__(self, x: Positions) -> Positions:
        """Normalise with the running statistics."""
        return self._affine(x - self.mean[None, None], self.variance)

    def training(self, x: Positions, valid: Bool[Array, " sample"]) -> "tuple[Positions, BatchNorm]":
        """Normalise with the statistics of the valid samples, and return it with updated statistics."""
        samples, positions, channels = x.shape
        count = (valid.sum() * positions).astype(x.dtype)
        weight = jnp.repeat(valid.astype(x.dtype) / count, positions)

        def mean(values: Any) -> Any:
            return weight @ values.reshape(samples * positions, channels)

        average = mean(x)
        centred = x - average[None, None]
        spread = mean(centred**2)
        unbiased = spread * (count / jnp.maximum(count - 1, 1))
        updated = eqx.tree_at(
            lambda norm: (norm.mean, norm.variance),
            self,
            (_blend(self.mean, average), _blend(self.variance, unbiased)),
        )
        return self._affine(centred, spread), updated

    def _affine(self, centred: Positions, variance: Float[Array, " channel"]) -> Positions:
        factor = self.scale / jnp.sqrt(variance + EPSILON)
        return centred * factor[None, None] + self.shift[None, None]


def _blend(running: Any, new: Any) -> Any:
    return (1 - MOMENTUM) * running + MOMENTUM * new


def norms(net: Any) -> list[BatchNorm]:
    """Return all normalisations of a network, in order."""
    parts = jax.tree.leaves(net, is_leaf=lambda part: isinstance(part, BatchNorm))
    return [part for part in parts if isinstance(part, BatchNorm)]
