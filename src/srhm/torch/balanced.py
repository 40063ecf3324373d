"""The batches of the training protocol, for a DataLoader."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from ..errors import ArgumentError, check_integer
from ..model.dataset import Dataset
from ..randomness import Key, role_key, threefry2x32
from .ranks import check_ranks, rank_and_world


class BalancedBatchSampler(torch.utils.data.Sampler[list[int]]):
    """Batches with equally many points of each class: those of :func:`srhm.training.train`.

    Where classes have weights, `train` has other ones.

    In every epoch each class is permuted and divided into groups of `batch_per_class`; batch b contains group b of each
    class. The last batch contains the rest. The order is a pure function of (seed, epoch). Every iteration is one
    epoch; :meth:`set_epoch` sets which, default: the next one.

    Parameters
    ----------
    labels
        The class of every sample, integers [sample].
    batch_per_class
        Points of each class in a batch; the paper's batch is 4 n_c points.
    seed
        The order seed, any integer from 0 to 2^64 - 1.
    rank, world_size
        Rank of this process, and number of processes; whole batches go to the ranks in turn. Default: those of
        `torch.distributed` when the sampler is created, if it is initialised, else 0 and 1.
    equal_ranks
        Leave out the batches at the end of an epoch that not every rank would get, for training that waits for
        all ranks at each step. By default no point is left out, and a rank may get one more batch.

    Raises
    ------
    ArgumentError
        If the labels are not classes, or a number is out of range.

    Examples
    --------
    >>> sampler = BalancedBatchSampler([0, 1, 0, 1, 0], batch_per_class=2, seed=3)
    >>> [len(batch) for batch in sampler]
    [4, 1]
    """

    def __init__(
        self,
        labels: Any,
        batch_per_class: int = 4,
        seed: int = 0,
        rank: int | None = None,
        world_size: int | None = None,
        *,
        equal_ranks: bool = False,
    ) -> None:
        if isinstance(labels, Dataset | torch.utils.data.Dataset):
            raise ArgumentError("labels", type(labels).__name__, "is a data set", "Give dataset.labels")
        labels = np.asarray(labels)
        if labels.ndim != 1 or labels.dtype.kind not in "iu" or not labels.size or labels.min() < 0:
            problem = "are not the classes of at least one sample"
            raise ArgumentError("labels", labels, problem, "Give integers from 0 on, [sample]")
        self.batch_per_class = check_integer("batch_per_class", batch_per_class, minimum=1)
        self.rank, self.world_size = rank_and_world(rank, world_size)
        self._ranks_given = rank is not None
        self.equal_ranks = equal_ranks
        self.seed, self.epoch = seed, 0
        role_key(seed, "order")  # checks the seed
        labels = labels.astype(np.int64)
        counts = np.bincount(labels)
        self._members = np.argsort(labels, kind="stable")  # class after class, each in the order of samples
        self._class = labels[self._members]
        self._slot = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
        self._batches = -(-int(counts.max()) // self.batch_per_class)
        if equal_ranks and self._batches < self.world_size:
            problem = f"exceeds the {self._batches} batches, so equal_ranks leaves none"
            fix = f"Use at most {self._batches} ranks, or a smaller batch_per_class"
            raise ArgumentError("world_size", self.world_size, problem, fix)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next iteration.

        Raises
        ------
        ArgumentError
            If the epoch is not from 0 to 2^31 - 1.
        """
        self.epoch = check_integer("epoch", epoch, minimum=0, maximum=2**31 - 1)

    def __len__(self) -> int:
        """Number of batches of this rank in an epoch."""
        return len(range(self.rank, self._shared, self.world_size))

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the batches of an epoch, lists of sample numbers, class after class within a batch.

        Raises
        ------
        ArgumentError
            If the ranks have changed since this was created.
        """
        if not self._ranks_given:
            check_ranks(self.rank, self.world_size)
        epoch, self.epoch = self.epoch, self.epoch + 1
        batches = self.batches(epoch)
        for number in range(self.rank, self._shared, self.world_size):
            yield batches[number].tolist()

    def batches(self, epoch: int) -> list[np.ndarray]:
        """Return all batches of an epoch, also those of other ranks, as sample numbers [sample]."""
        key = Key(*threefry2x32(role_key(self.seed, "order"), np.uint32(epoch), np.uint32(0)))
        words = threefry2x32(key, self._class.astype(np.uint32), self._slot.astype(np.uint32))[0]
        shuffled = self._members[np.lexsort((self._slot, words, self._class))]
        batch = self._slot // self.batch_per_class
        order = np.argsort(batch, kind="stable")
        return np.split(shuffled[order], np.cumsum(np.bincount(batch))[:-1])

    @property
    def _shared(self) -> int:
        """Number of batches that are distributed over the ranks."""
        return self._batches - self._batches % self.world_size if self.equal_ranks else self._batches
