"""Layer normalisation, GELU and attention, each with its gradient written out.

What autodiff would keep for a gradient is computed again where that is cheaper than to read it from memory, and no
large array is transposed twice (docs, speed.md).
"""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

EPSILON = 1e-5
"""Added to the variance, as in PyTorch."""


@jax.custom_vjp
def normalise(x: Float[Array, "row channel"]) -> Float[Array, "row channel"]:
    """Return (x - mean) / sqrt(variance + 1e-5) over the channels of each row."""
    return _normalised(x)[0]


def _normalised(x: Any) -> tuple[Any, tuple[Any, Any]]:
    centred = x - x.mean(axis=-1, keepdims=True)
    scale = jax.lax.rsqrt((centred * centred).mean(axis=-1, keepdims=True) + EPSILON)
    y = centred * scale
    return y, (y, scale)


def _normalised_vjp(kept: Any, cotangent: Any) -> tuple[Any]:
    y, scale = kept
    along = (cotangent * y).mean(axis=-1, keepdims=True)
    return (scale * (cotangent - cotangent.mean(axis=-1, keepdims=True) - y * along),)


normalise.defvjp(_normalised, _normalised_vjp)


@jax.custom_vjp
def gelu(z: Float[Array, "row unit"]) -> Float[Array, "row unit"]:
    """Return z Φ(z) with the distribution function Φ of a standard normal variable."""
    return z * _distribution(z)


def _gelu_vjp(z: Any, cotangent: Any) -> tuple[Any]:
    density = jnp.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    return (cotangent * (_distribution(z) + z * density),)


def _distribution(z: Any) -> Any:
    return 0.5 + 0.5 * jax.lax.erf(z * math.sqrt(0.5))


gelu.defvjp(lambda z: (gelu(z), z), _gelu_vjp)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def attend(
    causal: bool, entries: Float[Array, "sample position three head channel"]
) -> Float[Array, "sample position head channel"]:
    """Return softmax(Q K^T / sqrt(channels)) V of each head, given queries, keys and values.

    With `causal`, position t attends to positions 1 to t alone.
    """
    return _attended(causal, entries)[0]


def _attended(causal: bool, entries: Any) -> tuple[Any, tuple[Any, ...]]:
    q, k, v = (
        entries[:, :, number].swapaxes(1, 2) for number in range(3)
    )  # [sample, head, position, channel]
    scores = (q * q.shape[-1] ** -0.5) @ k.swapaxes(2, 3)
    if causal:
        scores = scores + np.where(np.tri(q.shape[2], dtype=bool), 0, -np.inf).astype(q.dtype)[None, None]
    weights = jnp.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = weights / weights.sum(axis=-1, keepdims=True)
    y = weights @ v
    return y.swapaxes(1, 2), (q, k, v, weights, y)


def _attended_vjp(causal: bool, kept: Any, cotangent: Any) -> tuple[Any]:
    q, k, v, weights, y = kept
    g = cotangent.swapaxes(1, 2)
    # The mean over a row of the softmax is that of the outputs: sum over positions of weight * (g v) = g y.
    mean = (g * y).sum(axis=-1, keepdims=True)
    d_scores = weights * (g @ v.swapaxes(2, 3) - mean) * q.shape[-1] ** -0.5
    by_input = d_scores @ k, d_scores.swapaxes(2, 3) @ q, weights.swapaxes(2, 3) @ g
    return (jnp.stack([one.swapaxes(1, 2) for one in by_input], axis=2),)


attend.defvjp(_attended, _attended_vjp)
