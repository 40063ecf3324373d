"""Samples as files for other programs: Parquet, NumPy, and a folder for Hugging Face `datasets`.

An export is written in shards, a chunk of samples at a time: its memory does not depend on how many there are. Shards
appear whole, and one that was finished is never written again, so that an export that was cut goes on where it was.
"""

from .plan import Part
from .run import export
from .table import Column, columns

__all__ = ["Column", "Part", "columns", "export"]
