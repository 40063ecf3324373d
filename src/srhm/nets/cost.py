"""The cost of a network: its weights, the arithmetic of a training step, and memory, from shapes only.

Estimates for planning: nothing is drawn or computed. The numbers of weights are exact.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import prod
from typing import Any, NamedTuple

import equinox as eqx
import jax

from ..model.encoding import channels
from ..model.params import Params
from .design import Design
from .interface import Interface

_TEST_BATCH, _TABLE = 1024, 10_000
"""Test points computed at a time, by dense networks and by networks on patches."""


class Product(NamedTuple):
    """One product of two matrices, or of a batch of pairs."""

    flops: int
    """Its floating-point operations, a multiplication and an addition for each term."""
    left: int
    """Numbers of its first factor."""
    out: int
    """Numbers of its result."""


def matrix_products(function: Callable[..., Any], *arguments: Any) -> list[Product]:
    """Return the matrix products of a function of arrays, in order; shapes can take the place of arrays."""
    return list(_products_of(eqx.filter_make_jaxpr(function)(*arguments)[0].jaxpr))


def _products_of(jaxpr: Any) -> Iterator[Product]:
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            left, out = equation.invars[0].aval, equation.outvars[0].aval
            summed = prod(left.shape[axis] for axis in equation.params["dimension_numbers"][0][0])
            yield Product(2 * out.size * summed, left.size, out.size)
        for inner in equation.params.values():  # programs inside, such as those of jit
            if hasattr(inner, "jaxpr"):
                yield from _products_of(inner.jaxpr)


@dataclass(frozen=True)
class Cost(ABC):
    """The cost of one network on a model."""

    design: Design
    """What the network is built for."""

    @property
    def params(self) -> Params:
        """The parameters of the model."""
        return self.design.params

    @property
    def width(self) -> int:
        """Channels h of a hidden layer."""
        return self.design.spec.width

    @property
    def interface(self) -> Interface:
        """What enters the network and what leaves it."""
        return self.design.interface

    @property
    @abstractmethod
    def parameters(self) -> int:
        """The exact number of weights and biases, without running statistics."""

    @abstractmethod
    def step_flops(self, samples: int) -> int:
        """Return the floating-point operations of a training step: products, forward and backward, and the update."""

    @abstractmethod
    def activations(self, samples: int, points: int) -> int:
        """Return the numbers that the largest program holds: a step of `samples`, or a test set of `points`."""

    @property
    def arrays(self) -> int:
        """The number of arrays, if they make its compilation large; else 0."""
        return 0

    @property
    def update(self) -> int:
        """Floating-point operations of a step of momentum."""
        return 6 * self.parameters


class PatchCost(Cost):
    """Counted at the informative nodes and one blank sample (docs, speed.md): a CNN or an LCN."""

    @abstractmethod
    def layer_parameters(self, layer: int, positions: int, entering: int) -> int:
        """Return the number of weights and biases of a layer."""

    @property
    @abstractmethod
    def blank_rows(self) -> int:
        """Number of rows of weights of the first layer that are applied to blanks."""

    @property
    def dense(self) -> bool:
        """Whether the inputs are more than the leaves of samples, such as a mask, so that all nodes are computed."""
        return self.interface.channels != channels(self.params, self.design.spec.encoding)

    @property
    def parameters(self) -> int:
        """The number of weights and biases."""
        interface, total = self.interface, self.width * self.interface.numbers
        entering, positions = interface.channels, interface.length
        for level in self.params.levels:
            positions //= level.patch
            total += self.layer_parameters(level.level, positions, entering)
            entering = self.width
        return total

    def step_flops(self, samples: int) -> int:
        """Return the operations of a step."""
        params, h, entering = self.params, self.width, self.interface.channels
        readout = 3 * 2 * samples * h * self.interface.numbers
        # The first layer needs no gradient of its input.
        if self.dense:
            first = 2 * 2 * samples * self.interface.length * entering * h
            later = sum(3 * 2 * samples * level.positions * h * h for level in params.levels[1:])
            return first + later + readout + self.update
        total = 2 * 2 * (samples * params.num_leaves + self.blank_rows * entering) * h
        for level in params.levels[1:]:
            total += 3 * 2 * (samples * level.features + level.positions) * h * h
        return total + readout + self.update

    def activations(self, samples: int, points: int) -> int:
        """Return the numbers held; a node has its input, its slots of the product, and its output."""
        params, h = self.params, self.width
        if self.dense:
            positions = self.interface.length + sum(2 * level.patches for level in params.levels)
            return max(2 * samples, min(_TEST_BATCH, points)) * positions * h
        nodes = 1 + sum(level.features for level in params.levels)
        step = 3 * 2 * samples * nodes * h
        # Sub-trees of a test set are computed once: at level l there are at most so many distinct ones.
        distinct, evaluated, points = float(params.level(1).v), 0.0, min(_TABLE, points)
        for level in params.levels:
            of_symbol = level.m * level.placements * (distinct / level.v) ** level.s
            distinct = min(2.0**62, level.parents * of_symbol)
            trees = min(points * level.nodes, distinct * level.patches)
            evaluated = max(evaluated, (level.s + 2) * trees * h)
        return int(max(step, evaluated))


class TracedCost(Cost):
    """Counted by the products of the dense program."""

    @cached_property
    def _form(self) -> Any:
        return eqx.filter_eval_shape(lambda: self.design.spec.build(self.params, interface=self.interface))

    @cached_property
    def _products(self) -> list[Product]:
        x = jax.ShapeDtypeStruct((1, self.interface.length, self.interface.channels), "float32")
        return matrix_products(lambda net, x: net(x), self._form, x)

    @property
    def arrays(self) -> int:
        """The number of arrays of the network."""
        return len(jax.tree.leaves(self._form))

    @property
    def parameters(self) -> int:
        """The number of weights and biases."""
        statistics = getattr(self._form, "statistics", list)()
        return sum(one.size for one in jax.tree.leaves(self._form)) - sum(one.size for one in statistics)

    def step_flops(self, samples: int) -> int:
        """Return the operations of a step; the first layer needs no gradient of its input."""
        flops = [samples * product.flops for product in self._products]
        return 3 * sum(flops) - flops[0] + self.update

    def activations(self, samples: int, points: int) -> int:
        """Return the numbers held: the inputs of a product and its result, also normalised and rectified."""
        kept = samples * sum(product.left + 4 * product.out for product in self._products)
        evaluated = min(_TEST_BATCH, points) * max(
            product.left + 3 * product.out for product in self._products
        )
        return max(kept, evaluated)


class FullCost(Cost):
    """A fully connected network, in full after its first layer, which is a sum of a row of weights for each leaf."""

    @property
    def units(self) -> list[int]:
        """Units of each hidden layer."""
        return [self.width * level.patches for level in self.params.levels]

    @property
    def parameters(self) -> int:
        """The number of weights and biases."""
        below = [self.interface.length * self.interface.channels, *self.units]
        hidden = sum(entering * units + units for entering, units in zip(below, self.units, strict=False))
        return hidden + self.width * self.interface.numbers

    def step_flops(self, samples: int) -> int:
        """Return the operations of a step."""
        units, entering = self.units, self.interface.length * self.interface.channels
        first = 2 * 2 * (samples * self.params.num_leaves + entering) * units[0]
        later = sum(3 * 2 * samples * below * above for below, above in pairwise(units))
        return first + later + 3 * 2 * samples * self.width * self.interface.numbers + self.update

    def activations(self, samples: int, points: int) -> int:
        """Return the numbers held; of the first layer, the row of the weights of every leaf before they are summed."""
        units = self.units
        rows = self.params.num_leaves * units[0] + 2 * sum(units)
        return max(2 * samples, min(_TEST_BATCH, points)) * rows
