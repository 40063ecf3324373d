"""The store: every finished run is a row, found again by the hash of its specification."""

from .. import lab_extra  # noqa: F401 (says which package is missing)
from .archive import read_archive, write_archive
from .disk import NetworkDiskWarning
from .failures import Failed
from .ownership import DriverInfo, StoreInUse
from .problems import StoreBusy, StoreFull
from .store import Counts, Store
from .transfer import Merged

__all__ = [
    "Counts",
    "DriverInfo",
    "Failed",
    "Merged",
    "NetworkDiskWarning",
    "Store",
    "StoreBusy",
    "StoreFull",
    "StoreInUse",
    "read_archive",
    "write_archive",
]
