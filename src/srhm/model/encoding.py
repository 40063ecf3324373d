"""Dense inputs from compact data: the input of a network (docs, model.md).

A sample is stored as the features and positions of its informative leaves; an encoding writes them into an array over
all d positions. Functions take NumPy or JAX arrays and give the same values for both.
"""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from jaxtyping import Integer, Num

from ..errors import ArgumentError, check_array, check_choice, check_instance, known
from ..memory import check_memory
from .params import Params
from .plane import picture, shape_text

Dense = Literal["whitened", "onehot", "onehot_blank"]
Encoding = Literal["whitened", "onehot", "onehot_blank", "integer"]
"""The encoding of a position. With c = (v - 1)^(-1/2):

- ``"whitened"`` (the published code's): 1 on its feature's channel and -c on the others; a blank is -c on all
  v channels.
- ``"onehot"`` (the paper's text): 1 on its feature's channel, 0 elsewhere; a blank is zero.
- ``"onehot_blank"``: as ``"onehot"``, with one more channel, the last, that is 1 on blanks.
- ``"integer"``: the feature itself, -1 on a blank; no channel axis.
"""

MASKED = -2
"""The number for a symbol of which nothing is known, in the ``"integer"`` encoding."""

Alphabet = Literal["features", "symbols"]
"""What noise is spread over: the v features, or the v + 1 symbols, that is, features and blank."""

ENCODINGS: tuple[str, ...] = ("whitened", "onehot", "onehot_blank", "integer")


def channels(params: Params, encoding: Encoding = "whitened") -> int:
    """Return the number of channels of a dense encoding: v, or v + 1 with a blank channel.

    Raises
    ------
    ArgumentError
        If the encoding is unknown or has no channels.
    """
    check_instance(Params, params=params)
    check_encoding(encoding)
    if encoding == "integer":
        raise ArgumentError("encoding", encoding, "has no channels", "Use a dense one for a network")
    return params.level(1).v + (encoding == "onehot_blank")


def alphabet(params: Params, over: Alphabet | None) -> Alphabet:
    """Return `over`, by default the features if the model has no blanks, else the features and the blank."""
    check_instance(Params, params=params)
    return over or ("symbols" if params.has_blanks else "features")


def check_encoding(encoding: str) -> None:
    """Raise an :class:`~srhm.ArgumentError` if the encoding is unknown."""
    check_choice("encoding", encoding, ENCODINGS, "is not an encoding")


def check_leaves(params: Params, features: Any, positions: Any) -> None:
    """Raise an :class:`~srhm.ArgumentError` if informative leaves [sample, s^L] cannot be of a model.

    Values are not checked inside a compiled function.
    """
    check_instance(Params, params=params)
    fix = "Give leaves together with the params of their model"
    check_array("features", features, (None, params.num_leaves), maximum=params.level(1).v - 1, fix=fix)
    shape = len(features), params.num_leaves
    check_array("positions", positions, shape, maximum=params.d - 1, fix=fix)


def encode(
    params: Params,
    features: Integer[Any, "sample leaf"],
    positions: Integer[Any, "sample leaf"],
    encoding: Encoding = "whitened",
    dtype: Any = None,
) -> Num[Any, "sample *shape"]:
    """Write informative leaves into dense inputs.

    Parameters
    ----------
    params
        The parameters of the model.
    features, positions
        The leaves of each sample, [sample, s^L].
    encoding
        One of ``"whitened"``, ``"onehot"``, ``"onehot_blank"``, ``"integer"``; see :data:`Encoding`.
    dtype
        Dtype of the result. Default: float32, or int32 for ``"integer"``.

    Returns
    -------
    array
        [sample, position, channel], or [sample, position] for ``"integer"``. In the plane pictures: [sample, row,
        column, channel], or [sample, row, column].

    Raises
    ------
    ArgumentError
        If the encoding is unknown, the dtype cannot hold its values, or the leaves are not of this model: their number
        is wrong, a feature is not below v or a position is not below d (values are not checked inside a compiled
        function); or the inputs are larger than main memory.

    Examples
    --------
    >>> params = Params(n_c=2, v=2, m=1, s=2, s0=1, L=1)
    >>> features, positions = np.array([[1, 0]]), np.array([[0, 3]])
    >>> encode(params, features, positions, "integer")
    array([[ 1, -1, -1,  0]], dtype=int32)
    >>> encode(params, features, positions, "onehot")[0]
    array([[0., 1.],
           [0., 0.],
           [0., 0.],
           [1., 0.]], dtype=float32)
    """
    return _encode(params, features, positions, encoding, dtype, picture)


def encode_in_tree_order(
    params: Params, features: Any, positions: Any, encoding: Encoding = "whitened", dtype: Any = None
) -> Num[Any, "sample position *channel"]:
    """Write leaves as :func:`encode` does, in the plane too over positions in tree order, [sample, position, ...]."""
    return _encode(params, features, positions, encoding, dtype, lambda params, grid: grid)


