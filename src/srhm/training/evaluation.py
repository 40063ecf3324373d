"""The test error of a network, on the device."""

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
from ..nets import Leaves, Network, check_scores, outputs
from ..nets.subtrees import SubtreeTable, deduplicate

_BATCH, _TABLE = 1024, 10_000  # points computed at a time


@eqx.filter_jit
def wrong_answers(
    net: Any, features: Any, positions: Any, labels: Any, *, params: Params, encoding: Encoding
) -> tuple[Any, Any]:
    """Count wrong classes over batches [batch, sample, leaf], and say whether an output is not a number.

    Padded samples carry the label -1.
    """

    def one(batch: Any) -> tuple[Any, Any]:
        return _judged(outputs(net, Leaves(params, encoding, batch[0], batch[1])), batch[2])

    wrong, broken = jax.lax.map(one, (features, positions, labels))
    return wrong.sum(), broken.any()


@eqx.filter_jit
def wrong_trees(
    net: Network, table: SubtreeTable, labels: Any, *, params: Params, encoding: Encoding
) -> tuple[Any, Any]:
    """Count as :func:`wrong_answers` does, computing every distinct sub-tree once."""
    output = jnp.take(net.on_table(params, encoding, table)[1], table.roots, axis=0)
    check_scores("net", output, len(labels), params)
    return _judged(output, labels)


def _judged(output: Any, labels: Any) -> tuple[Any, Any]:
    wrong = output.argmax(axis=-1).astype(jnp.int32) != labels
    real = labels >= 0
    return (wrong & real).sum(), (jnp.isnan(output).any(axis=-1) & real).any()


class TestSet:
    """A test set on the device: as a table of sub-trees for networks of patches, in batches for all others.

    Parameters
    ----------
    dataset
        The test points.
    encoding
        How inputs are written.
    shared
        Whether the networks see patches, so that equal sub-trees can be computed once.
    batch
        Points computed at a time.
    """

    __test__ = False  # not a test of pytest's

    def __init__(
        self, dataset: Dataset, encoding: Encoding, *, shared: bool = False, batch: int | None = None
    ) -> None:
        check_instance(Dataset, dataset=dataset)
        self.encoding: Encoding = encoding
        self.params, self.size = dataset.params, len(dataset)
        self._parts: list[tuple[Any, ...]] = []
        if not shared:
            self._parts.append(_batches(dataset, batch or _BATCH))
            return
        for part in dataset.batches(batch or _TABLE):
            table = jax.tree.map(_on_device, deduplicate(self.params, part.features, part.positions))
            self._parts.append((table, jnp.asarray(part.labels, jnp.int32)))

    def error(self, net: Any) -> float:
        """Return the fraction of points on the wrong class; nan if an output is not a number.

        Raises
        ------
        ArgumentError
            If the network has not one output for each class.
        """
        wrong = 0
        for part in self._parts:
            count = wrong_trees if isinstance(part[0], SubtreeTable) else wrong_answers
            found, broken = count(net, *part, params=self.params, encoding=self.encoding)
            if broken:
                return math.nan
            wrong += int(found)
        return wrong / self.size


def _batches(dataset: Dataset, batch: int) -> tuple[Any, Any, Any]:
    """Lay a set out in whole batches; the padding repeats the last datum and carries the label -1."""
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
