"""A page of a store: its runs, learning curves, P*, collapse and sensitivities in one HTML file (extra ``report``)."""

from .. import lab_extra  # noqa: F401 (says which package is missing)
from .commands import pstar_command, python_command, run_command
from .html import report_html, write_report

__all__ = ["pstar_command", "python_command", "report_html", "run_command", "write_report"]
