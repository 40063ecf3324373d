"""The convolutional network whose filters match the patches of the model: weights shared over positions."""

from typing import Any, Literal

import equinox as eqx
from jaxtyping import Array, Float

from ..errors import check_instance
from ..model.params import Params
from ..randomness import Key
from .draws import Init, Normals
from .network import BIAS_SCALE, Network, patches
from .patch_layer import PatchLayer

Bias = Literal["position", "shared", "none"]
"""Biases of a CNN: one for each channel and position (the published net), one for each channel, or none."""


class PatchConvolution(PatchLayer):
    """Convolution with kernel = stride = p, as a product of every patch with one matrix.

    Pre-activation: (1/sqrt(C_in)) sum over (patch place, channel) of w x, plus 0.1 b.

    Attributes
    ----------
    weight
        [p * C_in, h], rows ordered by place in the patch, then channel; [s * C_in, h] if shared over s0+1.
    bias
        [position, h], [1, h] if shared over positions, or None.
    patch
        The patch length p.
    group
        Places of the patch that share one weight.
    """

    weight: Float[Array, "entry channel"]
    bias: Float[Array, "position channel"] | None
    patch: int = eqx.field(static=True)
    group: int = eqx.field(static=True, default=1)

    def __call__(self, x: Float[Array, "sample position channel"]) -> Float[Array, "sample patch unit"]:
        """Return the pre-activations."""
        z = patches(x, self.patch, self.group) @ self.weight / x.shape[-1] ** 0.5
        return z if self.bias is None else z + BIAS_SCALE * self.bias[None]

    def most_in_block(self, samples: int, parents: int) -> int:
        """Every patch has one child at a place at most."""
        return samples * parents


def cnn(
    params: Params,
    width: int,
    key: Key,
    channels: int,
    *,
    bias: Bias = "position",
    shared_layers: tuple[int, ...] = (),
    init: Init = "normal",
    dtype: Any = "float32",
) -> Network:
    """Draw a CNN: L convolutions, kernel = stride = s(s0+1) (docs, networks.md); see :func:`srhm.nets.build`."""
    check_instance(Params, params=params)
    normal = Normals(key, dtype)
    layers, entering, positions = [], channels, params.d
    for number in range(1, params.L + 1):
        positions //= params.patch
        group = params.s0 + 1 if number in shared_layers else 1
        weight = normal.hidden(init, params.patch // group * entering, width)
        biases = None if bias == "none" else normal(positions if bias == "position" else 1, width)
        layers.append(PatchConvolution(weight, biases, params.patch, group))
        entering = width
    return Network(tuple(layers), normal(width, params.n_c))
