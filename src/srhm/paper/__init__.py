"""The reproduction of the paper: its runs, its figures, and what agrees (docs, reproduction.md)."""

from .. import lab_extra  # noqa: F401 (says which package is missing)
from .cost import Device
from .drawings import draw, write_figure
from .estimate import Estimate, estimates
from .plan import Phase, phases, reproduce
from .report import report, write_all

__all__ = [
    "Device",
    "Estimate",
    "Phase",
    "draw",
    "estimates",
    "phases",
    "report",
    "reproduce",
    "write_all",
    "write_figure",
]
