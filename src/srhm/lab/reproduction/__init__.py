"""The reproduction of the paper: its runs, its figures, and what agrees (docs, reproduction.md)."""

from .cost import Device
from .estimate import Estimate, estimates
from .measured import Measured, Shelf
from .plan import Phase, phases, reproduce

__all__ = ["Device", "Estimate", "Measured", "Phase", "Shelf", "estimates", "phases", "reproduce"]
