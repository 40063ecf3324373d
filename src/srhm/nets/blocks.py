"""Products of many rows, each with the matrix of its own place: the kernel of active-tree execution.

Only informative children are multiplied, each by the block of the weights that belongs to its place in the
patch (CNN) or in the layer (LCN). Rows are arranged by block and padded to equal numbers, so that one batched
matrix product is enough, forward and backward. The capacity of a block minimises the average cost; a batch with more
rows in a block uses the same product at a larger capacity, up to the worst case, so the result is always exact.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_batching import custom_vmap
from jaxtyping import Array, Float, Int
from scipy.special import bdtr

from ..backend import backend_name
from .products import matmul_vjp

Capacities = tuple[int, ...]
"""Rows that a block can hold: growing sizes, the last for the worst case. A batch takes the smallest that holds it."""


@cache
def choose_capacities(rows: int, blocks: int, max_rows: int, extra: int = 0) -> Capacities:
    """Return at most three capacities: the worst case, and two smaller ones that minimise the average cost.

    The rows of a batch fall into the blocks equally often, at most `max_rows` into one, which gets `extra` rows in
    addition. A block receives Binomial(`max_rows`, rows / (blocks * max_rows)) rows, and all blocks have at most R with
    probability F(R)^blocks. All have the same capacity.
    """
    if backend_name() != "cpu" or rows == blocks * max_rows:
        # Another device would wait for the host at every decision, while multiplying zeros costs it little.
        return (max_rows,)
    sizes = np.arange(1, max_rows + 1)
    sizes = sizes[((sizes + extra) % 4 == 0) | (sizes == max_rows)]  # the largest of those that cost the same
    holds, cost = bdtr(sizes, max_rows, rows / (blocks * max_rows)) ** blocks, _cost(sizes + extra)
    pairs = holds[:, None] * cost[:, None] + (holds - holds[:, None]) * cost + (1 - holds) * cost[-1]
    pairs = np.where(np.tri(len(sizes), k=-1, dtype=bool), np.inf, pairs)
    chosen = np.unravel_index(np.argmin(pairs), pairs.shape)
    return tuple(dict.fromkeys([*sizes[np.array(chosen)].tolist(), max_rows]))


def _cost(rows: Any) -> Any:
    """Return the cost of a block with this many rows on a CPU, in rows, as measured: weights are read even for one."""
    fours = -(-rows // 4)
    return 3 + 4 * fours + fours % 2


def rank_in_block(block: Int[Array, " row"], blocks: int) -> Int[Array, " row"]:
    """Return how many earlier rows have the same block."""
    rows = block.shape[0]
    if blocks * rows < 2**31:  # block and row in one integer sort fastest
        order = jax.lax.sort(block * rows + jnp.arange(rows, dtype=jnp.int32)) % rows
    else:
        order = jnp.argsort(block, stable=True).astype(jnp.int32)
    count = jnp.zeros(blocks, jnp.int32).at[block].add(1)
    first = jnp.cumsum(count) - count
    rank = jnp.arange(rows, dtype=jnp.int32) - first[block[order]]
    return jnp.zeros(rows, jnp.int32).at[order].set(rank, unique_indices=True)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def blockwise(
    capacities: Capacities,
    weight: Float[Array, "block channel unit"],
    rows: Float[Array, "row channel"],
    block: Int[Array, " row"],
    blank_rows: Float[Array, "place channel"],
) -> tuple[Float[Array, "row unit"], Float[Array, "place unit"]]:
    """Multiply each row by the matrix of its block, and one more row for each place of the layer.

    At most ``capacities[-1]`` rows are in a block. There is a row of blanks for every place, in order, or none; place q
    has block q modulo the number of blocks. They share the pass over the weights.
    """
    return _forward(capacities, weight, rows, block, blank_rows)[0]


def _forward(capacities: Capacities, weight: Any, rows: Any, block: Any, blank_rows: Any) -> Any:
    slots = _Slots.of(block, len(weight), capacities)

    def product(size: int) -> Any:
        return slots.read(size, slots.lay(size, rows, blank_rows) @ weight)

    return slots.smallest(product), (weight, rows, slots, blank_rows)


def _backward(capacities: Capacities, kept: Any, cotangents: Any) -> Any:
    weight, rows, slots, blank_rows = kept

    def products(size: int) -> Any:
        laid, cotangent = slots.lay(size, rows, blank_rows), slots.lay(size, *cotangents)
        d_laid, d_weight = matmul_vjp(laid, weight, cotangent)
        return d_weight, *slots.read(size, d_laid)

    d_weight, d_rows, d_blank = slots.smallest(products)
    return d_weight, d_rows, None, d_blank


blockwise.defvjp(_forward, _backward)


class _Slots(eqx.Module):
    """The slot of each row in its block."""

    block: Int[Array, " row"]
    rank: Int[Array, " row"]
    row: Int[Array, "block slot"]
    capacities: Capacities = eqx.field(static=True)

    @classmethod
    def of(cls, block: Int[Array, " row"], blocks: int, capacities: Capacities) -> "_Slots":
        """Give every row a slot of its block; slots left over have the number of rows."""
        rows, rank = len(block), rank_in_block(block, blocks)
        row = jnp.full((blocks, capacities[-1]), rows, jnp.int32)
        row = row.at[block, rank].set(
            jnp.arange(rows, dtype=jnp.int32), mode="promise_in_bounds", unique_indices=True
        )
        return cls(block, rank, row, capacities)

    def smallest(self, work: Callable[[int], Any]) -> Any:
        """Do the work at the smallest sufficient capacity."""
        if len(self.capacities) == 1:
            return work(*self.capacities)
        too_small = (self.rank.max() >= jnp.asarray(self.capacities[:-1], jnp.int32)).sum(dtype=jnp.int32)
        return jax.lax.switch(_everywhere(too_small), [partial(work, size) for size in self.capacities])

    def lay(self, size: int, rows: Any, blank_rows: Any) -> Float[Array, "block slot channel"]:
        """Lay the rows out by block, with `size` slots each, the rows of blanks behind them."""
        full = len(rows) == len(self.row) * size
        laid = rows.at[self.row[:, :size]].get(mode="promise_in_bounds" if full else "fill", fill_value=0)
        if not len(blank_rows):
            return laid
        turns = blank_rows.reshape(-1, len(self.row), blank_rows.shape[-1])
        return jnp.concatenate([laid, turns.swapaxes(0, 1)], axis=1)

    def read(self, size: int, laid: Any) -> tuple[Any, Any]:
        """Read the rows and those of blanks back from their slots."""
        of_places = laid[:, size:].swapaxes(0, 1).reshape(-1, laid.shape[-1])
        return laid.at[self.block, self.rank].get(mode="promise_in_bounds"), of_places


@custom_vmap
def _everywhere(choice: Int[Array, ""]) -> Int[Array, ""]:
    """Return the choice; in an ensemble the largest of its members, so that they decide together."""
    return choice


@_everywhere.def_vmap
def _(size: int, batched: list[bool], choices: Any) -> tuple[Any, bool]:
    return choices.max(), False
