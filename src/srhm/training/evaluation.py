"""The test error of a network at its task, on the device."""

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from ..errors import check_instance
from ..inference.floors import surprisals
from ..model.dataset import Dataset
from ..model.derivation import expand
from ..model.encoding import Encoding
from ..model.params import Params
from ..model.sequences import BLOCK
from ..nets import Network
from ..nets.active import Leaves
from ..nets.network import outputs
from ..nets.subtrees import SubtreeTable, deduplicate
from ..randomness import Key
from .sequences import SymbolTask
from .task import Classification, Task

_TABLE = 10_000
"""Points of a table of sub-trees that are computed at a time."""


class Scores(NamedTuple):
    """How well a network does on a test set."""

    error: float
    """The mean error, such as the fraction of misclassified points; nan if an output is not a number."""
    losses: Float[np.ndarray, " place"] | None = None
    """Of a task that predicts symbols, the mean loss at each place, in nats; nan where nothing is predicted."""
    floors: Float[np.ndarray, " place"] | None = None
    """The mean loss of the exact predictor on the same samples."""
    counts: Int[np.ndarray, " place"] | None = None
    """The number of predictions at each place."""
    losses_by_time: Float[np.ndarray, " time"] | None = None
    """Of a process of noise, the mean loss of the predictions at each time."""
    floors_by_time: Float[np.ndarray, " time"] | None = None
    """The mean loss of the exact predictor on the same noisy samples."""

    @property
    def loss(self) -> float:
        """The mean loss of all predictions; nan for other tasks."""
        return self._mean(self.losses)

    @property
    def excess(self) -> float:
        """How far the mean loss is above its floor."""
        return self.loss - self._mean(self.floors)

    @property
    def criterion(self) -> float:
        """What the best network has the smallest of: the loss of a task that predicts symbols, else the error."""
        return self.error if self.losses is None else self.loss

    def _mean(self, values: Any) -> float:
        if values is None or self.counts is None:
            return math.nan
        counted = self.counts > 0
        return float((values[counted] * self.counts[counted]).sum() / self.counts.sum())


def recorded_losses(scores: Scores) -> dict[str, Any]:
    """Return what a record keeps of the losses of a task that predicts symbols."""
    if scores.losses is None:
        return {}
    found = {"test_loss": scores.loss, "excess": scores.excess, "loss_by_place": rounded(scores.losses)}
    if scores.losses_by_time is not None:
        found["loss_by_time"] = rounded(scores.losses_by_time)
    return found


def recorded_floors(scores: Scores) -> dict[str, Any]:
    """Return what the last point of a record keeps of the exact predictor."""
    kinds = {"floor_by_place": scores.floors, "floor_by_time": scores.floors_by_time}
    return {name: rounded(values) for name, values in kinds.items() if values is not None}


def rounded(values: Any) -> list[float]:
    """Return numbers to six digits."""
    return [float(f"{value:.6g}") for value in values]


class Sums(NamedTuple):
    """Losses or numbers of predictions, summed over samples."""

    places: Any
    """[place]."""
    times: Any
    """[time], of a task with a process of noise; else None."""

    def per(self, counts: "Sums") -> tuple[Any, Any]:
        """Return the means, nan where nothing is predicted."""
        with np.errstate(invalid="ignore"):
            places = np.asarray(self.places, np.float64) / counts.places
            times = None if self.times is None else np.asarray(self.times, np.float64) / counts.times
        return places, times


