"""What CNN, LCN and FCN share: hidden layers with ReLU, a mean over positions, a linear readout."""

import math
from functools import partial
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..encoding import Encoding, encode
from ..params import Params
from ..randomness import Key, threefry2x32
from .active import Active, Leaves
from .forest import Forest

Init = Literal["normal", "hom"]
"""Hidden weights at the start: standard normal, or all 1 (the "homogeneous" net of the paper's appendix)."""

_PIECE = 2**16

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
    """

    layers: tuple[Any, ...]
    readout: Float[Array, "channel class_"]

    def activations(
        self, x: Float[Array | np.ndarray, "sample position channel"]
    ) -> dict[str, Float[Array, "sample ..."]]:
        """Return the activations: ``"layer_1"`` to ``"layer_L"``, each after ReLU, then ``"output"``."""
        x, kept = jnp.asarray(x), {}
        for number, layer in enumerate(self.layers, start=1):
            x = jax.nn.relu(layer(x))
            kept[f"layer_{number}"] = x
        kept["output"] = x.mean(axis=1) @ self.readout / self.readout.shape[0]
        return kept

    def __call__(
        self, x: Float[Array | np.ndarray, "sample position channel"]
    ) -> Float[Array, "sample class_"]:
        """Return the outputs of a batch of dense inputs."""
        return self.activations(x)["output"]

    def on_leaves(self, leaves: Leaves) -> Float[Array, "sample class_"]:
        """Return the outputs of a batch, computed at the informative nodes only; equal to the dense ones."""
        first, *later = self.layers
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
        return last.values.mean(axis=1) @ self.readout / self.readout.shape[0]


def outputs(net: Any, leaves: Leaves) -> Float[Array, "sample class_"]:
    """Return the outputs of any network on a batch, given by its informative leaves.

    One of our networks is computed at its informative nodes; any other map is shown the dense inputs, in the
    type of its weights.
    """
    if isinstance(net, Network):
        return net.on_leaves(leaves)
    dtype = jax.tree.leaves(eqx.filter(net, eqx.is_inexact_array))[0].dtype
    return net(encode(leaves.params, leaves.features, leaves.positions, leaves.encoding, dtype))


class Normals:
    """Standard normal arrays from one key, each call with a key of its own.

    The numbers are those of `jax.random.normal`, drawn in pieces of one size: JAX would compile its generator
    anew for every shape, which takes longer than the drawing.
    """

    def __init__(self, key: Key, dtype: Any) -> None:
        self._key, self._dtype = key, dtype

    def __call__(self, *shape: int) -> Array:
        """Draw the next array."""
        pair = np.arange(2, dtype=np.uint32)
        first, second = threefry2x32(self._key, np.zeros_like(pair), pair, rounds=20)
        self._key, key = Key(first[0], second[0]), Key(first[1], second[1])
        count = math.prod(shape)
        pieces = [_normals(key, np.uint32(start), self._dtype) for start in range(0, count, _PIECE)]
        return jnp.concatenate(pieces)[:count].reshape(shape)

    def hidden(self, init: Init, *shape: int) -> Array:
        """Draw hidden weights, or set them to 1 in the homogeneous net."""
        return jnp.ones(shape, self._dtype) if init == "hom" else self(*shape)


@partial(jax.jit, static_argnums=2)
def _normals(key: Key, start: Any, dtype: Any) -> Float[Array, " number"]:
    """Return the normal numbers `start` to `start + _PIECE - 1` of a key."""
    number = start + jnp.arange(_PIECE, dtype=jnp.uint32)
    high, low = threefry2x32(key, jnp.zeros_like(number), number, rounds=20)
    kind = jnp.finfo(dtype)
    wide = kind.bits == 64
    bits = high.astype(jnp.uint64) << jnp.uint64(32) | low.astype(jnp.uint64) if wide else high ^ low
    # The mantissa of a number from 1 to 2, then uniform in (-1, 1).
    one = jax.lax.bitcast_convert_type(jnp.ones((), kind.dtype), bits.dtype)
    shift = bits.dtype.type(kind.bits - kind.nmant)
    fraction = jax.lax.bitcast_convert_type(bits >> shift | one, kind.dtype) - 1
    least = np.nextafter(kind.dtype.type(-1), kind.dtype.type(0))
    uniform = jnp.maximum(least, fraction * (kind.dtype.type(1) - least) + least)
    return kind.dtype.type(np.sqrt(2)) * jax.lax.erf_inv(uniform)


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
