"""What is run: specifications and finished runs, searches for P*, and files that name many runs."""

from .grid import Grid, read_grid
from .questions import Answer, Question
from .runs import Run, RunSpec, Seeds

__all__ = [
    "Answer",
    "Grid",
    "Question",
    "Run",
    "RunSpec",
    "Seeds",
    "read_grid",
]
