"""ResNet18 and ResNet34 (He et al. 2016) in one dimension, in the form for small inputs."""

from functools import partial
from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

from ...errors import ArgumentError
from ...model.params import Params
from ...randomness import Key
from ..draws import Uniforms
from ..interface import Interface
from .convolution import Images, Positions
from .linear import Linear
from .modes import Evaluation
from .network import StandardNetwork, Variant, VariantOptions, relu_node, standard_family
from .unit import Unit

_CHANNELS, _STRIDES = (1, 2, 4, 8), (1, 2, 2, 2)
"""Channels of the blocks of each stage, in units of the width, and the stride of the first of them."""
_POOL = 4


class Block(eqx.Module):
    """Basic block: two convolutions of 3, added to the input, or to its projection if shapes differ."""

    first: Unit
    second: Unit
    shortcut: Unit | None

    def __call__(self, x: Positions, mode: Evaluation) -> Images:
        """Return the activations of the block."""
        y = self.second(relu_node(self.first(x, mode), mode), mode)
        return relu_node(y + (x if self.shortcut is None else self.shortcut(x, mode)), mode)


class ResNet(StandardNetwork):
    """A convolution of 3, four stages of blocks with strides 1, 2, 2, 2, a mean over positions, a linear map."""

    stem: Unit
    blocks: tuple[Block, ...]
    readout: Linear
    variant: Variant = eqx.field(static=True)
    """``"published"``: the mean is over average pools of 4, so that up to three last positions are dropped."""

    def forward(self, x: Positions, mode: Evaluation) -> Float[Array, "sample class_"]:
        """Return the outputs of one pass."""
        x = relu_node(self.stem(x, mode), mode)
        for block in self.blocks:
            x = block(x, mode)
        if self.variant == "published":
            x = x[:, : x.shape[1] // _POOL * _POOL]
        return self.readout(x.mean(axis=1))


def resnet(
    counts: tuple[int, ...],
    params: Params, width: int, key: Key, interface: Interface, options: VariantOptions, dtype: Any,
) -> ResNet:  # fmt: skip
    """Draw a ResNet with some blocks in each stage (docs, networks.md)."""
    uniform, entering, blocks = Uniforms(key, dtype), width, []
    stem = Unit.draw(uniform, interface.channels, width, 3)
    for count, factor, stride in zip(counts, _CHANNELS, _STRIDES, strict=True):
        for number in range(count):
            blocks.append(_block(uniform, entering, factor * width, stride if number == 0 else 1))
            entering = factor * width
    return ResNet(stem, tuple(blocks), Linear.draw(uniform, entering, interface.scores), options.variant)


def _block(uniform: Uniforms, entering: int, leaving: int, stride: int) -> Block:
    first = Unit.draw(uniform, entering, leaving, 3, stride=stride)
    second = Unit.draw(uniform, leaving, leaving, 3)
    same = stride == 1 and entering == leaving
    return Block(first, second, None if same else Unit.draw(uniform, entering, leaving, 1, stride=stride))


def _check(params: Params, width: int, options: VariantOptions) -> None:
    """Refuse inputs that are too short for the published pool."""
    least = 8 * (_POOL - 1) + 1
    if options.variant == "published" and params.d < least:
        problem = f"has inputs of length d = {params.d}, too short for the average pool of 4 of a ResNet"
        fix = f"Use d = (s(s0+1))^L >= {least}, or variant='standard'"
        raise ArgumentError("params", params, problem, fix)


_SHARED: dict[str, Any] = {"options": VariantOptions, "stop_loss": lambda options: 1e-2, "check": _check}
RESNET18 = standard_family(
    "resnet18", partial(resnet, (2, 2, 2, 2)), label="ResNet18", colour="#E69F00", marker="D", **_SHARED
)
RESNET34 = standard_family(
    "resnet34", partial(resnet, (3, 4, 6, 3)), label="ResNet34", colour="#CC79A7", marker="p", **_SHARED
)
