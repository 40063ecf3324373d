"""Learners that are not networks: they show what the data contain at each P, whatever a network makes of it."""

from .grouping import group
from .layerwise import LayerwiseLearner, LayerwisePredictor
from .measuring import measure

__all__ = ["LayerwiseLearner", "LayerwisePredictor", "group", "measure"]
