"""Drawings, in one style: learning curves, P* against predictions, data with their trees (extra ``lab``)."""

from .curves import Curve, learning_curves
from .scaling import ScalingPoint, scaling
from .style import save
from .trees import derivation_trees, transformations

__all__ = [
    "Curve",
    "ScalingPoint",
    "derivation_trees",
    "learning_curves",
    "save",
    "scaling",
    "transformations",
]