@eqx.filter_jit
def wrong_answers(
    net: Any, features: Any, positions: Any, labels: Any, latents: Any = None,
    *, params: Params, encoding: Encoding, task: Task,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """Return the sum of the errors over batches [batch, sample, leaf], whether an output is not a number, and losses.

    Padding has the label -1. The random numbers of the task in batch i have the key (0, i). The losses are
    :class:`Sums`, of a task that predicts symbols.
    """

    def one(batch: Any) -> tuple[Any, Any, Any]:
        features, positions, labels, number, latents = batch
        leaves = Leaves(params, encoding, features, positions, latents)
        inputs, targets = task.examples(leaves, labels, Key(jnp.uint32(0), number))
        output, real = outputs(net, inputs), labels >= 0
        errors, broken = _errors(task, output, targets, labels, params)
        if not isinstance(task, SymbolTask):
            return errors, broken, None
        losses = task.place_losses(output, targets)
        losses = jnp.where(real[:, None], losses, jnp.zeros_like(losses))
        by_time, times = None, task.times(params)
        if times:
            by_time = jax.ops.segment_sum(losses.sum(axis=1), task.time_of(inputs, targets), times)
        return errors, broken, Sums(losses.sum(axis=0), by_time)

    numbers = jnp.arange(len(features), dtype=jnp.uint32)
    wrong, broken, losses = jax.lax.map(one, (features, positions, labels, numbers, latents))
    return wrong.sum(), broken.any(), jax.tree.map(lambda one: one.sum(axis=0), losses)


@eqx.filter_jit
def wrong_trees(
    net: Network, table: SubtreeTable, labels: Any, *, params: Params, encoding: Encoding, task: Task
) -> tuple[Any, Any]:
    """Return the same as :func:`wrong_answers`, computing every distinct sub-tree once."""
    output = jnp.take(net.on_table(params, encoding, table)[1], table.roots, axis=0)
    return _errors(task, output, labels, labels, params)


def _errors(task: Task, output: Any, targets: Any, labels: Any, params: Params) -> tuple[Any, Any]:
    task.check(output, targets, params)
    real = labels >= 0
    broken = jnp.isnan(output).reshape(len(output), -1).any(axis=1)
    errors = task.errors(output, targets)
    return jnp.where(real, errors, jnp.zeros_like(errors)).sum(), (broken & real).any()


class Predictions(NamedTuple):
    """What a network predicts of the samples of a set, for a task that predicts symbols."""

    symbols: Int[np.ndarray, "sample position"]
    """The symbols that entered: -1 for a blank, :data:`~srhm.inference.MASKED` for a hidden one or the start."""
    targets: Int[np.ndarray, "sample place"]
    """What was to be predicted, the blank last; -1 where nothing is."""
    log_probability: Float[np.ndarray, "sample place symbol"]
    """ln of the probability of each symbol, by the network."""
    steps: Int[np.ndarray, " sample"] | None = None
    """The step of diffusion of each sample, of a task that gives it to the network."""


class _Example(NamedTuple):
    """What enters a network and what is to be predicted, for a batch."""

    symbols: Any
    targets: Any
    log_probability: Any
    steps: Any
    time: Any


@eqx.filter_jit
def _example(net: Any, leaves: Leaves, labels: Any, number: Any, task: Any) -> _Example:
    """The log-probabilities are those of a network, if there is one."""
    inputs, targets = task.examples(leaves, labels, Key(jnp.uint32(0), number))
    time = task.time_of(inputs, targets)
    if net is None:
        return _Example(inputs.symbols, targets, None, inputs.steps, time)
    output = outputs(net, inputs).reshape(*targets.shape, -1)
    return _Example(inputs.symbols, targets, jax.nn.log_softmax(output), inputs.steps, time)


class TestSet:
    """A test set on the device: a table of sub-trees for networks on patches, batches for all others.

    If networks compute on patches (`shared`) and the task allows it, equal sub-trees are computed once. `batch` points
    are computed at a time, by default 10,000 of a table of sub-trees, else 1024. The default task is the class.
    """

    __test__ = False  # not a test of pytest's

    def __init__(
        self,
        dataset: Dataset,
        encoding: Encoding,
        *,
        shared: bool = False,
        batch: int | None = None,
        task: Task | None = None,
    ) -> None:
        check_instance(Dataset, dataset=dataset)
        self.encoding: Encoding = encoding
        self.task = Classification() if task is None else task
        self.params, self.size = dataset.params, len(dataset)
        self._parts: list[tuple[Any, ...]] = []
        self._grammar = dataset.stream.grammar
        if not (shared and self.task.of_samples):
            self._parts.append(_batches(dataset, batch or BLOCK, latents_of(self.task, dataset)))
            return
        for part in dataset.batches(batch or _TABLE):
            table = jax.tree.map(_on_device, deduplicate(self.params, part.features, part.positions))
            self._parts.append((table, jax.device_put(part.labels.astype(np.int32))))

    @cached_property
    def _floors(self) -> tuple[tuple[Any, Any], Sums] | None:
        """The mean losses of the exact predictor, and how many predictions there are."""
        task = self.task
        if not isinstance(task, SymbolTask):
            return None
        sums, counts = [], []
        for one in self._examples():
            given = () if one.steps is None else (one.steps,)
            lost = surprisals(task.exact(self._grammar, one.symbols, *given), one.targets)
            for kept, values in ((sums, lost), (counts, one.targets >= 0)):
                times = None
                if number := task.times(self.params):
                    times = np.bincount(one.time, values.sum(axis=1), number)
                kept.append(Sums(values.sum(axis=0), times))
        total, count = (jax.tree.map(lambda *parts: sum(parts), *kept) for kept in (sums, counts))
        return total.per(count), count

    def _examples(self, net: Any = None) -> Iterator[_Example]:
        """Yield the examples of the task by batch, as NumPy arrays, with the log-probabilities of a network."""
        features, positions, labels, latents = self._parts[0]
        left = self.size
        for number in range(len(features)):
            own = None if latents is None else latents[number]
            leaves = Leaves(self.params, self.encoding, features[number], positions[number], own)
            found = _example(net, leaves, labels[number], jnp.uint32(number), self.task)
            yield jax.tree.map(lambda one, rows=left: np.asarray(one)[:rows], found)
            left -= len(labels[number])

    def predictions(self, net: Any) -> Predictions:
        """Return what a network predicts of every sample, for a task that predicts symbols."""
        whole = jax.tree.map(lambda *parts: np.concatenate(parts), *self._examples(net))
        return Predictions(whole.symbols, whole.targets, whole.log_probability, whole.steps)

    def error(self, net: Any) -> float:
        """Return the mean error; see :meth:`scores`."""
        return self.scores(net).error

    def scores(self, net: Any) -> Scores:
        """Return the mean error, and of a task that predicts symbols the loss at each place.

        Outputs that do not fit the task, such as one score for each class, are an ArgumentError.
        """
        wrong, losses = 0, None
        for part in self._parts:
            count = wrong_trees if isinstance(part[0], SubtreeTable) else wrong_answers
            found, broken, *rest = count(
                net, *part, params=self.params, encoding=self.encoding, task=self.task
            )
            if broken:
                return Scores(math.nan)
            wrong += found.item()
            losses = rest[0] if rest else None
        if self._floors is None or losses is None:
            return Scores(wrong / self.size)
        floors, counts = self._floors
        means = losses.per(counts)
        return Scores(wrong / self.size, means[0], floors[0], counts.places, means[1], floors[1])


def latents_of(task: Task, dataset: Dataset) -> Any:
    """Return what a task needs of each sample of a set besides leaves and classes, [sample, place]."""
    parts, step = [], 2**14
    for first in range(0, len(dataset), step):
        derivation = dataset.derivation(first, min(step, len(dataset) - first))
        part = task.latents(dataset.params, expand(dataset.stream.grammar, derivation))
        if part is None:
            return None
        parts.append(part.astype(np.uint16 if part.max() < 2**16 else np.int32))
    return np.concatenate(parts)


def _batches(dataset: Dataset, batch: int, latents: Any) -> tuple[Any, Any, Any, Any]:
    """Divide a set into whole batches; the padding repeats the last sample and has the label -1."""
    batch = min(batch, len(dataset))
    missing = -len(dataset) % batch
    features, positions, latents = (
        None
        if values is None
        else jax.device_put(
            np.pad(values, ((0, missing), (0, 0)), mode="edge").reshape(-1, batch, values.shape[1])
        )
        for values in (dataset.features, dataset.positions, latents)
    )
    labels = np.pad(dataset.labels.astype(np.int32), (0, missing), constant_values=-1)
    return features, positions, jax.device_put(labels.reshape(-1, batch)), latents


def _on_device(leaf: Any) -> Any:
    return jax.device_put(leaf) if isinstance(leaf, np.ndarray) else leaf
