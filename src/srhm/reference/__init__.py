"""The numbers of the paper: published values and curves, and thresholds."""

from .published import Published, Series, published, published_series
from .thresholds import chosen_thresholds, thresholds

__all__ = [
    "Published",
    "Series",
    "chosen_thresholds",
    "published",
    "published_series",
    "thresholds",
]
