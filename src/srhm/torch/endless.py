"""Endless data: every sample is seen once, whatever the number of workers and ranks."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import get_worker_info

from ..encoding import Encoding
from ..errors import ArgumentError, check_integer
from ..stream import Stream
from .finite import derivations
from .form import Form, Layout, split_samples
from .ranks import rank_and_world

ENDLESS = 2**32
"""Items of an epoch that has no end."""

_DERIVED, _WRITTEN = 4096, 256
"""Samples that are derived together, and single samples that are written densely together."""


class EndlessDataset(torch.utils.data.IterableDataset):
    """Fresh samples of an independent stream, in batches or one by one.

    An *item* is a batch, or a single sample. Item g of epoch e holds the samples of the stream from
    `(e * items_per_epoch + g) * batch_size` on. Ranks take turns, and so do the workers of a rank: they get every
    item once, and a rank gets its own in the same order with any number of workers.

    Parameters
    ----------
    stream
        A stream of independent draws.
    batch_size
        Samples of an item that is a batch; to be used with ``DataLoader(data, batch_size=None)``. Single samples
        unless given. Where n_c divides it, every batch has as many samples of each class.
    encoding, layout, latents, device
        See :class:`~srhm.torch.Form`.
    items_per_epoch
        Items of an epoch, over all ranks, a multiple of their number; 2^32, which is no end, unless given.
    rank, world_size
        Number of this process and of all processes; unless given, those of `torch.distributed` when the data
        set is made, if it is initialised, else 0 and 1.

    Raises
    ------
    ArgumentError
        If the stream has an end, or a number is out of range.

    Examples
    --------
    >>> import srhm
    >>> params = srhm.Params(n_c=4, v=4, m=4, s=2, s0=1, L=2)
    >>> stream = srhm.Stream(srhm.Grammar(params, seed=0), 1, "independent")
    >>> loader = torch.utils.data.DataLoader(EndlessDataset(stream, batch_size=8), batch_size=None)
    >>> x, y = next(iter(loader))
    >>> x.shape, torch.bincount(y)
    (torch.Size([8, 16, 4]), tensor([2, 2, 2, 2]))
    """

    def __init__(
        self,
        stream: Stream,
        batch_size: int | None = None,
        encoding: Encoding = "whitened",
        layout: Layout = "positions_first",
        latents: bool = False,
        device: Any = None,
        *,
        items_per_epoch: int | None = None,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        if not isinstance(stream, Stream):
            raise ArgumentError("stream", stream, "is not a stream", "Give a srhm.Stream")
        if stream.rule != "independent":
            problem = f"ends after {stream.length} samples"
            raise ArgumentError("stream", stream, problem, "Use Stream(grammar, seed, 'independent')")
        self.form = Form(encoding, layout, latents, device)
        self.stream = stream
        self.batch_size = None if batch_size is None else check_integer("batch_size", batch_size, least=1)
        self.rank, self.world_size = rank_and_world(rank, world_size)
        self.items_per_epoch = items_per_epoch
        if items_per_epoch is not None:
            self.items_per_epoch = check_integer("items_per_epoch", items_per_epoch, least=1, most=ENDLESS)
            if self.items_per_epoch % self.world_size:
                problem = f"gives the {self.world_size} ranks different numbers of items"
                fix = f"Use a multiple of {self.world_size}"
                raise ArgumentError("items_per_epoch", items_per_epoch, problem, fix)
        self._place = torch.zeros(
            2, dtype=torch.int64
        ).share_memory_()  # epoch, first item; workers see changes
        self._next: int | None = None  # of all ranks together, once this copy was iterated
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Go to an epoch, to its first item if it is another one; workers that persist go with it.

        Raises
        ------
        ArgumentError
            If the epoch is below 0 or beyond the stream.
        """
        most = self.stream.length // (self._items * (self.batch_size or 1)) - 1
        epoch = check_integer("epoch", epoch, least=0, most=min(most, 2**62))
        if epoch != int(self._place[0]):
            self._go_to(epoch, 0)

    def state_dict(self, taken: int | None = None) -> dict[str, Any]:
        """Return where to go on, as plain numbers.

        Parameters
        ----------
        taken
            How many items this rank has taken from the loader since its epoch or the loaded state began. Needed
            where workers iterate, as this copy of the data set does not see how far theirs were used.

        Raises
        ------
        ArgumentError
            If `taken` is not given and this copy has not been iterated, or this is a worker.
        """
        _check_main_process()
        epoch, first = self._place.tolist()
        if taken is not None:
            first += check_integer("taken", taken, least=0) * self.world_size
        elif self._next is None:
            problem = "is unknown: this copy of the data set was not iterated, at most those of workers were"
            raise ArgumentError("taken", None, problem, "Give the number of items taken from the loader")
        else:
            first = self._next
        return {"epoch": epoch, "item": first, "of": self._identity}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where a state was taken; another number of ranks or workers may share the rest.

        Raises
        ------
        ArgumentError
            If the state is of another stream, batch or epoch length, or this is a worker.
        """
        _check_main_process()
        if state["of"] != self._identity:
            problem = f"is a state of other data than {self._identity}"
            raise ArgumentError("state", state, problem, "Make the data set with the arguments it had")
        self._go_to(state["epoch"], state["item"])

    def __len__(self) -> int:
        """Items of an epoch of this rank, from its first to its last."""
        if self.items_per_epoch is None:
            raise TypeError("an EndlessDataset has no length unless items_per_epoch is given")
        return self.items_per_epoch // self.world_size

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Yield the items of this rank and worker, from the first of the epoch or the loaded one on."""
        self.form.check_process()
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        epoch, first = self._place.tolist()
        stride = self.world_size * workers
        begin = first + self.rank + self.world_size * worker
        contents = self._contents(epoch, range(begin, self._items, stride))
        for item, content in zip(range(begin, self._items, stride), contents, strict=True):
            self._next = item - self.rank + stride
            yield content

    @property
    def _items(self) -> int:
        return self.items_per_epoch or ENDLESS

    @property
    def _identity(self) -> dict[str, Any]:
        """What a state must agree on."""
        stream = self.stream
        return {
            "grammar": stream.grammar.digest,
            "seed": stream.seed,
            "role": stream.role,
            "batch_size": self.batch_size,
            "items_per_epoch": self.items_per_epoch,
        }

    def _go_to(self, epoch: int, item: int) -> None:
        self._place[0], self._place[1] = epoch, item
        self._next = None

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
