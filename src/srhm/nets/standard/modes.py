"""The two modes of a network: a forward pass in evaluation mode, or in training mode.

A network writes its forward pass once, and asks the mode for what differs between the two.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from ...randomness import Key, threefry2x32
from .convolution import Positions
from .normalisation import BatchNorm


class Evaluation:
    """One pass in evaluation mode, which records the activations at the nodes where sensitivities may be measured."""

    def __init__(self) -> None:
        self.nodes: list[Array] = []
        """The activations recorded so far, from the input on."""

    def node(self, activation: Any) -> Any:
        """Record an activation, and return it."""
        self.nodes.append(activation)
        return activation

    def normalise(self, norm: BatchNorm, x: Positions) -> Positions:
        """Apply a batch normalisation."""
        return norm(x)

    def drop(self, x: Any, rate: float, axes: int) -> Any:
        """Drop random entries of an array in training; here, none."""
        return x


class Training(Evaluation):
    """One pass in training mode: with the statistics of the valid samples of a batch, which update the running ones.

    Entries are dropped: drop k draws the words (entry, k) of the key.
    """

    def __init__(self, valid: Bool[Array, " sample"], key: Key) -> None:
        super().__init__()
        self._valid, self._key = valid, key
        self._updated: dict[int, BatchNorm] = {}
        self._drops = 0

    def normalise(self, norm: BatchNorm, x: Positions) -> Positions:
        """Apply a batch normalisation with the statistics of the batch, which update its running ones."""
        y, self._updated[id(norm)] = norm.training(x, self._valid)
        return y

    def drop(self, x: Any, rate: float, axes: int) -> Any:
        """Set entries to 0 with the probability `rate`, and divide the others by 1 - rate.

        The draws are over some leading axes; what they share, such as all of a sample at 1, is dropped as one.
        """
        drawn, shared = x.shape[:axes], (1,) * (x.ndim - axes)
        number = jnp.arange(math.prod(drawn), dtype=jnp.uint32)
        word = threefry2x32(self._key, number, jnp.uint32(self._drops))[0]
        self._drops += 1
        kept = (word >= jnp.uint32(round(rate * 2**32))).reshape(drawn + shared)
        return jnp.where(kept, x / (1 - rate), jnp.zeros_like(x))

    def with_updated_statistics(self, net: Any) -> Any:
        """Return the network of this pass, its running statistics updated."""
        return jax.tree.map(
            lambda part: self._updated.get(id(part), part),
            net,
            is_leaf=lambda part: isinstance(part, BatchNorm),
        )
