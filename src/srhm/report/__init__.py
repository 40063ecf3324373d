"""A page of a store: its runs, learning curves, P*, collapse and sensitivities in one HTML file (extra ``report``)."""

from .. import lab_extra  # noqa: F401 (says which package is missing)
from .commands import pstar_command, python_command, train_command
from .content import content_of, scaling_exponents
from .html import report_html, write_report
from .settings import Studied, studied

__all__ = [
    "Studied",
    "content_of",
    "pstar_command",
    "python_command",
    "report_html",
    "scaling_exponents",
    "studied",
    "train_command",
    "write_report",
]
