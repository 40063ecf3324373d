"""Sums and maxima of probabilities held as logarithms. An impossible thing, -inf, makes no nan anywhere.

That goes for derivatives too: wherever a -inf would meet another in a difference, a finite number replaces
one of them.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Semiring(NamedTuple):
    """How the terms of alternatives are combined."""

    total: Callable[[Any, int], Any]
    """Combines all terms along an axis of an array."""
    plus: Callable[[Any, Any], Any]
    """Combines two arrays."""


_FLOOR = -1e30  # below every log-probability


def finite(values: Any) -> Any:
    """Replace -inf by a large negative number."""
    return values.__array_namespace__().maximum(values, _FLOOR)


def log_of(probabilities: Any) -> Any:
    """Return the logarithms of probabilities, in double precision; that of 0 is -inf."""
    with np.errstate(divide="ignore"):
        return np.log(np.asarray(probabilities, np.float64))


def constant(values: Any) -> Any:
    """Return the values as constants, without derivatives."""
    if values.__array_namespace__() is np:
        return values
    from jax import lax

    return lax.stop_gradient(values)


def log_sum(terms: Any, axis: int) -> Any:
    """Return the log of the sum of exp(terms) along an axis, -inf where all terms are."""
    xp = terms.__array_namespace__()
    top = constant(finite(xp.max(terms, axis=axis)))
    total = xp.sum(xp.exp(terms - xp.expand_dims(top, axis)), axis=axis)
    possible = total > 0
    return xp.where(possible, top + xp.log(xp.where(possible, total, xp.ones_like(total))), -np.inf)


def log_plus(first: Any, second: Any) -> Any:
    """Return log(exp(first) + exp(second)), -inf where both are."""
    xp = first.__array_namespace__()
    top, low = xp.maximum(first, second), xp.minimum(first, second)
    return top + xp.log(1 + xp.exp(low - finite(top)))


SUM = Semiring(log_sum, log_plus)
"""Adds probabilities: the probability of any of the alternatives."""

MAX = Semiring(
    lambda terms, axis: terms.__array_namespace__().max(terms, axis=axis),
    lambda first, second: first.__array_namespace__().maximum(first, second),
)
"""Takes the largest probability: that of the best alternative."""


def normalised_exp(terms: Any, total: Any) -> Any:
    """Return exp(terms - total), each term as a fraction of the total; 0 if the total is -inf."""
    return terms.__array_namespace__().exp(terms - finite(total))


def information(mass: Any, terms: Any, total: Any) -> Any:
    """Return mass (total - terms), the information of a choice among these terms in nats; 0 where the mass is 0."""
    return mass * (finite(total) - finite(terms))


class Cumulants(NamedTuple):
    """Mean and variance of a number that is a sum over what lies below; those of independent parts add up."""

    mean: Any
    variance: Any

    def plus(self, other: "Cumulants") -> "Cumulants":
        """Return those of the sum with an independent number."""
        return Cumulants(self.mean + other.mean, self.variance + other.variance)

    def map(self, function: Callable[[Any], Any]) -> "Cumulants":
        """Apply a function that picks, adds up or shapes to both."""
        return Cumulants(function(self.mean), function(self.variance))

    def mixed(self, weights: Any, axis: int) -> "Cumulants":
        """Return those of a mixture of the alternatives along an axis, from their probabilities."""
        xp = self.mean.__array_namespace__()
        mean = (weights * self.mean).sum(axis=axis)
        apart = xp.square(self.mean - xp.expand_dims(mean, axis))
        return Cumulants(mean, (weights * (self.variance + apart)).sum(axis=axis))


def others(values: Any, axis: int) -> Any:
    """Return for each place along an axis the sum of the values at all other places.

    Differences from the whole sum would lose digits, and -inf - (-inf) is nan.
    """
    xp = values.__array_namespace__()
    return _before(xp, values, axis) + xp.flip(_before(xp, xp.flip(values, axis=axis), axis), axis=axis)


def _before(xp: Any, values: Any, axis: int) -> Any:
    """The sum of the values at all earlier places."""
    values = xp.moveaxis(values, axis, 0)
    sums = [xp.zeros_like(values[0])]
    for value in values[:-1]:
        sums.append(sums[-1] + value)
    return xp.moveaxis(xp.stack(sums), 0, axis)
