"""The store: every finished run is a row, found again by the hash of its specification."""

from .. import lab_extra  # noqa: F401 (says which package is missing)
from .archive import read_archive, write_archive
from .disk import NetworkDiskWarning
from .ownership import StoreInUse
from .problems import StoreBusy, StoreFull
from .store import Store

__all__ = [
    "NetworkDiskWarning",
    "Store",
    "StoreBusy",
    "StoreFull",
    "StoreInUse",
    "read_archive",
    "write_archive",
]