def _encode(
    params: Params,
    features: Any,
    positions: Any,
    encoding: Encoding,
    dtype: Any,
    laid_out: Callable[..., Any],
) -> Any:
    check_instance(Params, params=params)
    check_encoding(encoding)
    dtype = _checked_type(params, encoding, dtype)
    check_leaves(params, features, positions)
    entries = 1 if encoding == "integer" else channels(params, encoding)
    needed = len(features) * params.d * (4 + entries * np.dtype(dtype).itemsize)
    check_memory("features", f"{len(features)} samples", needed, "dense inputs", "Encode fewer at a time")
    grid = laid_out(params, on_grid(params.d, features, positions))
    if encoding == "integer":
        return grid.astype(dtype)
    xp = grid.__array_namespace__()
    return _looked_up(xp.asarray(codes(params, encoding).astype(dtype)), grid, params)


def encode_symbols(
    params: Params,
    symbols: Integer[Any, "sample *shape"],
    encoding: Encoding = "whitened",
    dtype: Any = None,
    *,
    mask: bool = False,
) -> Num[Any, "sample *shape channel"]:
    """Write whole inputs, given by the symbol at every position, densely, in an encoding with channels.

    In the plane they may be pictures, [sample, row, column], and are then written as such.
    A blank is -1. A masked position, :data:`MASKED`, is written as a blank; with `mask` there is one more channel, the
    last, that is 1 at masked positions, where all others are 0. Symbols are checked, but not inside a compiled
    function. The type is float32 by default.

    Examples
    --------
    >>> params = Params(n_c=2, v=2, m=1, s=2, s0=1, L=1)
    >>> encode_symbols(params, np.array([[1, -1, -2, 0]]), "onehot")[0]
    array([[0., 1.],
           [0., 0.],
           [0., 0.],
           [1., 0.]], dtype=float32)
    """
    check_instance(Params, params=params)
    code, dtype = codes(params, encoding), _checked_type(params, encoding, dtype)
    values = known(symbols)
    if values is not None and values.size and int(values.max()) >= params.level(1).v:
        raise ArgumentError(
            "symbols", int(values.max()), "is not a feature", f"Use 0 to {params.level(1).v - 1}"
        )
    if symbols.shape[1:] != params.shape and (symbols.ndim != 2 or symbols.shape[1] > params.d):
        fix = f"Give {shape_text(params)} integers"
        raise ArgumentError("symbols", symbols.shape, "is not the shape of inputs of this model", fix)
    xp, v = symbols.__array_namespace__(), params.level(1).v
    if mask:
        code = np.pad(code, ((0, 1), (0, 1)))
        code[-1, -1] = 1.0
        symbols = xp.where(symbols == MASKED, np.int32(v + 1), symbols)
    return _looked_up(xp.asarray(code.astype(dtype)), symbols, params)


def _looked_up(table: Any, symbols: Any, params: Params) -> Any:
    xp = table.__array_namespace__()
    return xp.take(table, xp.where(symbols < 0, np.int32(params.level(1).v), symbols), axis=0)


def codes(params: Params, encoding: Encoding) -> Num[np.ndarray, "symbol channel"]:
    """Return how a dense encoding writes each feature, and a blank as the last row, [v + 1, channel]."""
    check_instance(Params, params=params)
    blank = -((params.level(1).v - 1.0) ** -0.5) if encoding == "whitened" else 0.0
    code = np.full((params.level(1).v + 1, channels(params, encoding)), blank)
    np.fill_diagonal(code[: params.level(1).v], 1.0)
    if encoding == "onehot_blank":
        code[params.level(1).v, params.level(1).v] = 1.0
    return code


def _checked_type(params: Params, encoding: Encoding, dtype: Any) -> Any:
    """Return the type of an encoding, if it holds -c, or the integers from -1 to v - 1."""
    if dtype is None:
        return np.int32 if encoding == "integer" else np.float32
    kind = np.dtype(dtype).kind
    if encoding == "whitened" and kind in "iub":
        raise ArgumentError("dtype", dtype, "cannot hold the -c of blanks", "Use a floating type")
    if encoding == "integer" and (
        kind in "ub" or (kind == "i" and np.iinfo(dtype).max < params.level(1).v - 1)
    ):
        raise ArgumentError("dtype", dtype, f"cannot hold -1 to {params.level(1).v - 1}", "Use np.int32")
    return dtype


def on_grid(length: int, features: Any, positions: Any) -> Integer[Any, "sample position"]:
    """Return the feature at each of `length` positions, -1 where it is blank."""
    xp = features.__array_namespace__()
    grid = xp.full((features.shape[0], length), -1, dtype=np.int32)
    rows = xp.arange(features.shape[0], dtype=np.int32)[:, None]
    places, values = positions.astype(np.int32), features.astype(np.int32)
    if xp is np:
        grid[rows, places] = values
        return grid
    return grid.at[rows, places].set(values, mode="promise_in_bounds", unique_indices=True)
