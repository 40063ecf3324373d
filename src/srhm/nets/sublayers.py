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
    """Scores are [sample, head, key, query]: so sums are by columns, and only small arrays are transposed."""
    q, _, v = (entries[:, :, number] for number in range(3))
    scores = _by_position(entries[:, :, 1]) @ (_by_channel(q) * q.shape[-1] ** -0.5)
    if causal:
        later = np.tri(q.shape[1], k=-1, dtype=bool)  # keys after the query
        scores = scores + np.where(later, -np.inf, 0).astype(q.dtype)[None, None]
    weights = jnp.exp(scores - scores.max(axis=2, keepdims=True))
    weights = weights / weights.sum(axis=2, keepdims=True)
    y = _by_channel(v) @ weights
    return jnp.moveaxis(y, 3, 1), (entries, weights, y)


def _attended_vjp(causal: bool, kept: Any, cotangent: Any) -> tuple[Any]:
    entries, weights, y = kept
    q, k, v = (entries[:, :, number] for number in range(3))
    g = _by_channel(cotangent)
    # The mean of a softmax's cotangent over its weights is that over the outputs: sum over keys of weight (v g) = y g.
    mean = (y * g).sum(axis=2, keepdims=True)
    d_scores = weights * (_by_position(v) @ g - mean) * q.shape[-1] ** -0.5
    d_q = jnp.moveaxis(_by_channel(k) @ d_scores, 3, 1)
    d_k, d_v = d_scores @ _by_position(q), weights @ _by_position(cotangent)
    return (jnp.stack([d_q, d_k.swapaxes(1, 2), d_v.swapaxes(1, 2)], axis=2),)


def _by_position(x: Any) -> Any:
    """Return [sample, head, position, channel], from [sample, position, head, channel]."""
    return x.swapaxes(1, 2)


def _by_channel(x: Any) -> Any:
    """Return [sample, head, channel, position], from [sample, position, head, channel]."""
    return jnp.moveaxis(x, 1, 3)


attend.defvjp(_attended, _attended_vjp)
