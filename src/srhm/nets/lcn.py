"""The locally connected network: the CNN's patches, with weights of their own at every position."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..params import Params
from ..randomness import Key
from .network import BIAS_SCALE, Init, Network, Normals, patches
from .patch_layer import PatchLayer


class LocalConnection(PatchLayer):
    """One matrix for every patch: (1/sqrt(C_in)) sum over (patch place, channel) of w x, plus 0.1 b.

    Attributes
    ----------
    weight
        [patch, p * C_in, h], entries ordered by place in the patch, then channel.
    bias
        [patch, h].
    patch
        The patch length p.
    """

    weight: Float[Array, "patch entry channel"]
    bias: Float[Array, "patch channel"] | None
    patch: int = eqx.field(static=True)

    def __call__(self, x: Float[Array, "sample position channel"]) -> Float[Array, "sample patch unit"]:
        """Return the pre-activations."""
        z = jnp.einsum("npe,peh->nph", patches(x, self.patch), self.weight) / x.shape[-1] ** 0.5
        return z if self.bias is None else z + BIAS_SCALE * self.bias[None]

    def most_in_block(self, samples: int, parents: int) -> int:
        """A sample has one node at a place at most."""
        return samples


def lcn(
    params: Params, width: int, key: Key, channels: int, *, init: Init = "normal", dtype: Any = "float32"
) -> Network:
    """Draw an LCN: L local layers on patches of s(s0+1) (docs, networks.md); see :func:`srhm.nets.build`."""
    normal = Normals(key, dtype)
    layers, entering, positions = [], channels, params.d
    for _ in range(params.L):
        positions //= params.patch
        weight = normal.hidden(init, positions, width, params.patch * entering).swapaxes(1, 2)
        layers.append(LocalConnection(weight, normal(positions, width), params.patch))
        entering = width
    return Network(tuple(layers), normal(width, params.n_c))
