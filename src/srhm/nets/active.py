"""Active-tree execution: a layer is computed only at its informative nodes, and still exactly (docs, speed.md).

The response to a blank patch is the same in every sample. So the response of a layer to a sample is its response to an
all-blank input plus the changes by the informative children q of each node:

    z(x) = z(blank) + sum over q of W_q (a_q - a_blank,q)

The blank input is one sample, whatever the batch. The cost of the rest is that of the s^(L-l) informative
patches of layer l, not of all (s (s0+1))^(L-l).
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Integer

from ..model.encoding import Encoding, codes
from ..model.params import Params


class Leaves(NamedTuple):
    """The informative inputs of a batch."""

    params: Params
    """The parameters of the model."""
    encoding: Encoding
    """The encoding of the inputs."""
    features: Integer[Any, "sample leaf"]
    """The features, [sample, leaf]."""
    positions: Integer[Any, "sample leaf"]
    """Their positions in the input, [sample, leaf]."""
    latents: Integer[Any, "sample place"] | None = None
    """The symbols of a higher level, for a task that asks for them."""


class Symbols(NamedTuple):
    """Whole inputs of a batch, some positions of which may be hidden."""

    params: Params
    """The parameters of the model."""
    encoding: Encoding
    """The encoding of the inputs."""
    symbols: Integer[Any, "sample position"]
    """The symbols, -1 for a blank, -2 at a hidden position."""
    mask: bool
    """Whether a channel of its own marks hidden positions."""
    pictures: bool = False
    """Whether, in the plane, networks of others get them as pictures; symbols of strings stay in tree order."""
    steps: Int[Any, " sample"] | None = None
    """The steps of diffusion that a sample has gone through, if they are known."""
    noise: Float[Any, " sample"] | None = None
    """The noise level after them: one more channel, the last, the same at all positions."""


class Active(NamedTuple):
    """The activations of one layer at its informative nodes."""

    values: Float[Array, "sample node channel"]
    """Activations of the informative nodes, [sample, node, channel]."""
    places: Int[Array, "sample node"]
    """Their positions in the layer, [sample, node]."""
    blank: Float[Array, "position channel"] | None
    """Activations for an all-blank input, [position, channel], one row if all positions are equal; None if there are no
    blanks (s0 = 0)."""


def leaf_changes(
    blocks: Float[Array, "block channel unit"], leaves: Leaves, group: int = 1
) -> tuple[Float[Array, "sample leaf unit"], Float[Array, "block unit"]]:
    """Return how each leaf changes the response of its patch, and how every block responds to blanks.

    Group q of positions, which are summed, uses block q modulo their number.
    """
    code, v = codes(leaves.params, leaves.encoding), leaves.params.level(1).v
    block, channel, unit = blocks.shape
    table = blocks.reshape(block * channel, unit)
    rows = leaves.positions.astype(jnp.int32) // group % block * channel
    # code(feature) - code(blank) has one entry on the feature's channel, and -1 on a channel for blanks.
    changes = jnp.take(table, rows + leaves.features.astype(jnp.int32), axis=0, mode="clip")
    changes = float(code[0, 0] - code[v, 0]) * changes
    if channel > v:
        changes = changes - jnp.take(table, rows + v, axis=0, mode="clip")
    blank = jnp.asarray(group * code[v], blocks.dtype)
    return changes, (blocks * blank[None, :, None]).sum(axis=1)
