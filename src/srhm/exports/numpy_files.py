"""An export as `.npy` files, one for each column of a shard, for `numpy.load(file, mmap_mode="r")`."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from ..files import atomic_file
from .plan import Plan, Shard


def check() -> None:
    """Raise an error if a needed package is not installed: none is needed."""


def names(plan: Plan, shard: Shard) -> Iterator[str]:
    """Yield the files of a shard."""
    for column in plan.columns:
        yield f"{shard.stem}.{column.name}.npy"


def write(folder: Path, plan: Plan, shard: Shard, chunks: Iterable[dict[str, np.ndarray]]) -> None:
    """Write a shard, a chunk at a time."""
    with ExitStack() as stack:
        opened = {}
        for column, name in zip(plan.columns, names(plan, shard), strict=True):
            file = opened[column.name] = stack.enter_context(atomic_file(folder / name))
            header = {
                "descr": npy.dtype_to_descr(np.dtype(column.dtype).newbyteorder("<")),
                "fortran_order": False,
                "shape": (shard.count, *column.shape),
            }
            npy.write_array_header_1_0(file, header)
        for chunk in chunks:
            for name, values in chunk.items():
                opened[name].write(values.astype(values.dtype.newbyteorder("<"), copy=False).data)


def finish(folder: Path, plan: Plan) -> Iterator[str]:
    """Write the files next to the shards, and yield them: none."""
    yield from ()
