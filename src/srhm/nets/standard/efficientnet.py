"""EfficientNetB0 (Tan & Le 2019) in one dimension, in the form for small inputs."""

from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float

from ...errors import ArgumentError
from ...model.params import Params
from ...randomness import Key
from ..draws import Uniforms
from ..interface import Interface
from .convolution import Images, Positions
from .linear import Linear
from .modes import Evaluation
from .network import BASE_WIDTH, StandardNetwork, VariantOptions, standard_family
from .unit import Unit

_STEM = 32
_STAGES = (
    (1, 1, 16, 3, 1),
    (2, 6, 24, 3, 2),
    (2, 6, 40, 5, 2),
    (3, 6, 80, 3, 2),
    (3, 6, 112, 5, 1),
    (4, 6, 192, 5, 2),
    (1, 6, 320, 3, 1),
)
"""For each stage: number of blocks, expansion, channels at the standard width, kernel, stride of the first block."""
_SQUEEZE = 4
"""The squeezed channels are those that enter the block over this, rounded down."""
_DROPOUT, _DROP_CONNECT = 0.2, 0.2
_STEP = 8
"""All numbers of channels are multiples of this."""


class Gate(eqx.Module):
    """Squeeze and excitation: a factor for each channel, from the means of all of them over positions."""

    squeeze: Linear
    excite: Linear

    def __call__(self, x: Positions, mode: Evaluation) -> Float[Array, "sample channel"]:
        """Return the factors."""
        squeezed = swish(self.squeeze(x.mean(axis=1)), mode)
        return mode.node(jax.nn.sigmoid(self.excite(squeezed)))


class InvertedBlock(eqx.Module):
    """More channels, a convolution of each of them, gates, fewer channels; added to the input if shapes agree."""

    expand: Unit | None
    depthwise: Unit
    gate: Gate
    project: Unit
    adds: bool = eqx.field(static=True)
    drop_rate: float = eqx.field(static=True)
    """Probability that training leaves the block out for a sample, where it is added to its input."""

    def __call__(self, x: Positions, mode: Evaluation) -> Images:
        """Return the activations of the block."""
        y = x if self.expand is None else swish(self.expand(x, mode), mode)
        y = swish(self.depthwise(y, mode), mode)
        y = self.project(y * self.gate(y, mode)[:, None], mode)
        if not self.adds:
            return y
        return x + (mode.drop(y, self.drop_rate, axes=1) if self.drop_rate > 0 else y)


class EfficientNet(StandardNetwork):
    """A convolution of 3, seven stages of blocks, a mean over positions, dropout, a linear map."""

    stem: Unit
    blocks: tuple[InvertedBlock, ...]
    readout: Linear

    def forward(self, x: Positions, mode: Evaluation) -> Float[Array, "sample class_"]:
        """Return the outputs of one pass."""
        x = swish(self.stem(x, mode), mode)
        for block in self.blocks:
            x = block(x, mode)
        return self.readout(mode.drop(x.mean(axis=1), _DROPOUT, axes=2))


def swish(x: Any, mode: Evaluation) -> Any:
    """Return x sigmoid(x), whose node is the sigmoid, as published."""
    return x * mode.node(jax.nn.sigmoid(x))


def efficientnet(
    params: Params, width: int, key: Key, interface: Interface, options: VariantOptions, dtype: Any
) -> EfficientNet:
    """Draw an EfficientNetB0 (docs, networks.md)."""
    uniform, entering, blocks = Uniforms(key, dtype), _STEM * width // BASE_WIDTH, []
    stem = Unit.draw(uniform, interface.channels, entering, 3)
    last = _DROP_CONNECT if options.variant == "standard" else 0.0
    total = sum(count for count, *_ in _STAGES)
    for count, expansion, base, kernel, stride in _STAGES:
        leaving = base * width // BASE_WIDTH
        for number in range(count):
            step = stride if number == 0 else 1
            rate = last * len(blocks) / total
            blocks.append(_block(uniform, entering, expansion, leaving, kernel, step, rate))
            entering = leaving
    return EfficientNet(stem, tuple(blocks), Linear.draw(uniform, entering, interface.scores))


def _block(
    uniform: Uniforms, entering: int, expansion: int, leaving: int, kernel: int, stride: int, rate: float
) -> InvertedBlock:
    inner, squeezed = expansion * entering, max(1, entering // _SQUEEZE)
    expand = Unit.draw(uniform, entering, inner, 1) if expansion > 1 else None
    depthwise = Unit.draw_depthwise(uniform, inner, kernel, stride=stride)
    gate = Gate(Linear.draw(uniform, inner, squeezed), Linear.draw(uniform, squeezed, inner))
    project = Unit.draw(uniform, inner, leaving, 1)
    return InvertedBlock(expand, depthwise, gate, project, stride == 1 and entering == leaving, rate)


def _check(params: Params, width: int, options: VariantOptions) -> None:
    """Refuse a width at which a number of channels would not be whole."""
    if width % _STEP:
        problem = "does not give efficientnetb0 whole numbers of channels"
        raise ArgumentError("width", width, problem, f"Use a multiple of {_STEP}")


EFFICIENTNETB0 = standard_family(
    "efficientnetb0",
    efficientnet,
    options=VariantOptions,
    check=_check,
    label="EfficientNetB0",
    colour="#33107A",
    marker="X",
)
