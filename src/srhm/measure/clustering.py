"""Does a layer group tuples of features by their meaning? Clusters of activations compared with synonyms."""

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from jaxtyping import Float, Integer

from ..errors import ArgumentError, check_instance, check_integer
from ..model.dataset import Dataset
from ..model.derivation import Derivation, expand
from ..model.encoding import Encoding, encode
from ..model.grammar import Grammar
from ..nets.design import encoding_for
from .layers import LayerTable, layers_of, named, record_activations, tabulate

MIN_CONTEXTS = 2
"""Smallest number of contexts, from which the standard error is defined."""


@dataclass(frozen=True)
class Clusters:
    """Agreement of clusters of activations with the groups of synonyms (docs, measurements.md)."""

    layers: tuple[str, ...]
    """Names of the layers, k = 1, 2, ...; the last is the output."""
    ari: Float[np.ndarray, "layer level"]
    """Adjusted Rand index, mean over contexts, [layer, level]: 1 if the clusters are the synonyms of each parent,
    0 on average if they are independent of the parents."""
    error: Float[np.ndarray, "layer level"]
    """Its standard error over contexts."""
    contexts: int
    """Number of contexts."""

    def metrics(self) -> dict[str, float]:
        """Return the values by name: ``"ari_21"`` is layer k = 2, level l = 1, ``"ari_21_error"`` its error."""
        return named("ari", self.ari, self.error)

    def table(self) -> LayerTable:
        """Return the values by the name of the layer: ``table()["conv1"]["ari_2"]``, and its ``"ari_2_error"``."""
        return tabulate(self.layers, ari=(self.ari, self.error))


def clusters(
    network: Any,
    dataset: Dataset,
    *,
    contexts: int = 8,
    synonyms: int = 32,
    encoding: Encoding | None = None,
    dtype: Any = None,
) -> Clusters:
    """Cluster the activations of every layer over the tuples of every level, and compare with their parents.

    In a sample, the context, the tuple of level-l features below one node is replaced by each tuple of the grammar,
    those of all parents. Nothing else changes: the places are the same, and so are the choices below the tuple, as
    in an exchange of synonyms. The activations are divided into as many clusters as there are parents (Ward's
    method, Euclidean distance). Context i is sample i; its node i modulo the number of nodes of the level is changed.

    Parameters
    ----------
    network
        Any that :func:`srhm.measure.layers.layers_of` takes.
    dataset
        The source of the contexts, usually the test set.
    contexts
        Number of contexts: the first samples of the set, or all if it is smaller.
    synonyms
        Number of tuples of each parent: the first ones, or all m if there are fewer.
    encoding, dtype
        The encoding of the inputs, default: that of a network of :func:`srhm.nets.build`, else ``"whitened"``; and
        their dtype, default: float32, or int32 for ``"integer"``.

    Raises
    ------
    ArgumentError
        If there are fewer than 2 contexts or synonyms, the network was built for another encoding or model, the map
        does not return one row for each input, or the output is not one score for each class.
    """
    check_instance(Dataset, dataset=dataset)
    encoding = encoding_for(network, encoding, dataset.params)
    synonyms = check_integer("synonyms", synonyms, minimum=2)
    contexts = min(check_integer("contexts", contexts, minimum=MIN_CONTEXTS), len(dataset))
    if contexts < MIN_CONTEXTS:
        raise ArgumentError(
            "dataset",
            len(dataset),
            "samples are too few",
            f"Use a test set of at least {MIN_CONTEXTS} points",
        )
    params, grammar, layers = dataset.params, dataset.stream.grammar, layers_of(network)
    found: dict[str, list[list[float]]] = {}
    for level in range(1, params.L + 1):
        parents, tuples = _tuples(grammar, level, synonyms)
        for number in range(contexts):
            node = number % params.level(level).nodes
            leaves = _substitutions(grammar, dataset.derivation(number, 1), level, node, tuples)
            x = encode(params, *leaves, encoding, dtype)
            for name, values in record_activations(layers, x, params).items():
                of_level = found.setdefault(name, [[] for _ in range(params.L)])[level - 1]
                of_level.append(_agreement(values.astype(np.float64), parents, params.level(level).parents))
    ari = np.array(list(found.values()))  # [layer, level, context]
    error = ari.std(axis=-1, ddof=1) / sqrt(contexts)
    return Clusters(tuple(found), ari.mean(axis=-1), error, contexts)


