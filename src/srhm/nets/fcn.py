"""The fully connected network with as many units in each layer as the LCN has."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..errors import check_instance
from ..model.params import Params
from ..randomness import Key
from .active import Active, Leaves, leaf_changes
from .draws import Init, Normals
from .network import BIAS_SCALE, Network
from .products import product


class FullConnection(eqx.Module):
    """A dense layer over all positions: (1/divisor) W x + 0.1 b.

    Attributes
    ----------
    weight
        [unit in, unit out].
    bias
        [unit out].
    divisor
        sqrt(v) in layer 1 and sqrt(h) after, whatever the number of units that enter.
    """

    weight: Float[Array, "entering unit"]
    bias: Float[Array, " unit"]
    divisor: float = eqx.field(static=True)

    def __call__(self, x: Float[Array, "sample position channel"]) -> Float[Array, "sample one unit"]:
        """Return the pre-activations, at a single position."""
        z = x.reshape(x.shape[0], 1, -1) @ self.weight / self.divisor
        return z + BIAS_SCALE * self.bias[None, None]

    def on_leaves(self, leaves: Leaves) -> Active:
        """Return the activations of the first hidden layer: a sum of one row of the weights for each leaf."""
        blocks = self.weight.reshape(leaves.params.d, -1, self.weight.shape[1])
        changes, blank = leaf_changes(blocks, leaves)
        z = (changes.sum(axis=1) + blank.sum(axis=0)[None]) / self.divisor + BIAS_SCALE * self.bias[None]
        return Active(jax.nn.relu(z)[:, None], jnp.zeros((len(z), 1), jnp.int32), None)

    def on_active(self, below: Active, s: int) -> Active:
        """Return the activations of a later layer, where every unit sees all units below."""
        z = product(below.values[:, 0], self.weight) / self.divisor + BIAS_SCALE * self.bias[None]
        return Active(jax.nn.relu(z)[:, None], below.places, None)


def fcn(
    params: Params, width: int, key: Key, channels: int, *, init: Init = "normal", dtype: Any = "float32"
) -> Network:
    """Draw an FCN: layer k has h d / p^k units (docs, networks.md); see :func:`srhm.nets.build`."""
    check_instance(Params, params=params)
    normal = Normals(key, dtype)
    layers, entering, positions, divisor = [], params.d * channels, params.d, channels**0.5
    for _ in range(params.L):
        positions //= params.patch
        units = width * positions
        layers.append(FullConnection(normal.hidden(init, entering, units), normal(units), divisor))
        entering, divisor = units, width**0.5
    return Network(tuple(layers), normal(width, params.n_c))
