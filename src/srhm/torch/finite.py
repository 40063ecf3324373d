"""A finite data set with random access: sample i is a pure function of (grammar, seed, i)."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from operator import index as as_integer
from typing import Any

import numpy as np
import torch

from ..errors import ArgumentError, check_instance, check_integer
from ..model.dataset import Dataset
from ..model.derivation import Derivation, expand
from ..model.encoding import Encoding
from ..model.params import Params
from ..model.stream import Stream
from .form import Form, Layout, split_samples


class Indexed(torch.utils.data.Dataset, ABC):
    """Samples by their numbers; those of a batch are made together."""

    count: int
    """Number of samples."""

    @abstractmethod
    def _batch(self, rows: np.ndarray) -> tuple[Any, ...]:
        """Return the tensors of some samples, given by numbers from 0 on."""

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        """Return a sample, or a batch: what its class says, for a batch with a first axis *sample*.

        The index is an integer for one sample; a slice, or integers in a sequence, an array or a tensor, for a batch.
        Negative numbers count from the end; an IndexError says that a sample does not exist.
        """
        if isinstance(index, slice):
            return self._batch(np.arange(self.count)[index])
        if np.ndim(index) or not hasattr(index, "__index__"):
            return self._batch(self._rows(index))
        return split_samples(self._batch(self._rows([as_integer(index)])))[0]

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Any, ...]]:
        """Return several samples, computed together; a DataLoader that forms the batches itself calls this."""
        return split_samples(self._batch(self._rows(indices)))

    def _rows(self, indices: Any) -> np.ndarray:
        try:
            rows = np.asarray(indices)
        except ValueError:  # batches of different sizes
            rows = np.empty((0, 0))
        if rows.ndim == 1 and not rows.size:
            rows = rows.astype(np.int64)
        if rows.ndim != 1 or rows.dtype.kind not in "iu":
            fix = "Give row numbers, and use DataLoader(..., batch_size=None) if its sampler returns batches"
            raise ArgumentError("index", indices, "is not an integer or a list of them", fix)
        rows = rows.astype(np.int64)
        outside = (rows < -self.count) | (rows >= self.count)
        if outside.any():
            raise IndexError(f"index = {rows[outside][0]} lies outside the {self.count} samples")
        return np.where(rows < 0, rows + self.count, rows)


class TorchDataset(Indexed):
    """Samples of a :class:`srhm.Dataset` or a :class:`srhm.Stream`, for a DataLoader with any number of workers.

    A sample is its input [channel, position] and its label []; with `latents` the third item is the hidden variables,
    see :meth:`Form.hidden`.

    Samples are encoded only when they are used: a data set takes a few bytes per sample, and the samples of a stream
    are computed from their numbers. Both can be pickled, and are the same in every worker.

    Parameters
    ----------
    source
        A data set, or a stream.
    count
        Number of samples. Default for a data set: all from `start` on; required for a stream.
    encoding, layout, latents, device
        See :class:`~srhm.torch.Form`. Workers cannot use a GPU.
    start
        The number, in the source, of sample 0.

    Raises
    ------
    ArgumentError
        If the source is neither, it does not contain these samples, or the form is invalid.

    Examples
    --------
    >>> import srhm
    >>> params = srhm.Params(n_c=4, v=4, m=4, s=2, s0=1, L=2)
    >>> sets = srhm.split(srhm.Grammar(params, seed=0), P=100, P_test=1000)
    >>> data = TorchDataset(sets.train)
    >>> x, y = data[0]
    >>> len(data), x.shape, y.dtype
    (100, torch.Size([4, 16]), torch.int64)
    >>> x, y = data[[3, 1, 4]]  # a whole batch at once
    >>> x.shape, y.shape
    (torch.Size([3, 4, 16]), torch.Size([3]))
    """

    def __init__(
        self,
        source: Dataset | Stream,
        count: int | None = None,
        encoding: Encoding = "whitened",
        layout: Layout | None = None,
        latents: bool = False,
        device: Any = None,
        *,
        start: int = 0,
    ) -> None:
        self.form = Form(encoding, layout, latents, device)
        if isinstance(source, Stream):
            if count is None:
                raise ArgumentError(
                    "count", None, "is missing: a stream has no end", "Give a number of samples"
                )
            count = check_integer("count", count, minimum=1)
            self.start, self.count = source.checked_range(start, count)
        elif isinstance(source, Dataset):
            self.start = check_integer("start", start, minimum=0, maximum=len(source) - 1)
            left = len(source) - self.start
            self.count = check_integer("count", left if count is None else count, minimum=1, maximum=left)
        else:
            raise ArgumentError(
                "source", source, "is not a source of samples", "Give a srhm.Dataset or a srhm.Stream"
            )
        self.source = source

    @property
    def params(self) -> Params:
        """The parameters of the model."""
        return self.source.params

    @property
    def labels(self) -> np.ndarray:
        """The classes of all samples, int64 [sample], as for a batch sampler."""
        rows = np.arange(self.count)
        if isinstance(self.source, Dataset):
            return self.source.labels[self.start + rows].astype(np.int64)
        chunks = np.array_split(rows, -(-self.count // 2**15))
        return np.concatenate([self._derivation(chunk).label for chunk in chunks]).astype(np.int64)

    def _batch(self, rows: np.ndarray) -> tuple[Any, ...]:
        self.form.check_process()
        source = self.source
        if isinstance(source, Stream):
            return next(self.form.batches(source.grammar, self._derivation(rows)))
        at = self.start + rows
        batch = self.form.tensors(source.params, source.features[at], source.positions[at], source.labels[at])
        if not self.form.latents:
            return batch
        derivation = self._derivation(rows)
        return *batch, self.form.hidden(derivation, expand(source.stream.grammar, derivation))

    def _derivation(self, rows: np.ndarray) -> Derivation:
        if isinstance(self.source, Dataset):
            if self.source.numbers is not None:
                return self.source.stream.at(self.source.numbers[self.start + rows], self.source.start)
            return derivations(self.source.stream, self.source.start + self.start, rows)
        return derivations(self.source, self.start, rows)


def derivations(stream: Stream, first: int, offsets: np.ndarray) -> Derivation:
    """Return the derivations of samples `first + offsets` of a stream, in any order; offsets below 2^31."""
    check_instance(Stream, stream=stream)
    skipped = first % stream.params.n_c
    return stream.at((offsets + skipped).astype(np.uint32), first - skipped)
