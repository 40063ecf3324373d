"""Samples as files for other programs: Parquet, NumPy, and a folder for Hugging Face `datasets`.

An export is written in shards, a chunk of samples at a time: its memory does not depend on their number. Shards are
written atomically, and a finished one is never written again, so an export that was interrupted resumes where it was.
"""

from .plan import Part
from .run import export

__all__ = ["Part", "export"]
