"""The numbers of the paper: published values and curves."""

from .published import Published, Series, published, published_series

__all__ = ["Published", "Series", "published", "published_series"]
