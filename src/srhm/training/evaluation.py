"""The test error of a network at its task, on the device."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..errors import check_instance
from ..model.dataset import Dataset
from ..model.encoding import Encoding
from ..model.params import Params
from ..nets import Leaves, Network, outputs
from ..nets.subtrees import SubtreeTable, deduplicate
from ..randomness import Key
from .task import Classification, Task

_BATCH, _TABLE = 1024, 10_000  # points computed at a time


@eqx.filter_jit
def wrong_answers(
    net: Any, features: Any, positions: Any, labels: Any, *, params: Params, encoding: Encoding, task: Task
) -> tuple[Any, Any]:
    """Return the sum of the errors over batches [batch, sample, leaf], and whether an output is not a number.

    Padding has the label -1. The random numbers of the task in batch i have the key (0, i).
    """

    def one(batch: Any) -> tuple[Any, Any]:
        leaves = Leaves(params, encoding, batch[0], batch[1])
        inputs, targets = task.examples(leaves, batch[2], Key(jnp.uint32(0), batch[3]))
        return _errors(task, outputs(net, inputs), targets, batch[2], params)

    numbers = jnp.arange(len(features), dtype=jnp.uint32)
    wrong, broken = jax.lax.map(one, (features, positions, labels, numbers))
    return wrong.sum(), broken.any()


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


class TestSet:
    """A test set on the device: a table of sub-trees for networks on patches, batches for all others.

    Parameters
    ----------
    dataset
        The test points.
    encoding
        The encoding of the inputs.
    shared
        Whether the networks compute on patches, so that equal sub-trees can be computed once, if the task allows it.
    batch
        Number of points computed at a time. Default: 10,000 for a table of sub-trees, else 1024.
    task
        What the network predicts. Default: the class.
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
        if not (shared and self.task.of_samples):
            self._parts.append(_batches(dataset, batch or _BATCH))
            return
        for part in dataset.batches(batch or _TABLE):
            table = jax.tree.map(_on_device, deduplicate(self.params, part.features, part.positions))
            self._parts.append((table, jnp.asarray(part.labels, jnp.int32)))

    def error(self, net: Any) -> float:
        """Return the mean error, such as the fraction of misclassified points; nan if an output is not a number.

        Raises
        ------
        ArgumentError
            If the outputs do not fit the task, such as one score for each class.
        """
        wrong = 0
        for part in self._parts:
            count = wrong_trees if isinstance(part[0], SubtreeTable) else wrong_answers
            found, broken = count(net, *part, params=self.params, encoding=self.encoding, task=self.task)
            if broken:
                return math.nan
            wrong += found.item()
        return wrong / self.size


def _batches(dataset: Dataset, batch: int) -> tuple[Any, Any, Any]:
    """Divide a set into whole batches; the padding repeats the last sample and has the label -1."""
    batch = min(batch, len(dataset))
    missing = -len(dataset) % batch
    features, positions = (
        np.pad(values, ((0, missing), (0, 0)), mode="edge").reshape(-1, batch, values.shape[1])
        for values in (dataset.features, dataset.positions)
    )
    labels = np.pad(dataset.labels.astype(np.int32), (0, missing), constant_values=-1)
    return jnp.asarray(features), jnp.asarray(positions), jnp.asarray(labels.reshape(-1, batch))


def _on_device(leaf: Any) -> Any:
    return jnp.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf
