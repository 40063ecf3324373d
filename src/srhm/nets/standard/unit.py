"""A convolution and its batch normalisation, the building block of all standard architectures."""

from typing import Any

import equinox as eqx

from ..draws import Uniforms
from .convolution import Convolution, DepthwiseConvolution, Images, Positions
from .modes import Evaluation
from .normalisation import BatchNorm


class Unit(eqx.Module):
    """A convolution and its batch normalisation."""

    convolution: Convolution | DepthwiseConvolution
    norm: BatchNorm

    @classmethod
    def draw(cls, uniform: Uniforms, entering: int, leaving: int, kernel: int, **options: Any) -> "Unit":
        """Draw a convolution, and start its normalisation."""
        convolution = Convolution.draw(uniform, entering, leaving, kernel, **options)
        return cls(convolution, BatchNorm.fresh(leaving, convolution.weight.dtype))

    @classmethod
    def draw_depthwise(cls, uniform: Uniforms, channels: int, kernel: int, *, stride: int) -> "Unit":
        """Draw a convolution of each channel, and start its normalisation."""
        convolution = DepthwiseConvolution.draw(uniform, channels, kernel, stride=stride)
        return cls(convolution, BatchNorm.fresh(channels, convolution.weight.dtype))

    def __call__(self, x: Positions, mode: Evaluation) -> Images:
        """Return the normalised pre-activations."""
        return mode.normalise(self.norm, self.convolution(x))
