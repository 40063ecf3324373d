"""One step of gradient descent: its effect on the weights of a network, on all data and on P points."""

from .moments import gradient_moments, population_moments
from .open_gates import open_gradient
from .overlap import overlap, unit_products

__all__ = [
    "gradient_moments",
    "open_gradient",
    "overlap",
    "population_moments",
    "unit_products",
]
