"""Products of many rows, each with the matrix of its own place: the kernel of active-tree execution.

Only informative children are multiplied, each with the block of the weights that belongs to its place in the
patch (CNN) or in the layer (LCN). Rows are laid out by block and padded to equal numbers, so that one batched
matrix product does it, forward and backward. What is padded is chosen to cost least on average; a batch whose
places are unusually crowded takes the same product with room for the worst case, so the result is always exact.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_batching import custom_vmap
from jaxtyping import Array, Bool, Float, Int
from scipy.special import bdtr

from .products import slopes_of_product

Room = tuple[int, int]
"""Rows that a block has room for: as a rule, and at most."""

_COST = np.array([0, *[4] * 4, *[8] * 4, *[16] * 7])
"""What the last 0 to 15 rows of a block cost on a CPU, in rows: 9 take about as long as 16."""


@cache
def room(rows: int, blocks: int, most: int, beside: int = 0) -> Room:
    """Return how many rows each block gets room for: the number that costs least on average, and the worst case.

    A block receives Binomial(`most`, rows / (blocks * most)) rows. With room for R, all blocks cost R rows each,
    rounded up to what a CPU multiplies at once, and the worst case where some block has more, which happens with
    probability 1 - F(R)^blocks.

    Parameters
    ----------
    rows
        Rows of a batch.
    blocks
        Blocks that they fall into, equally often.
    most
        Rows that can fall into one block at most.
    beside
        Rows that every block gets besides.
    """
    sizes = np.arange(1, most + 1)
    crowded = 1 - bdtr(sizes, most, rows / (blocks * most)) ** blocks
    cost = _cost(sizes + beside) + crowded * _cost(most + beside)
    usual = most - int(np.argmin(cost[::-1]))  # of equal ones the largest
    # A device other than a CPU would wait for the host at every decision, and multiplies zeros for little.
    return (usual, most) if jax.default_backend() == "cpu" else (most, most)


def _cost(rows: Any) -> Any:
    """Return what products of so many rows cost, in rows."""
    return rows // 16 * 16 + _COST[rows % 16]


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
    room: Room,
    weight: Float[Array, "block channel unit"],
    rows: Float[Array, "row channel"],
    block: Int[Array, " row"],
    every: Float[Array, "place channel"],
) -> tuple[Float[Array, "row unit"], Float[Array, "place unit"]]:
    """Multiply each row with the matrix of its block, and one more row for each place of the layer.

    Parameters
    ----------
    room
        What :func:`room` returns.
    weight
        The matrices.
    rows, block
        The rows, at most ``room[1]`` in a block, and their blocks.
    every
        A row for every place, in order; place q has block q modulo the number of blocks. They share the pass
        over the weights. May be empty.

    Returns
    -------
    tuple
        The products of `rows` and of `every`.
    """
    return _forward(room, weight, rows, block, every)[0]


def _forward(room: Room, weight: Any, rows: Any, block: Any, every: Any) -> Any:
    slots = _Slots(block, rank_in_block(block, len(weight)), len(weight), room)

    def product(size: int) -> Any:
        return slots.read(size, slots.lay(size, rows, every) @ weight, len(every))

    return slots.smallest(product), (weight, rows, slots, every)


def _backward(room: Room, kept: Any, slopes: Any) -> Any:
    weight, rows, slots, every = kept

    def products(size: int) -> Any:
        laid, slope = slots.lay(size, rows, every), slots.lay(size, *slopes)
        d_laid, d_weight = slopes_of_product(laid, weight, slope)
        return d_weight, *slots.read(size, d_laid, len(every))

    d_weight, d_rows, d_every = slots.smallest(products)
    return d_weight, d_rows, None, d_every


blockwise.defvjp(_forward, _backward)


class _Slots(eqx.Module):
    """Where each row stands among the rows of its block."""

    block: Int[Array, " row"]
    rank: Int[Array, " row"]
    blocks: int = eqx.field(static=True)
    room: Room = eqx.field(static=True)

    def smallest(self, work: Callable[[int], Any]) -> Any:
        """Do the work with the usual room if that is enough, else with all."""
        usual, most = self.room
        if usual >= most:
            return work(most)
        enough = _everywhere((self.rank < usual).all())
        return jax.lax.cond(enough, lambda: work(usual), lambda: work(most))

    def lay(self, size: int, rows: Any, every: Any) -> Float[Array, "block slot channel"]:
        """Lay the rows out by block, with `size` slots each, the rows of every place behind them."""
        of_rows, of_places, slots = self._slots(size, len(every))
        laid = jnp.zeros((self.blocks * slots, rows.shape[-1]), rows.dtype)
        for slot, values in ((of_rows, rows), (of_places, every)):
            laid = laid.at[slot].set(values, mode="promise_in_bounds", unique_indices=True)
        return laid.reshape(self.blocks, slots, -1)

    def read(self, size: int, laid: Any, places: int) -> tuple[Any, Any]:
        """Read the rows and those of all places back from their slots."""
        of_rows, of_places, _ = self._slots(size, places)
        flat = laid.reshape(-1, laid.shape[-1])
        return jnp.take(flat, of_rows, axis=0, mode="clip"), jnp.take(flat, of_places, axis=0, mode="clip")

    def _slots(self, size: int, places: int) -> tuple[Any, Any, int]:
        """Return the slots of the rows, those of the places, and how many a block has."""
        slots = size + places // self.blocks
        turn, block = np.divmod(np.arange(places, dtype=np.int32), np.int32(self.blocks))
        return self.block * slots + self.rank, jnp.asarray(block * slots + size + turn), slots


@custom_vmap
def _everywhere(flag: Bool[Array, ""]) -> Bool[Array, ""]:
    """Return the flag; in an ensemble, whether it holds for all members, so that they decide together."""
    return flag


@_everywhere.def_vmap
def _(size: int, batched: list[bool], flags: Any) -> tuple[Any, bool]:
    return flags.all(), False
