"""A page of a store: its runs, learning curves, P*, collapse and sensitivities in one HTML file (extra ``report``)."""

from .. import lab_extra  # noqa: F401 (says which package is missing)
from .html import write_report

__all__ = ["write_report"]
