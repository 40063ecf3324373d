"""The numbers of the paper: published values and curves."""

from .published import published, published_series

__all__ = ["published", "published_series"]
