"""Endless data: every sample is used once, whatever the number of workers and ranks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import get_worker_info

from ..errors import ArgumentError, check_integer
from ..model.encoding import Encoding
from ..model.stream import Stream
from .finite import derivations
from .form import Form, Layout, split_samples
from .ranks import check_ranks, rank_and_world

ENDLESS = 2**32
"""Items of an endless epoch."""

_DERIVED, _WRITTEN = 4096, 256
"""Samples that are derived together, and single samples that are encoded together."""

_STATE = {"epoch", "item", "of"}

_EPOCH, _FIRST, _VERSION, _WORKED, _ENDED = range(5)
"""The entries of a position: the epoch; the item with which an iteration begins; how often the position was set; the
version at which workers last iterated; and that at which an iteration last reached its end."""


@dataclass
class _Observed:
    """What this process observed of the iterations from one position."""

    item: int | None = None
    """The item after the last one that was returned, counted over all ranks."""
    iterating: bool = False
    """Whether an iteration began and has not reached its end."""
    unclear: bool = False
    """Whether another one began meanwhile, so that it is unknown which counts."""


class EndlessDataset(torch.utils.data.IterableDataset):
    """New samples of an endless stream, in batches or one by one.

    An *item* is a batch, or a single sample. Item g of epoch e contains the samples of the stream from
    `(e * items_per_epoch + g) * batch_size` on. Ranks take turns, and so do the workers of a rank: every item is
    returned once, and a rank gets its items in the same order with any number of workers. With several workers the
    items must be batches: from single samples, each worker would form batches of its own.

    Parameters
    ----------
    stream
        A stream of draws with replacement.
    batch_size
        Number of samples of a batch, for ``DataLoader(data, batch_size=None)``. Default: items are single samples. If
        it is a multiple of n_c, every batch has equally many samples of each class.
    encoding, layout, latents, device
        See :class:`~srhm.torch.Form`.
    items_per_epoch
        Number of items of an epoch, over all ranks, a multiple of the number of ranks. Default: 2^32, practically
        endless.
    rank, world_size
        Rank of this process, and number of processes. Default: those of `torch.distributed` when the data set is
        created, if it is initialised, else 0 and 1.

    Raises
    ------
    ArgumentError
        If the stream has an end, or a number is out of range.

    Examples
    --------
    >>> import srhm
    >>> params = srhm.Params(n_c=4, v=4, m=4, s=2, s0=1, L=2)
    >>> stream = srhm.Stream(srhm.Grammar(params, seed=0), 1, "replacement")
    >>> loader = torch.utils.data.DataLoader(EndlessDataset(stream, batch_size=8), batch_size=None)
    >>> x, y = next(iter(loader))
    >>> x.shape, torch.bincount(y)
    (torch.Size([8, 4, 16]), tensor([2, 2, 2, 2]))
    """

    def __init__(
        self,
        stream: Stream,
        batch_size: int | None = None,
        encoding: Encoding = "whitened",
        layout: Layout | None = None,
        latents: bool = False,
        device: Any = None,
        *,
        items_per_epoch: int | None = None,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        if not isinstance(stream, Stream):
            raise ArgumentError("stream", stream, "is not a stream", "Give a srhm.Stream")
        if stream.rule != "replacement":
            problem = f"ends after {stream.length} samples"
            raise ArgumentError("stream", stream, problem, "Use Stream(grammar, seed, 'replacement')")
        self.form = Form(encoding, layout, latents, device)
        self.stream = stream
        self.batch_size = None if batch_size is None else check_integer("batch_size", batch_size, minimum=1)
        self.rank, self.world_size = rank_and_world(rank, world_size)
        self._ranks_given = rank is not None
        self.items_per_epoch = items_per_epoch
        if items_per_epoch is not None:
            self.items_per_epoch = check_integer(
                "items_per_epoch", items_per_epoch, minimum=1, maximum=ENDLESS
            )
            if self.items_per_epoch % self.world_size:
                problem = f"gives the {self.world_size} ranks different numbers of items"
                fix = f"Use a multiple of {self.world_size}"
                raise ArgumentError("items_per_epoch", items_per_epoch, problem, fix)
        self._place = torch.zeros(5, dtype=torch.int64)
        self._share()
        self._go_to(0, 0)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make a copy, which continues from the position of the original, and then has its own."""
        self.__dict__.update(state)
        self._share()

    def __copy__(self) -> "EndlessDataset":
        copy = object.__new__(type(self))
        copy.__setstate__(self.__dict__ | {"_place": self._place.clone()})
        return copy

    def set_epoch(self, epoch: int) -> None:
        """Go to the first item of an epoch; this also reaches persistent workers.

        If a state of this epoch was loaded, the next iteration still resumes from it.

        Raises
        ------
        ArgumentError
            If the epoch is below 0 or beyond the stream, or this is a worker.
        """
        _check_main_process()
        epoch = self._checked_epoch(epoch)
        if epoch != int(self._place[_EPOCH]) or self._ended:
            self._go_to(epoch, 0)

    def state_dict(self, taken: int | None = None) -> dict[str, Any]:
        """Return the position from which to resume, as plain numbers.

        Parameters
        ----------
        taken
            Number of items that this rank has taken from the loader since its iteration began: batches, or samples if
            items are single samples. Needed with workers, since this copy of the data set does not know how many of
            their items were used. Default: the number known to this copy.

        Raises
        ------
        ArgumentError
            If `taken` is missing and not known to this copy: it has not been iterated, or workers iterated, or an
            iteration began before another one had ended; if an epoch has fewer items; or if this is a worker.
        """
        _check_main_process()
        epoch, first = self._place[: _FIRST + 1].tolist()
        if taken is not None:
            most = (self._items - first) // self.world_size
            first += check_integer("taken", taken, minimum=0, maximum=most) * self.world_size
        elif self._place[_WORKED] == self._place[_VERSION] or self._seen.item is None:
            problem = "is unknown: this copy of the data set was not iterated, at most those of workers were"
            raise ArgumentError("taken", None, problem, "Give the number of items taken from the loader")
        elif self._seen.unclear:
            problem = "is unknown: an iteration began before another one had ended, and either may count"
            raise ArgumentError("taken", None, problem, "Give the number of items taken from the loader")
        else:
            first = self._seen.item
        return {"epoch": epoch, "item": first, "of": self._identity}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume where a state was taken; the number of ranks or workers may differ.

        Iterations begin there until one has reached its end; then :meth:`set_epoch` sets the next epoch.

        Raises
        ------
        ArgumentError
            If this is not a state, or it is of another stream, batch or epoch length, or the ranks cannot share the
            rest of its epoch evenly, or this is a worker.
        """
        _check_main_process()
        if not isinstance(state, dict) or set(state) != _STATE:
            raise ArgumentError("state", state, "is not a state", "Give what state_dict() returned")
        if state["of"] != self._identity:
            problem = f"is a state of other data than {self._identity}"
            raise ArgumentError("state", state, problem, "Make the data set with the arguments it had")
        epoch = self._checked_epoch(state["epoch"])
        item = check_integer("item", state["item"], minimum=0, maximum=self._items)
        left = self._items - item
        if self.items_per_epoch and left % self.world_size:
            problem = f"leaves {left} items of the epoch, which {self.world_size} ranks cannot share evenly"
            fix = (
                f"Use a number of ranks that divides {left}, or begin the next epoch: set_epoch({epoch + 1})"
            )
            raise ArgumentError("item", item, problem, fix)
        self._go_to(epoch, item)

    def __len__(self) -> int:
        """Number of items of this rank in a whole epoch."""
        if self.items_per_epoch is None:
            raise TypeError("an EndlessDataset has no length without items_per_epoch")
        return self.items_per_epoch // self.world_size

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Yield the items of this rank and worker, from the first of the epoch or the loaded one on.

        Raises
        ------
        ArgumentError
            If several workers would return single samples, a loaded state was already followed to the end of its epoch,
            the ranks have changed since this was created, or workers cannot reach the device.
        """
        self.form.check_process()
        if not self._ranks_given:
            check_ranks(self.rank, self.world_size)
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        if workers > 1 and self.batch_size is None:
            problem = (
                f"means single samples, of which each of {workers} workers would form batches of its own"
            )
            fix = "Use EndlessDataset(..., batch_size=B) and DataLoader(data, batch_size=None), or num_workers=1"
            raise ArgumentError("batch_size", None, problem, fix)
        epoch, first, version, *_ = self._place.tolist()
        if worker == 0 and first and self._ended:
            problem = f"was already iterated to its end, from item {first} on, where its state was loaded"
            fix = f"Call set_epoch({epoch + 1}) for the next epoch, or set_epoch({epoch}) for all of this one"
            raise ArgumentError("epoch", epoch, problem, fix)
        seen = self._seen  # what is observed of this position only: another may be set meanwhile
        if info is not None:
            self._place[_WORKED] = version
        seen.unclear = seen.unclear or seen.iterating
        seen.iterating = True
        stride = self.world_size * workers
        begin = first + self.rank + self.world_size * worker
        contents = self._contents(epoch, range(begin, self._items, stride))
        for item, content in zip(range(begin, self._items, stride), contents, strict=True):
            seen.item = item - self.rank + stride
            yield content
        seen.iterating = False
        if worker == 0:  # the others may not have begun yet
            self._place[_ENDED] = version

    @property
    def _items(self) -> int:
        return self.items_per_epoch or ENDLESS

    @property
    def _identity(self) -> dict[str, Any]:
        """What must be the same for a state to be loaded."""
        stream = self.stream
        return {
            "grammar": stream.grammar.digest,
            "seed": stream.seed,
            "role": stream.role,
            "batch_size": self.batch_size,
            "items_per_epoch": self.items_per_epoch,
        }

    @property
    def _ended(self) -> bool:
        return bool(self._place[_ENDED] == self._place[_VERSION])

    def _share(self) -> None:
        """Share the position with workers; begin to observe this copy."""
        self._place.share_memory_()
        self._seen = _Observed()

    def _go_to(self, epoch: int, item: int) -> None:
        self._place[_EPOCH], self._place[_FIRST] = epoch, item
        self._place[_VERSION] += 1
        self._seen = _Observed()

    def _checked_epoch(self, epoch: int) -> int:
        most = self.stream.length // (self._items * (self.batch_size or 1)) - 1
        return check_integer("epoch", epoch, minimum=0, maximum=min(most, 2**62))

    def _contents(self, epoch: int, items: range) -> Iterator[tuple[Any, ...]]:
        """Yield the contents of some items, derived several at a time."""
        size = self.batch_size or 1
        together = max(1, _DERIVED // size)
        for start in range(0, len(items), together):
            some = items[start : start + together]
            offsets = np.arange(len(some))[:, None] * (items.step * size) + np.arange(size)
            first = (epoch * self._items + some.start) * size
            derivation = derivations(self.stream, first, offsets.reshape(-1))
            for batch in self.form.batches(self.stream.grammar, derivation, self.batch_size or _WRITTEN):
                yield from [batch] if self.batch_size else split_samples(batch)


def _check_main_process() -> None:
    info = get_worker_info()
    if info is not None:
        fix = "Call it in the main process, with the number of items taken from the loader"
        raise ArgumentError("worker", info.id, "knows only its own part of the items", fix)
