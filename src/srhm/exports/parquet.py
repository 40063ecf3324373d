"""An export as Parquet files, one per shard."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import import_extra
from ..files import atomic_file
from .plan import Plan, Shard
from .table import Column


def check() -> None:
    """Raise a :class:`~srhm.MissingExtraError` if pyarrow is not installed."""
    _arrow(".parquet")


def names(plan: Plan, shard: Shard) -> Iterator[str]:
    """Yield the files of a shard."""
    yield f"{shard.stem}.parquet"


def write(folder: Path, plan: Plan, shard: Shard, chunks: Iterable[dict[str, np.ndarray]]) -> None:
    """Write a shard, a chunk at a time, each as a row group."""
    arrow = _arrow()
    schema = arrow.schema([arrow.field(one.name, _type(arrow, one), nullable=False) for one in plan.columns])
    (name,) = names(plan, shard)
    with (
        atomic_file(folder / name) as file,
        _arrow(".parquet").ParquetWriter(file, schema) as writer,
    ):
        for chunk in chunks:
            arrays = [_array(arrow, chunk[one.name]).cast(_type(arrow, one)) for one in plan.columns]
            writer.write_batch(arrow.RecordBatch.from_arrays(arrays, schema=schema))


def finish(folder: Path, plan: Plan) -> Iterator[str]:
    """Write the files next to the shards, and yield them: none."""
    yield from ()


def _arrow(module: str = "") -> Any:
    return import_extra("pyarrow" + module, "table")


def _type(arrow: Any, column: Column) -> Any:
    """Fixed-size lists, as deep as a sample's value has axes."""
    found = arrow.from_numpy_dtype(np.dtype(column.dtype))
    for size in reversed(column.shape):
        found = arrow.list_(found, size)
    return found


def _array(arrow: Any, values: np.ndarray) -> Any:
    found = arrow.array(values.reshape(-1))
    for size in reversed(values.shape[1:]):
        found = arrow.FixedSizeListArray.from_arrays(found, size)
    return found
