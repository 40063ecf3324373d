"""One-dimensional convolutions over [sample, position, channel], as products of matrices.

On one core a kernel of 3 with its two gradients is 24 to 48 times faster than XLA's convolution, at the lengths of the
paper's model, 36 to 2 (docs, speed.md).
"""

from functools import reduce
from operator import add
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..draws import Uniforms

Positions = Float[Array, "sample position channel"]
Images = Float[Array, "sample image unit"]


class Convolution(eqx.Module):
    """Convolution with an odd kernel, zeros of (kernel - 1)/2 places on both sides, and a stride."""

    weight: Float[Array, "entry unit"]
    """[kernel * C_in, C_out], rows ordered by place in the kernel, then channel."""
    bias: Float[Array, " unit"] | None
    """[C_out], or None."""
    kernel: int = eqx.field(static=True)
    """Length of the kernel."""
    stride: int = eqx.field(static=True)
    """Stride: n positions become ceil(n / stride)."""

    @classmethod
    def draw(
        cls,
        uniform: Uniforms,
        entering: int,
        leaving: int,
        kernel: int,
        *,
        stride: int = 1,
        bias: bool = False,
    ) -> "Convolution":
        """Draw as PyTorch does: weights, then biases, U(+-(kernel * C_in)^(-1/2))."""
        entries = kernel * entering
        weight = uniform.fan_in(entries, entries, leaving)
        return cls(weight, uniform.fan_in(entries, leaving) if bias else None, kernel, stride)

    def __call__(self, x: Positions) -> Images:
        """Return the pre-activations."""
        seen = jnp.concatenate(windows(x, self.kernel, self.stride), axis=-1)
        samples, positions, entries = seen.shape
        z = (seen.reshape(samples * positions, entries) @ self.weight).reshape(samples, positions, -1)
        return z if self.bias is None else z + self.bias[None, None]


class DepthwiseConvolution(eqx.Module):
    """A convolution of each channel with a kernel of its own, otherwise the same."""

    weight: Float[Array, "place channel"]
    """[kernel, channel]."""
    stride: int = eqx.field(static=True)
    """Stride of the kernel."""

    @classmethod
    def draw(
        cls, uniform: Uniforms, channels: int, kernel: int, *, stride: int = 1
    ) -> "DepthwiseConvolution":
        """Draw as PyTorch does: U(+-kernel^(-1/2))."""
        return cls(uniform.fan_in(kernel, kernel, channels), stride)

    def __call__(self, x: Positions) -> Images:
        """Return the pre-activations."""
        seen = windows(x, len(self.weight), self.stride)
        terms = [w[None, None] * part for w, part in zip(self.weight, seen, strict=True)]
        return reduce(add, terms)


def windows(x: Positions, kernel: int, stride: int) -> list[Any]:
    """Return the inputs at each place of the kernel, [sample, position, channel], one array per place."""
    positions = -(-x.shape[1] // stride)
    padded = jnp.pad(x, ((0, 0), (kernel // 2, kernel // 2), (0, 0)))
    return [padded[:, place : place + (positions - 1) * stride + 1 : stride] for place in range(kernel)]
