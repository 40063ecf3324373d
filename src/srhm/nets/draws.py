"""Random arrays for the initial weights of a network, each with a key of its own."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from ..memory import check_memory
from ..randomness import Key, threefry2x32

Init = Literal["normal", "hom", "aligned"]
"""Initial hidden weights: standard normal, or all 1 (the "homogeneous" net of the paper's appendix), or standard normal
and above the first layer the same for the s0+1 places of a sub-patch."""

_PIECE = 2**16


class _Draws:
    """Arrays of one distribution from one key, each call with a key of its own.

    The numbers are those of `jax.random`, drawn in pieces of one size: JAX would compile its generator anew for
    every shape, which takes longer than drawing the numbers.
    """

    law: Callable[[Key, Any, Any], Array]
    """Numbers `start` to `start + _PIECE - 1` of a key, in a type."""

    def __init__(self, key: Key, dtype: Any) -> None:
        self._key, self._dtype = key, dtype

    def _next(self, shape: tuple[int, ...], scale: float = 1.0) -> Array:
        check_memory("shape", shape, 4 * math.prod(shape), "weights", "Use a smaller width")
        pair = np.arange(2, dtype=np.uint32)
        first, second = threefry2x32(self._key, np.zeros_like(pair), pair, rounds=20)
        self._key, key = Key(first[0], second[0]), Key(first[1], second[1])
        count = math.prod(shape)
        pieces = [type(self).law(key, np.uint32(start), self._dtype) for start in range(0, count, _PIECE)]
        # NumPy compiles nothing for a new shape; traced pieces are not for it.
        xp = jnp if isinstance(pieces[0], Tracer) else np
        return jax.device_put(xp.concatenate(pieces)[:count].reshape(shape) * pieces[0].dtype.type(scale))


def _symmetric(key: Key, start: Any, dtype: Any) -> Float[Array, " number"]:
    """Return some numbers of a key, uniform in (-1, 1)."""
    number = start + jnp.arange(_PIECE, dtype=jnp.uint32)
    high, low = threefry2x32(key, jnp.zeros_like(number), number, rounds=20)
    kind = jnp.finfo(dtype)
    wide = kind.bits == 64
    bits = high.astype(jnp.uint64) << jnp.uint64(32) | low.astype(jnp.uint64) if wide else high ^ low
    # The mantissa of a number from 1 to 2, then uniform in (-1, 1).
    one = jax.lax.bitcast_convert_type(jnp.ones((), kind.dtype), bits.dtype)
    shift = bits.dtype.type(kind.bits - kind.nmant)
    fraction = jax.lax.bitcast_convert_type(bits >> shift | one, kind.dtype) - 1
    least = np.nextafter(kind.dtype.type(-1), kind.dtype.type(0))
    return jnp.maximum(least, fraction * (kind.dtype.type(1) - least) + least)


_uniforms = jax.jit(_symmetric, static_argnums=2)


@partial(jax.jit, static_argnums=2)
def _normals(key: Key, start: Any, dtype: Any) -> Float[Array, " number"]:
    kind = jnp.finfo(dtype).dtype
    return kind.type(np.sqrt(2)) * jax.lax.erf_inv(_symmetric(key, start, dtype))


class Normals(_Draws):
    """Standard normal arrays from one key, each call with a key of its own: those of `jax.random.normal`."""

    law = staticmethod(_normals)

    def __call__(self, *shape: int) -> Array:
        """Draw the next array."""
        return self._next(shape)

    def scaled(self, scale: float, *shape: int) -> Array:
        """Draw the next array, of this standard deviation."""
        return self._next(shape, scale)

    def hidden(self, init: Init, *shape: int) -> Array:
        """Draw hidden weights, or set them to 1 in the homogeneous net."""
        return jnp.ones(shape, self._dtype) if init == "hom" else self(*shape)


class Uniforms(_Draws):
    """Uniform arrays from one key, each call with a key of its own."""

    law = staticmethod(_uniforms)

    def __call__(self, bound: float, *shape: int) -> Array:
        """Draw the next array, uniform in (-bound, bound)."""
        return self._next(shape, bound)

    def fan_in(self, entering: int, *shape: int) -> Array:
        """Draw as PyTorch does for a unit with `entering` inputs: U(+-entering^(-1/2))."""
        return self(entering**-0.5, *shape)
