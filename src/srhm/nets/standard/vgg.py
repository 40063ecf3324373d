"""VGG11 and VGG16 (Simonyan & Zisserman 2015) in one dimension, with batch normalisation."""

from functools import partial
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from ...errors import ArgumentError
from ...model.params import Params
from ...randomness import Key
from ..draws import Uniforms
from ..family import NoOptions
from ..interface import Interface
from .convolution import Images, Positions
from .linear import Linear
from .modes import Evaluation
from .network import StandardNetwork, relu_node, standard_family
from .unit import Unit

_CHANNELS = (1, 2, 4, 8, 8)
"""Channels of the convolutions of each stage, in units of the width."""


class VGG(StandardNetwork):
    """Five stages, each of convolutions of 3 with batch normalisation and ReLU, and a max-pool of 2.

    What remains, one position at lengths 32 to 63, is averaged and mapped to the classes.
    """

    stages: tuple[tuple[Unit, ...], ...]
    readout: Linear

    def forward(self, x: Positions, mode: Evaluation) -> Float[Array, "sample class_"]:
        """Return the outputs of one pass."""
        for stage in self.stages:
            for unit in stage:
                x = relu_node(unit(x, mode), mode)
            x = max_pool(x)
        return self.readout(x.mean(axis=1))


def max_pool(x: Positions) -> Images:
    """Return the larger of every two positions; if their number is odd, the last is left out.

    If they are equal the gradient goes to the first, as in PyTorch.
    """
    pairs = x.shape[1] // 2
    first, second = x[:, 0 : 2 * pairs : 2], x[:, 1 : 2 * pairs : 2]
    return jnp.where(first >= second, first, second)


def vgg(
    counts: tuple[int, ...],
    params: Params, width: int, key: Key, interface: Interface, options: NoOptions, dtype: Any,
) -> VGG:  # fmt: skip
    """Draw a VGG with some convolutions in each stage (docs, networks.md)."""
    uniform, entering, stages = Uniforms(key, dtype), interface.channels, []
    for count, factor in zip(counts, _CHANNELS, strict=True):
        stage = []
        for _ in range(count):
            stage.append(Unit.draw(uniform, entering, factor * width, 3, bias=True))
            entering = factor * width
        stages.append(tuple(stage))
    return VGG(tuple(stages), Linear.draw(uniform, entering, interface.scores))


def _check(params: Params, width: int, options: NoOptions) -> None:
    """Refuse inputs that are too short for five max-pools of 2."""
    least = 2 ** len(_CHANNELS)
    if params.d < least:
        problem = f"has inputs of length d = {params.d}, too short for the five max-pools of a VGG"
        raise ArgumentError("params", params, problem, f"Use d = (s(s0+1))^L >= {least}")


_SHARED: dict[str, Any] = {"stop_loss": lambda options: 1e-2, "check": _check}
VGG11 = standard_family(
    "vgg11", partial(vgg, (1, 1, 2, 2, 2)), label="VGG11", colour="#009E73", marker="^", **_SHARED
)
VGG16 = standard_family(
    "vgg16",
    partial(vgg, (2, 2, 3, 3, 3)),
    label="VGG16",
    like="vgg11",
    colour="#56B4E9",
    marker="v",
    **_SHARED,
)
