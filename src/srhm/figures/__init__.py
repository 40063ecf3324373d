"""Drawings, in one style: one module for each kind of figure (extra ``lab``)."""

from .. import lab_extra  # noqa: F401 (says which package is missing)
from .against import NetworkRun, error_against_sensitivity
from .curves import Curve, learning_curves
from .losses import symbol_losses
from .marks import Estimate
from .scaling import ScalingPoint, scaling
from .transition import noise_transition
from .trees import derivation_trees, transformations

__all__ = [
    "Curve",
    "Estimate",
    "NetworkRun",
    "ScalingPoint",
    "derivation_trees",
    "error_against_sensitivity",
    "learning_curves",
    "noise_transition",
    "scaling",
    "symbol_losses",
    "transformations",
]
