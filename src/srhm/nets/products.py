"""Products of rows with weight matrices, and their gradients, in the order that is fastest on a CPU."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..backend import backend_name

_LARGE = 128 * 128
"""Number of entries above which the order of reading a matrix matters."""
_NARROW = 32
"""Number of units up to which a matrix is read by columns: a CPU reads along rows, and these are short."""


@jax.custom_vjp
def product(
    rows: Float[Array, "*block row entry"], weight: Float[Array, "*block entry unit"]
) -> Float[Array, "*block row unit"]:
    """Return the products of rows and weights, each block on its own."""
    return rows @ (_transposed(columns(weight)) if _narrow(weight) else weight)


def matmul_vjp(
    rows: Float[Array, "*block row entry"],
    weight: Float[Array, "*block entry unit"],
    cotangent: Float[Array, "*block row unit"],
) -> tuple[Float[Array, "*block row entry"], Float[Array, "*block entry unit"]]:
    """Return the gradients of the rows and of the weights from the cotangent of their product.

    cotangent @ weight^T would write a transposed copy of the weights. On a CPU the few rows are transposed instead, and
    the weights are multiplied as they are in memory.
    """
    if _narrow(weight):
        return cotangent @ columns(weight), _transposed(
            jax.lax.optimization_barrier(columns(cotangent) @ rows)
        )
    if backend_name() != "cpu" or weight.shape[-2] * weight.shape[-1] < _LARGE:
        return cotangent @ _transposed(weight), _transposed(rows) @ cotangent
    # Eight columns are multiplied at a time, and four take as long.
    d_rows = (weight @ columns(cotangent, multiple=8))[..., : rows.shape[-2]]
    # The gradient comes second: else XLA keeps a copy of the weights, which might be updated before they are read.
    cotangent = cotangent + 0 * d_rows[(0,) * d_rows.ndim]
    return _transposed(d_rows), columns(rows) @ cotangent


def _forward(rows: Any, weight: Any) -> Any:
    return product(rows, weight), (rows, weight)


def _backward(kept: Any, cotangent: Any) -> Any:
    rows, weight = kept
    return matmul_vjp(rows, weight, cotangent)


product.defvjp(_forward, _backward)


@jax.custom_vjp
def product_of_many(
    rows: Float[Array, "row entry"], weight: Float[Array, "entry unit"]
) -> Float[Array, "row unit"]:
    """Return the products of many rows, as of all positions of a batch, with a smaller matrix."""
    return rows @ weight


def _many_vjp(kept: Any, cotangent: Any) -> Any:
    rows, weight = kept
    # A long sum over rows wants one factor in columns; the narrower one is copied.
    if weight.shape[0] <= weight.shape[1]:
        d_weight = columns(rows) @ cotangent
    else:
        d_weight = _transposed(jax.lax.optimization_barrier(columns(cotangent) @ rows))
    return cotangent @ _transposed(weight), d_weight


product_of_many.defvjp(lambda rows, weight: (rows @ weight, (rows, weight)), _many_vjp)


def columns(rows: Float[Array, "*block row unit"], multiple: int = 1) -> Float[Array, "*block unit column"]:
    """Transpose matrices in memory on a CPU, where XLA would leave that to the product that uses them.

    Their columns are padded with zeros to a multiple.
    """
    turned = _transposed(rows)
    if fill := -rows.shape[-2] % multiple:
        turned = jnp.pad(turned, [(0, 0)] * (turned.ndim - 1) + [(0, fill)])
    return jax.lax.optimization_barrier(turned) if backend_name() == "cpu" else turned


def _narrow(weight: Any) -> bool:
    return backend_name() == "cpu" and weight.shape[-1] <= _NARROW


def _transposed(matrix: Any) -> Any:
    return jnp.swapaxes(matrix, -1, -2)
