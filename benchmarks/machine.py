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
    """FLOPs a second of the forward and both backward products of `rows` rows with each of some blocks.

    Each product is computed with its rows as rows and as columns, and counts by the faster.
    """
    random = np.random.default_rng(0)
    x, slope = (jnp.asarray(random.normal(size=(blocks, rows, width)), jnp.float32) for _ in range(2))
    weight = jnp.asarray(random.normal(size=(blocks, width, width)), jnp.float32)
    x_columns, slope_columns = jnp.swapaxes(x, 1, 2).copy(), jnp.swapaxes(slope, 1, 2).copy()
    products = [
        [("bri,bio->bro", (x, weight))],
        [("bro,bio->bri", (slope, weight)), ("bio,bor->bir", (weight, slope_columns))],
        [("bri,bro->bio", (x, slope)), ("bir,bro->bio", (x_columns, slope))],
    ]
    seconds = sum(min(_seconds(form, operands) for form, operands in ways) for ways in products)
    return 3 * 2 * blocks * rows * width**2 / seconds


def _seconds(form: str, operands: tuple) -> float:
    product = jax.jit(lambda first, second: jnp.einsum(form, first, second))
    return fastest(lambda: jax.block_until_ready(product(*operands)), 15)
