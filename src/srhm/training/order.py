"""The training set on the device, arranged by class, and the order in which an epoch goes through it.

The order of every epoch is a pure function of (order seed, epoch), so a run that was interrupted and resumed, or
advanced in calls of another length, gives the same bits.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, Integer, UInt32

from ..errors import check_instance
from ..model.dataset import Dataset
from ..randomness import Key, threefry2x32


class ClassData(NamedTuple):
    """A training set on the device, arranged by class and padded: sample k of class c is at [c, k].

    Where classes have weights, each n_c samples in their order are at [0, k] to [n_c - 1, k] instead.
    """

    features: Integer[Array, "class_ slot leaf"]
    """The features of the leaves, [class_, slot, leaf]."""
    positions: Integer[Array, "class_ slot leaf"]
    """Their positions, [class_, slot, leaf]."""
    counts: Int[Array, " class_"]
    """Samples of each class, [class_]; the slots beyond are padding."""
    labels: Int[Array, "class_ slot"] | None = None
    """The classes of the samples, [class_, slot], where they are not arranged by class."""
    latents: Integer[Array, "class_ slot place"] | None = None
    """What the task needs besides, [class_, slot, place]."""


def class_data(dataset: Dataset, multiple: int, latents: Any = None) -> ClassData:
    """Arrange a training set by class, padded to one of a few sizes so that many P share a compiled program.

    Its classes differ by at most one sample, unless they have weights. The padded size is `multiple` times a power of
    4; `latents` is what the task needs besides of each sample, [sample, place].
    """
    check_instance(Dataset, dataset=dataset)
    params, labels = dataset.params, dataset.labels.astype(np.int64)
    balanced = dataset.stream.grammar.class_weights is None
    if not balanced:  # a batch has the classes that come
        labels = np.arange(len(labels)) % params.n_c
    counts = np.bincount(labels, minlength=params.n_c)
    slots = multiple * 16
    while slots < counts.max():
        slots *= 4
    order = np.argsort(labels, kind="stable")
    slot = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    laid = []
    more = [None if balanced else dataset.labels[:, None], latents]
    for values in (dataset.features, dataset.positions, *more):
        if values is None:
            laid.append(None)
            continue
        of_class = values[order][np.cumsum(counts) - counts][:, None]  # padding repeats a sample of the class
        padded = np.repeat(of_class, slots, axis=1)
        padded[labels[order], slot] = values[order]
        laid.append(jax.device_put(padded))
    classes = None if balanced else laid[2][..., 0].astype(jnp.int32)
    return ClassData(laid[0], laid[1], jax.device_put(counts.astype(np.int32)), classes, laid[3])


class Order(NamedTuple):
    """What determines the order of a run."""

    key: UInt32[Array, " two"]
    """The key of the order seed, [2]."""
    fixed_batches: Bool[Array, ""]
    """Whether batches are formed once and their order is shuffled, or they are formed anew every epoch."""

    def words(self, epoch: Int[Array, ""], part: int, *counters: Any) -> Any:
        """Return random words for one part of an epoch's order."""
        return threefry2x32(self._part_key(epoch, part), *counters)[0]

    def step_key(self, epoch: Int[Array, ""], batch: Int[Array, ""]) -> Key:
        """Return the key of what one training step draws, such as dropout: part 2 of the epoch, by the batch."""
        return Key(*threefry2x32(self._part_key(epoch, 2), batch.astype(jnp.uint32), jnp.uint32(0)))

    def _part_key(self, epoch: Int[Array, ""], part: int) -> Key:
        key = Key(self.key[0], self.key[1])
        return Key(*threefry2x32(key, epoch.astype(jnp.uint32), jnp.uint32(part)))


def epoch_order(order: Order, epoch: Int[Array, ""], counts: Int[Array, " class_"], slots: int) -> Any:
    """Return the random order of every class's samples in one epoch, [class_, slot]; padding comes last.

    With fixed batches the samples keep their slots.
    """
    class_ = jnp.arange(counts.shape[0], dtype=jnp.uint32)[:, None]
    slot = jnp.arange(slots, dtype=jnp.uint32)[None, :]
    class_, slot = jnp.broadcast_arrays(class_, slot)
    words = jnp.where(order.fixed_batches, slot, order.words(epoch, 0, class_, slot))
    valid = slot.astype(jnp.int32) < counts[:, None]
    return stable_order(jnp.where(valid, words, jnp.uint32(0xFFFFFFFF)))


def stable_order(words: UInt32[Array, "*row entry"]) -> Int[Array, "*row entry"]:
    """Return what a stable `argsort` does: equal words stay in their order.

    It sorts by the lower half of the words, then by the upper: a half and the index of the entry fit into one word, and
    plain words are sorted six times as fast as words together with their indices.
    """
    entries = words.shape[-1]
    if entries > 2**16:
        return jnp.argsort(words, axis=-1, stable=True).astype(jnp.int32)
    place = jnp.broadcast_to(jnp.arange(entries, dtype=jnp.uint32), words.shape)
    low = jnp.sort(words << 16 | place, axis=-1) & 0xFFFF
    high = jnp.take_along_axis(words >> 16, low.astype(jnp.int32), axis=-1)
    both = jnp.sort(high << 16 | place, axis=-1) & 0xFFFF
    return jnp.take_along_axis(low, both.astype(jnp.int32), axis=-1).astype(jnp.int32)


def batch_order(order: Order, epoch: Int[Array, ""], batches: Int[Array, ""], max_batches: int) -> Any:
    """Return the order of an epoch's batches, [batch]: as they are, or shuffled if batches are fixed."""
    number = jnp.arange(max_batches, dtype=jnp.uint32)
    words = order.words(epoch, 1, number, jnp.zeros_like(number))
    words = jnp.where(number.astype(jnp.int32) < batches, words, jnp.uint32(0xFFFFFFFF))
    words = jnp.where(order.fixed_batches, words, number)
    return stable_order(words)


class EpochOrder(NamedTuple):
    """The order of one epoch, kept between calls since a large set takes a while to sort."""

    epoch: Int[Array, ""]
    """The epoch to which it belongs; -1 if none was computed."""
    samples: Int[Array, "class_ slot"]
    """The order of every class's samples, [class_, slot]."""
    batches: Int[Array, " batch"]
    """The order of the batches, [batch]."""

    @classmethod
    def empty(cls, data: ClassData, batch_per_class: int) -> "EpochOrder":
        """Return an order that belongs to no epoch, of the right shape."""
        n_c, slots = data.features.shape[:2]
        batches = -(-slots // batch_per_class)
        samples, order = np.zeros((n_c, slots), np.int32), np.zeros(batches, np.int32)
        return cls(*map(jax.device_put, (np.int32(-1), samples, order)))

    def at(
        self, order: Order, epoch: Int[Array, ""], data: ClassData, batches: Int[Array, ""]
    ) -> "EpochOrder":
        """Return the order of an epoch: this one, if it belongs to the epoch."""

        def anew() -> EpochOrder:
            samples = epoch_order(order, epoch, data.counts, self.samples.shape[1])
            return EpochOrder(epoch, samples, batch_order(order, epoch, batches, len(self.batches)))

        return jax.lax.cond(self.epoch == epoch, lambda: self, anew)
