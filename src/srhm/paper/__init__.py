"""The reproduction of the paper: its runs, its figures, and what agrees (docs, reproduction.md)."""

from .. import lab_extra  # noqa: F401 (says which package is missing)