def adjusted_rand_index(first: Integer[np.ndarray, " item"], second: Integer[np.ndarray, " item"]) -> float:
    """Return the adjusted Rand index of two partitions of the same items (Hubert and Arabie, 1985), given by part
    numbers.

    With n_ij items in part i of the first and part j of the second, a_i and b_j the sums of the rows and columns of
    n_ij, n items in all and C(x) = x (x - 1)/2,

        ARI = (sum C(n_ij) - E) / ((sum C(a_i) + sum C(b_j))/2 - E),   E = sum C(a_i) sum C(b_j) / C(n).

    It is 1 if and only if the partitions are equal, and 0 on average if one is shuffled.

    Examples
    --------
    >>> adjusted_rand_index(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]))
    1.0
    >>> round(adjusted_rand_index(np.array([0, 0, 1, 2]), np.array([0, 0, 1, 1])), 4)
    0.5714
    """
    if first.shape != second.shape:
        raise ArgumentError("second", second, f"does not match {len(first)} items", "Give as many items")
    both, A, B = map(_pairs, (np.stack([first, second], axis=-1), first, second))
    total = len(first) * (len(first) - 1) // 2
    if total * (A + B) == 2 * A * B:  # both are one part, or both are single items
        return 1.0
    return 2 * (total * both - A * B) / (total * (A + B) - 2 * A * B)


def _pairs(part: Integer[np.ndarray, "item ..."]) -> int:
    """Return the number of pairs of items that are in the same part."""
    _, sizes = np.unique(part, axis=0, return_counts=True)
    return int((sizes * (sizes - 1) // 2).sum())


def _tuples(
    grammar: Grammar, level: int, synonyms: int
) -> tuple[Integer[np.ndarray, " tuple"], Integer[np.ndarray, "tuple s"]]:
    """Return tuples of a level and their parents, in an order that is independent of the parents.

    Where distances are equal, the clusters depend on the order of the rows: it is that of the features.
    """
    rules = grammar.rules[level - 1][:, :synonyms]
    tuples = rules.reshape(-1, grammar.params.level(level).s)
    order = np.lexsort(tuples.T[::-1])
    return np.repeat(np.arange(len(rules)), rules.shape[1])[order], tuples[order]


def _substitutions(
    grammar: Grammar, context: Derivation, level: int, node: int, tuples: Integer[np.ndarray, "tuple s"]
) -> tuple[Integer[np.ndarray, "tuple leaf"], Integer[np.ndarray, "tuple leaf"]]:
    """Return features and positions of the leaves of one sample with each tuple below one of its nodes."""
    s, count, tree = grammar.params.level(level).s, len(tuples), expand(grammar, context)
    symbols = np.repeat(tree.features[level - 1], count, axis=0)
    symbols[:, node * s : (node + 1) * s] = tuples
    for lower in range(level - 1, 0, -1):
        symbols = grammar.rules[lower - 1][symbols, context.rules[lower - 1]].reshape(count, -1)
    return symbols, np.repeat(tree.positions[0], count, axis=0)


def _agreement(
    values: Float[np.ndarray, "tuple unit"], parents: Integer[np.ndarray, " tuple"], count: int
) -> float:
    """Return the adjusted Rand index of the parents and at most `count` clusters of the activations."""
    if not np.isfinite(values).all():
        return np.nan
    from scipy.cluster.hierarchy import fcluster, ward  # a quarter of a second, which few runs need

    return adjusted_rand_index(fcluster(ward(values), count, "maxclust"), parents)
