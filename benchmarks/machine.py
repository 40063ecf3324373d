"""What the machine can do: bandwidth of a triad over memory, and the rate of a step's largest product."""

import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np


def fastest(work: Callable[[], object], repetitions: int = 7) -> float:
    """Seconds of the fastest repetition, after one that is not counted."""
    work()
    times = []
    for _ in range(repetitions):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def last_level_cache() -> int:
    """Bytes of the largest cache; 32 MiB where the system does not say."""
    sizes = [32 * 2**20]
    for file in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        text = file.read_text().strip()
        sizes.append(int(text.rstrip("KMG")) * {"K": 2**10, "M": 2**20, "G": 2**30}.get(text[-1], 1))
    return max(sizes)


def triad_bandwidth(times: int = 5) -> float:
    """Bytes a second of a = b + s a, again and again; each array is four times the largest cache.

    Two arrays are read and one is written, as in the usual triad; in place, so that no page is new.
    """
    count = last_level_cache()
    b = jnp.ones(count, jnp.float32)
    triad = jax.jit(lambda b: jax.lax.fori_loop(0, times, lambda i, a: b + 0.5 * a, jnp.zeros_like(b)).sum())
    once = jax.jit(
        lambda b: jax.lax.fori_loop(0, 0 * times, lambda i, a: b + 0.5 * a, jnp.zeros_like(b)).sum()
    )
    seconds = fastest(lambda: triad(b).block_until_ready()) - fastest(lambda: once(b).block_until_ready())
    return 3 * 4 * count * times / seconds


def product_rate(blocks: int, rows: int, width: int) -> float:
    """FLOPs a second of the forward and both backward products of `rows` rows with each of some blocks."""
    random = np.random.default_rng(0)
    x, slope = (jnp.asarray(random.normal(size=(blocks, rows, width)), jnp.float32) for _ in range(2))
    weight = jnp.asarray(random.normal(size=(blocks, width, width)), jnp.float32)
    products = [
        (jax.jit(lambda x, w: jnp.einsum("bri,bio->bro", x, w)), (x, weight)),
        (jax.jit(lambda x, w: jnp.einsum("bro,bio->bri", x, w)), (slope, weight)),
        (jax.jit(lambda x, z: jnp.einsum("bri,bro->bio", x, z)), (x, slope)),
    ]
    seconds = sum(fastest(lambda f=f, a=a: jax.block_until_ready(f(*a)), 15) for f, a in products)
    return 3 * 2 * blocks * rows * width**2 / seconds
