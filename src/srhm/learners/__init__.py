"""Learners that are not networks: they show what the data contain at each P, whatever a network makes of it."""

from .layerwise import LayerwiseLearner
from .measuring import measure

__all__ = ["LayerwiseLearner", "measure"]
