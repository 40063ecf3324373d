"""What CNN, LCN and FCN share: hidden layers with ReLU, a mean over positions, a linear readout."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..encoding import Encoding, encode
from ..params import Params
from .active import Active, Leaves
from .forest import Forest
from .products import product

BIAS_SCALE = 0.1
"""Factor of every hidden bias: biases are N(0, 1) and enter as 0.1 b."""


class Network(eqx.Module):
    """L hidden layers with ReLU and the readout f = (1/h) beta^T (mean over positions of the last layer).

    With a learning rate proportional to the width h this is the mean-field (muP) scaling (docs, networks.md).

    Attributes
    ----------
    layers
        The hidden layers, each a map [sample, position, channel] -> the same with fewer positions; with
        `on_leaves` and `on_active`, the same at the informative nodes only.
    readout
        beta, [h, class_].
    frozen
        Layers that are not trained, from 1; L + 1 is the readout. Their weights and biases have gradient zero.
    """

    layers: tuple[Any, ...]
    readout: Float[Array, "channel class_"]
    frozen: tuple[int, ...] = eqx.field(static=True, default=())

    def activations(
        self, x: Float[Array | np.ndarray, "sample position channel"]
    ) -> dict[str, Float[Array, "sample ..."]]:
        """Return the activations: ``"layer_1"`` to ``"layer_L"``, each after ReLU, then ``"output"``."""
        x, kept = jnp.asarray(x), {}
        layers, readout = self._trained()
        for number, layer in enumerate(layers, start=1):
            x = jax.nn.relu(layer(x))
            kept[f"layer_{number}"] = x
        kept["output"] = x.mean(axis=1) @ readout / readout.shape[0]
        return kept

    def __call__(
        self, x: Float[Array | np.ndarray, "sample position channel"]
    ) -> Float[Array, "sample class_"]:
        """Return the outputs of a batch of dense inputs."""
        return self.activations(x)["output"]

    def on_leaves(self, leaves: Leaves) -> Float[Array, "sample class_"]:
        """Return the outputs of a batch, computed at the informative nodes only; equal to the dense ones."""
        first, *later = self._trained()[0]
        active = first.on_leaves(leaves)
        for layer in later:
            active = layer.on_active(active, leaves.params.s)
        return self._read(active)

    def on_forest(
        self, params: Params, encoding: Encoding, forest: Forest
    ) -> tuple[list[Active], Float[Array, "tree class_"]]:
        """Return the activations of each layer at the distinct sub-trees of a set, and the outputs of the trees."""
        first, *later = self.layers
        actives = [first.on_leaves(Leaves(params, encoding, forest.features, forest.positions))]
        for layer, children, crowd in zip(later, forest.children, forest.crowd, strict=True):
            actives.append(layer.on_shared(actives[-1], children, crowd))
        return actives, self._read(actives[-1])

    def _read(self, last: Active) -> Float[Array, "sample class_"]:
        readout = self._trained()[1]
        return product(last.values.mean(axis=1), readout) / readout.shape[0]

    def _trained(self) -> tuple[tuple[Any, ...], Float[Array, "channel class_"]]:
        """Return the layers and the readout, the frozen ones as constants."""
        if not self.frozen:
            return self.layers, self.readout
        *layers, readout = (
            jax.tree.map(jax.lax.stop_gradient, part) if number in self.frozen else part
            for number, part in enumerate((*self.layers, self.readout), start=1)
        )
        return tuple(layers), readout


def outputs(net: Any, leaves: Leaves) -> Float[Array, "sample class_"]:
    """Return the outputs of any network on a batch, given by its informative leaves.

    One of our networks is computed at its informative nodes; any other map is shown the dense inputs, in the
    type of its weights.
    """
    return net.on_leaves(leaves) if isinstance(net, Network) else net(dense(net, leaves))


def dense(net: Any, leaves: Leaves) -> Float[Array, "sample position channel"]:
    """Return a batch as dense inputs, in the type of a network's weights."""
    dtype = jax.tree.leaves(eqx.filter(net, eqx.is_inexact_array))[0].dtype
    return encode(leaves.params, leaves.features, leaves.positions, leaves.encoding, dtype)


def patches(
    x: Float[Array, "sample position channel"], length: int, group: int = 1
) -> Float[Array, "sample patch entry"]:
    """Join the positions of each patch: entry = place in the patch * channels + channel.

    With a group of several places, these are summed first, and count as one place.
    """
    sample, position, channel = x.shape
    if group > 1:
        x = x.reshape(sample, position // group, group, channel).sum(axis=2)
    return x.reshape(sample, position // length, length // group * channel)
