"""The plane: from tree order to pictures and back, where inputs enter and leave the library (docs, plane.md).

Inside, positions are always in tree order, patch after patch, as on a line.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from .params import Params


def picture(params: Params, x: Any) -> Any:
    """Return arrays over positions, [sample, position, ...], in the plane as pictures, [sample, row, column, ...]."""
    return x[:, params.raster()] if params.plane else x


def in_tree_order(params: Params, x: Any, more: int = 0) -> Any:
    """Return [sample, position, ...] for pictures [sample, row, column, ...] with `more` axes; the former stay."""
    if not params.plane or len(x.shape) != 3 + more or tuple(x.shape[1:3]) != params.shape:
        return x
    return x.reshape(x.shape[0], params.d, *x.shape[3:])[:, pixels(params)]


@lru_cache(maxsize=64)
def pixels(params: Params, level: int = 1) -> np.ndarray:
    """Return the pixel of each position of a level, row after row: the inverse of :meth:`Params.raster`."""
    return np.argsort(params.raster(level).ravel())


def shape_text(params: Params, *more: object) -> str:
    """Return the shape of inputs in words, such as ``[sample, 16]``."""
    return f"[{', '.join(map(str, ('sample', *params.shape, *more)))}]"
