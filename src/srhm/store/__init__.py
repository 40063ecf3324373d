"""The store: every finished run is a row, found again by the hash of its specification."""

from .. import lab_extra  # noqa: F401 (says which package is missing)
from .archive import read_archive, write_archive
from .store import Store

__all__ = [
    "Store",
    "read_archive",
    "write_archive",
]
