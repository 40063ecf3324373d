"""Any number of samples, in chunks of fixed size: little memory, and the same bits however they are batched."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Bool, Float

from ..errors import ArgumentError, check_choice
from ..model.grammar import Grammar
from ..model.params import Params
from ..model.plane import in_tree_order
from .spread import tables_of

Kernel = Callable[..., Any]
"""A function of the model's parameters, the tables of its rules, evidence [position, symbol, sample], the numbers
of its samples [sample], and further arguments. It returns arrays with the samples last, in nested tuples."""

_CACHE, _DEVICE = 2**18, 2**24
"""Numbers in the largest array of a chunk: they fit into the cache of a core, or fill a GPU."""

_SMALLEST = 16
"""Samples in the smallest chunk. The sums of a single sample would be taken in another order."""


def in_chunks(kernel: Kernel, grammar: Grammar, evidence: Any, *arguments: Any) -> Any:
    """Apply a kernel to the evidence of all samples; in the results the samples are the first axis.

    NumPy arrays are computed directly. JAX arrays are computed by one compiled program, which can be part of another
    one and can be differentiated.

    Raises
    ------
    ArgumentError
        If the evidence has the wrong shape or dtype, or (NumPy arrays only) contains nan or +inf.
    """
    params, tables = grammar.params, tables_of(grammar)
    evidence = in_tree_order(params, evidence, more=1) if hasattr(evidence, "shape") else evidence
    if _namespace(params, evidence) is not np:
        return _compiled(kernel, params, _largest(grammar))(tables, evidence, arguments)
    size, parts = _size(_largest(grammar), _CACHE), []
    for first in range(0, max(1, len(evidence)), size):
        part = evidence[first : first + size]
        padded = _samples_last(_padded(part, max(1, -(-len(part) // _SMALLEST)) * _SMALLEST))
        rows = np.arange(first, first + padded.shape[-1], dtype=np.uint32)
        done = kernel(params, tables, padded, rows, *arguments)
        parts.append(mapped(lambda array: np.moveaxis(array, -1, 0), done))
    return mapped(lambda *arrays: np.concatenate(arrays)[: len(evidence)], *parts)  # the last one is padded


@lru_cache(maxsize=64)
def _compiled(kernel: Kernel, params: Params, largest: int) -> Callable[[Any, Any, Any], Any]:
    import jax
    import jax.numpy as jnp

    size = _size(largest, _CACHE if jax.default_backend() == "cpu" else _DEVICE)

    def whole(tables: Any, evidence: Any, arguments: tuple[Any, ...]) -> Any:
        samples = len(evidence)
        chunks = max(1, -(-samples // size))
        evidence = _padded(evidence, chunks * size).reshape(chunks, size, *evidence.shape[1:])
        rows = jnp.arange(chunks * size, dtype=np.uint32).reshape(chunks, size)

        def one(part: tuple[Any, Any]) -> Any:  # computed again for derivatives, which keeps memory small
            return kernel(params, tables, _samples_last(part[0]), part[1], *arguments)

        def samples_first(array: Any) -> Any:
            array = jnp.moveaxis(array, -1, 1)
            return array.reshape(chunks * size, *array.shape[2:])[:samples]

        return mapped(samples_first, jax.lax.map(jax.checkpoint(one, prevent_cse=False), (evidence, rows)))

    return jax.jit(whole)


def mapped(function: Callable[..., Any], first: Any, *others: Any) -> Any:
    """Apply a function to every array of nested tuples, or to the arrays at the same index of several."""
    if not isinstance(first, tuple):
        return function(first, *others)
    parts = (mapped(function, *parts) for parts in zip(first, *others, strict=True))
    return type(first)(*parts) if hasattr(first, "_fields") else tuple(parts)


def _largest(grammar: Grammar) -> int:
    """Numbers in the largest array of a sample."""
    params, largest = grammar.params, grammar.params.d * (grammar.params.level(1).v + 1)
    for level, weights in zip(params.levels, grammar.placement_weights, strict=True):
        placements = 1 if weights is None else level.placements
        largest = max(largest, level.patches * level.parents * level.m * placements)
    return largest


def _size(largest: int, numbers: int) -> int:
    """Samples in a chunk: a power of 2, as many as fit, but enough to outweigh the start of each operation."""
    return max(_SMALLEST, 1 << min(10, max(1, numbers // largest).bit_length() - 1))


def _samples_last(evidence: Any) -> Any:
    """Move the samples to the last axis, side by side in memory."""
    evidence = evidence.__array_namespace__().moveaxis(evidence, 0, -1)
    return np.ascontiguousarray(evidence) if isinstance(evidence, np.ndarray) else evidence


def _padded(evidence: Any, size: int) -> Any:
    """Add samples of which nothing was received."""
    xp = evidence.__array_namespace__()
    missing = size - len(evidence)
    padding = xp.zeros((missing, *evidence.shape[1:]), evidence.dtype)
    return xp.concatenate([evidence, padding]) if missing else evidence


def _namespace(params: Params, evidence: Any) -> Any:
    """Return the namespace of evidence that can be used."""
    shape, dtype = getattr(evidence, "shape", None), getattr(evidence, "dtype", None)
    wanted = f"Give floats of shape [sample, {params.d}, {params.level(1).v + 1}], as Masking.evidence does"
    if shape is None or dtype is None or len(shape) != 3 or shape[1:] != (params.d, params.level(1).v + 1):
        raise ArgumentError("evidence", f"{type(evidence).__name__} of shape {shape}", "does not fit", wanted)
    if dtype not in (np.float32, np.float64):
        raise ArgumentError("evidence", str(dtype), "is not float32 or float64", wanted)
    xp = evidence.__array_namespace__()
    if xp is np and not (evidence < np.inf).all():  # nor is nan below infinity
        raise ArgumentError(
            "evidence", float(evidence.max()), "is not a log-likelihood", "Give numbers and -inf"
        )
    return xp


Invalid = Literal["raise", "mask"]
"""What happens with rows that the grammar cannot have produced: an error, or marks in their place."""


def check_invalid(invalid: str) -> None:
    """Raise an :class:`~srhm.ArgumentError` unless it is ``"raise"`` or ``"mask"``."""
    check_choice("invalid", invalid, get_args(Invalid), "does not say what to do with rows that fail")


def samples_text(failed: Bool[Any, " sample"]) -> str:
    """Return the numbers of the samples that fail, such as ``sample 2``, or ``samples 2, 4``; of many the first ten."""
    numbers = np.flatnonzero(failed).tolist()
    more = f" and {len(numbers) - 10} more" if len(numbers) > 10 else ""
    return f"sample{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers[:10]))}{more}"


def refuse_impossible(log_likelihood: Float[Any, " sample"], argument: str = "evidence") -> None:
    """Raise an error about an argument where ln p(received) is -inf, if it is a NumPy array."""
    if isinstance(log_likelihood, np.ndarray) and (failed := log_likelihood == -np.inf).any():
        raise ArgumentError(
            argument,
            samples_text(failed),
            f"{'has' if failed.sum() == 1 else 'have'} probability zero: this grammar cannot have produced them",
            "Give inputs of the same grammar, or a process with noise",
        )
