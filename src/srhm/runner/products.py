"""The products of matrices in a program, from its shapes alone: nothing is compiled or computed."""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import equinox as eqx


class Product(NamedTuple):
    """One product of two matrices, or of a batch of pairs."""

    flops: int
    """Its floating-point operations, a multiplication and an addition for each term."""
    left: int
    """Numbers of its first factor."""
    out: int
    """Numbers of its result."""


def products(function: Callable[..., Any], *arguments: Any) -> list[Product]:
    """Return the products of a function of arrays, in order; shapes may stand in for the arrays."""
    return list(_of(eqx.filter_make_jaxpr(function)(*arguments)[0].jaxpr))


def _of(jaxpr: Any) -> Iterator[Product]:
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            left, out = equation.invars[0].aval, equation.outvars[0].aval
            summed = math.prod(left.shape[axis] for axis in equation.params["dimension_numbers"][0][0])
            yield Product(2 * out.size * summed, left.size, out.size)
        for inner in equation.params.values():  # programs inside, such as those of jit
            if hasattr(inner, "jaxpr"):
                yield from _of(inner.jaxpr)
