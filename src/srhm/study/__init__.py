"""What is run: setups, runs and studies (the replicates of one setup), and files that name many of them."""

from .grid import read_grid
from .measuring import Measuring
from .runs import Run
from .setup import RunSpec, Seeds, Setup
from .study import Study, studies_of

__all__ = [
    "Measuring",
    "Run",
    "RunSpec",
    "Seeds",
    "Setup",
    "Study",
    "read_grid",
    "studies_of",
]
