"""Data sets: samples of streams, held compactly."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from jaxtyping import Integer, Num, Shaped, UInt32

from ..cores import available_cores
from ..errors import ArgumentError, check_array, check_choice, check_instance, check_integer
from ..memory import check_memory
from .derivation import Derivation, expand
from .encoding import Encoding, check_leaves, encode
from .params import Params
from .stream import Origin, Stream

Backend = Literal["numpy", "jax"]

CHUNK = 2**15
"""Samples made at a time: few enough for the cache of a core, enough to outweigh the start of each operation."""


_COMPILER_OPTIONS: dict[str, str | int] = {
    "xla_disable_hlo_passes": "cpu-parallel-task-assigner",
    "xla_cpu_prefer_vector_width": 512,
}
"""A chunk is computed by one core: cores that share each operation wait for each other. XLA takes vectors of
256 bits where a processor has 512."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """A finite set of samples in compact form: the informative leaves and the label, a few bytes per sample.

    Raises
    ------
    ArgumentError
        If the arrays are not of the stream's model: their shapes, or a number in them.
    """

    stream: Stream
    """The stream of the samples; with :attr:`start` it determines all hidden variables."""
    start: int
    """Number of the first sample in the stream."""
    features: Integer[np.ndarray, "sample leaf"]
    """The features of the informative leaves, [sample, s^L], in the smallest unsigned integers that hold them."""
    positions: Integer[np.ndarray, "sample leaf"]
    """Their positions in the input, likewise."""
    labels: Integer[np.ndarray, " sample"]
    """The classes [sample]."""
    numbers: UInt32[np.ndarray, " sample"] | None = None
    """Numbers of the samples in the stream, counted from `start`, where some were left out (:func:`srhm.split`).
    Default: consecutive."""

    def __post_init__(self) -> None:
        check_instance(Stream, stream=self.stream)
        check_leaves(self.params, self.features, self.positions)
        fix = "Give labels of the stream's model"
        check_array("labels", self.labels, (len(self.features),), maximum=self.params.n_c - 1, fix=fix)
        if self.numbers is not None:
            check_array("numbers", self.numbers, (len(self.features),), maximum=2**32 - 1, fix=fix)

    @classmethod
    def draw(cls, stream: Stream, count: int, start: int = 0, backend: Backend = "numpy") -> "Dataset":
        """Take `count` samples of a stream, from sample `start` on.

        Parameters
        ----------
        stream
            The source of the samples.
        count, start
            The samples `start` to `start + count - 1`.
        backend
            What computes the samples, which are the same for both. ``"numpy"``: one core, without preparation.
            ``"jax"``: a compiled program on all cores, many times faster, after about a second of compilation at the
            first draw from a stream.

        Raises
        ------
        ArgumentError
            If `count` is below 1, a sample lies outside the stream, the set is larger than main memory, or the
            backend is unknown.
        """
        check_instance(Stream, stream=stream)
        check_choice("backend", backend, ("numpy", "jax"), "is not a backend")
        start, count = stream.checked_range(start, check_integer("count", count, minimum=1))
        params = stream.params
        needed = bytes_of(params, count)
        check_memory("count", count, needed, "a data set", "Draw fewer, or take batches of the stream")
        leaves = count, params.num_leaves
        features = np.empty(leaves, smallest_unsigned(params.level(1).v))
        positions = np.empty(leaves, smallest_unsigned(params.d))
        labels = np.empty(count, smallest_unsigned(params.n_c))
        skipped = start % params.n_c
        chunk = max(1, CHUNK // params.n_c) * params.n_c

        def fill(first: int) -> None:
            """Write the chunk that begins `first` samples after the first whole block."""
            begin, end = max(first, skipped), min(first + chunk, skipped + count)
            origin = stream.origin(start - skipped + first)
            if backend == "jax":
                drawn = map(np.asarray, _compiled(stream, chunk)(origin))
            else:
                drawn = _compact(stream, origin, end - first, np)
            for whole, part in zip((features, positions, labels), drawn, strict=True):
                whole[begin - skipped : end - skipped] = part[begin - first : end - first]

        firsts = range(0, skipped + count, chunk)
        if backend == "jax":
            fill(0)  # compiles
            with ThreadPoolExecutor(available_cores()) as threads:  # XLA lets other threads run
                list(threads.map(fill, firsts[1:]))
        else:
            _keep_memory()
            list(map(fill, firsts))
        return cls(stream, start, features, positions, labels)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: slice | np.ndarray) -> "Batch":
        return Batch(self.features[rows], self.positions[rows], self.labels[rows])

    def __iter__(self) -> Iterator["Batch"]:
        raise TypeError("A Dataset is not iterable; use dataset.batches(size) or dataset[a:b]")

    def batches(self, size: int) -> Iterator["Batch"]:
        """Yield the samples in order, `size` at a time; the last batch may be smaller.

        Raises
        ------
        ArgumentError
            If the size is below 1.
        """
        size = check_integer("size", size, minimum=1)
        for first in range(0, len(self), size):
            yield self[first : first + size]

    @property
    def params(self) -> Params:
        """The parameters of the model."""
        return self.stream.params

    @property
    def nbytes(self) -> int:
        """Size of the samples, in bytes."""
        return self.features.nbytes + self.positions.nbytes + self.labels.nbytes

    def derivation(self, first: int = 0, count: int | None = None) -> Derivation:
        """Return the hidden choices of samples `first` to `first + count - 1`, by default to the end.

        Raises
        ------
        ArgumentError
            If a sample lies outside the set.
        """
        first = check_integer("first", first, minimum=0, maximum=len(self))
        count = check_integer("count", len(self) - first if count is None else count, minimum=0)
        if first + count > len(self):
            raise ArgumentError("count", count, f"reaches beyond the {len(self)} samples", "Take fewer")
        if self.numbers is not None:
            return self.stream.at(self.numbers[first : first + count], self.start)
        return self.stream.take(self.start + first, count)

    def encode(self, encoding: Encoding = "whitened", dtype: Any = None) -> Num[np.ndarray, "sample *shape"]:
        """Return all samples as one dense array, in the plane of pictures; see :func:`srhm.encode`."""
        return encode(self.params, self.features, self.positions, encoding, dtype)


@dataclass(frozen=True, eq=False)
class Batch:
    """Samples of a :class:`Dataset`: features and positions [sample, s^L], labels [sample]."""

    features: Shaped[Any, "sample leaf"]
    positions: Shaped[Any, "sample leaf"]
    labels: Shaped[Any, " sample"]

    def __len__(self) -> int:
        return len(self.labels)


def _compact(stream: Stream, origin: Origin, count: int, xp: Any) -> tuple[Any, Any, Any]:
    """The informative leaves and labels of `count` samples from an origin on, in the smallest integers."""
    params = stream.params
    tree = expand(stream.grammar, stream.take(origin, count, xp))
    return (
        tree.features[0].astype(smallest_unsigned(params.level(1).v)),
        tree.positions[0].astype(smallest_unsigned(params.d)),
        tree.label.astype(smallest_unsigned(params.n_c)),
    )


@lru_cache(maxsize=64)
def _compiled(stream: Stream, count: int) -> Callable[[Origin], tuple[Any, Any, Any]]:
    """The compiled version of :func:`_compact` for one stream and any origin."""
    import jax
    import jax.numpy as jnp

    from ..backend import backend_name

    backend_name()  # refuses where there is none
    return jax.jit(lambda origin: _compact(stream, origin, count, jnp), compiler_options=_COMPILER_OPTIONS)


def _keep_memory() -> None:
    """Make the C library keep the memory of temporary arrays, which it would return and get back cleared.

    The amount that it keeps grows with the largest block that was freed (glibc; elsewhere this has no effect).
    Clearing pages took half of the time.
    """
    np.empty(2**24, np.uint8)


def bytes_of(params: Params, count: int) -> int:
    """Return the size of samples of a model in bytes: feature and position of each leaf, and the label."""
    check_instance(Params, params=params)
    leaf, label = (
        sum(np.dtype(smallest_unsigned(n)).itemsize for n in most)
        for most in ((params.level(1).v, params.d), (params.n_c,))
    )
    return count * (params.num_leaves * leaf + label)


def smallest_unsigned(values: int) -> type:
    """Return the smallest unsigned integer type that holds 0 .. values - 1."""
    return next(kind for kind in (np.uint8, np.uint16, np.uint32) if values - 1 <= np.iinfo(kind).max)
