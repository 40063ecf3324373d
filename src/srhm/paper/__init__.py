"""The reproduction of the paper: its runs, its figures, and what agrees (docs, reproduction.md)."""

from .. import lab_extra  # noqa: F401 (says which package is missing)
from .drawings import draw
from .estimate import Estimate, estimates
from .plan import reproduce
from .report import report, write_all

__all__ = ["Estimate", "draw", "estimates", "report", "reproduce", "write_all"]
