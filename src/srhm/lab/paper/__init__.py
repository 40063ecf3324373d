"""The paper: its numbers, its thresholds, and the runs behind each of its figures."""

from .published import Published, Series, published, published_series
from .settings import Setting, model
from .thresholds import chosen_thresholds, thresholds

__all__ = [
    "Published",
    "Series",
    "Setting",
    "chosen_thresholds",
    "model",
    "published",
    "published_series",
    "thresholds",
]
