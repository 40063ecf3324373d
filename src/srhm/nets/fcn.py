"""The fully connected network, with as many units in each layer as the LCN."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..model.params import Params
from ..randomness import Key
from ..theory.predictions import full_law
from .active import Active, Leaves, leaf_changes
from .cost import FullCost
from .draws import Normals
from .family import Family, Rate, layer_thresholds, tabulated_rate
from .interface import Interface
from .network import BIAS_SCALE, SERVED, Network
from .options import LayerOptions
from .products import product


class FullConnection(eqx.Module):
    """A dense layer over all positions: (1/divisor) W x + 0.1 b."""

    weight: Float[Array, "entering unit"]
    """[unit in, unit out]."""
    bias: Float[Array, " unit"]
    """[unit out]."""
    divisor: float = eqx.field(static=True)
    """sqrt(v) in layer 1 and sqrt(h) after, whatever the number of units that enter."""

    def __call__(self, x: Float[Array, "sample position channel"]) -> Float[Array, "sample one unit"]:
        """Return the pre-activations, at a single position."""
        z = x.reshape(x.shape[0], 1, -1) @ self.weight / self.divisor
        return z + BIAS_SCALE * self.bias[None, None]

    def to_torch(self) -> Any:
        """Return the layer as a PyTorch module, with its ReLU."""
        from ..torch.networks import FullLayer

        return FullLayer(np.asarray(self.weight), np.asarray(self.bias)[None], BIAS_SCALE, self.divisor)

    def on_leaves(self, leaves: Leaves) -> Active:
        """Return the activations of the first hidden layer: a sum of one row of the weights for each leaf."""
        blocks = self.weight.reshape(leaves.params.d, -1, self.weight.shape[1])
        changes, blank = leaf_changes(blocks, leaves)
        z = (changes.sum(axis=1) + blank.sum(axis=0)[None]) / self.divisor + BIAS_SCALE * self.bias[None]
        return Active(jax.nn.relu(z)[:, None], jnp.zeros((len(z), 1), jnp.int32), None)

    def on_active(self, below: Active, s: int) -> Active:
        """Return the activations of a later layer, whose units are connected to all units below."""
        z = product(below.values[:, 0], self.weight) / self.divisor + BIAS_SCALE * self.bias[None]
        return Active(jax.nn.relu(z)[:, None], below.places, None)


def fcn(
    params: Params, width: int, key: Key, interface: Interface, options: LayerOptions, dtype: Any
) -> Network:
    """Draw an FCN: layer k has h d / p^k units (docs, networks.md)."""
    normal = Normals(key, dtype)
    positions, divisor = interface.length, interface.channels**0.5
    layers, entering = [], positions * interface.channels
    for level in params.levels:
        positions //= level.patch
        units = width * positions
        layers.append(FullConnection(normal.hidden(options.init, entering, units), normal(units), divisor))
        entering, divisor = units, width**0.5
    return Network.with_readout(normal, tuple(layers), width, interface, options)


def _rate(params: Params) -> Rate:
    """The published table of s = 2, extended to the next larger s0, to all s, and beyond L = 2 and 3."""
    table = {3: 0.01, 6: 0.003} if params.L <= 2 else {3: 0.003, 6: 0.001}
    return tabulated_rate(table, params.s0, extended=params.s > 2 or params.L not in (2, 3))


FCN = Family(
    "fcn",
    fcn,
    _rate,
    width=lambda params: 256 if params.L >= 3 else 512,
    options=LayerOptions,
    kinds=SERVED,
    stop_loss=lambda options: 1e-2,
    check=lambda params, width, options: options.check(params),
    predict=full_law,
    thresholds=lambda params: layer_thresholds(params, params.L + 1, S=0.20, D=0.20),
    learning_time=0.8,
    cost=FullCost,
    title="FCN (fully connected)",
    colour="#6B1F00",
    marker="P",
)
