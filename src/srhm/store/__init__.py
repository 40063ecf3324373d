"""The store: every finished run is a row, found again by the hash of its specification."""

from .. import lab_extra  # noqa: F401 (says which package is missing)
from .archive import SUFFIX as ARCHIVE_SUFFIX
from .archive import read_archive, write_archive
from .claims import Claims
from .database import Database
from .drivers import DriverRow, Drivers
from .failures import Failed, Failures
from .owners import owner_is_dead, owner_name
from .places import NetworkDiskWarning
from .problems import StoreBusy, StoreFull
from .rows import Runs
from .store import Counts, Store
from .transfer import Merged, Transfer

__all__ = [
    "ARCHIVE_SUFFIX",
    "Claims",
    "Counts",
    "Database",
    "DriverRow",
    "Drivers",
    "Failed",
    "Failures",
    "Merged",
    "NetworkDiskWarning",
    "Runs",
    "Store",
    "StoreBusy",
    "StoreFull",
    "Transfer",
    "owner_is_dead",
    "owner_name",
    "read_archive",
    "write_archive",
]
