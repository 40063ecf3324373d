"""The store: every finished run is a row, found again by the hash of its specification."""

from .. import lab_extra  # noqa: F401 (says which package is missing)
from .archive import SUFFIX as ARCHIVE_SUFFIX
from .archive import read_archive, write_archive
from .database import Database
from .disk import NetworkDiskWarning
from .failures import Failed, Failures
from .ownership import DriverInfo, Ownership, StoreInUse, ask_to_stop
from .problems import StoreBusy, StoreFull
from .rows import Runs
from .store import Counts, Store
from .transfer import Merged, Transfer

__all__ = [
    "ARCHIVE_SUFFIX",
    "Counts",
    "Database",
    "DriverInfo",
    "Failed",
    "Failures",
    "Merged",
    "NetworkDiskWarning",
    "Ownership",
    "Runs",
    "Store",
    "StoreBusy",
    "StoreFull",
    "StoreInUse",
    "Transfer",
    "ask_to_stop",
    "read_archive",
    "write_archive",
]
