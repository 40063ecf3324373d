"""A linear map of channels with a bias."""

import equinox as eqx
from jaxtyping import Array, Float

from ..draws import Uniforms


class Linear(eqx.Module):
    """W x + b over the last axis."""

    weight: Float[Array, "channel unit"]
    """[C_in, C_out]."""
    bias: Float[Array, " unit"]
    """[C_out]."""

    @classmethod
    def draw(cls, uniform: Uniforms, entering: int, leaving: int) -> "Linear":
        """Draw as PyTorch does: weights, then biases, U(+-C_in^(-1/2))."""
        return cls(uniform.fan_in(entering, entering, leaving), uniform.fan_in(entering, leaving))

    def __call__(self, x: Float[Array, "sample channel"]) -> Float[Array, "sample unit"]:
        """Return W x + b."""
        return x @ self.weight + self.bias[None]
