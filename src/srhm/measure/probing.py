"""Linear probes: how well the features of every level, their rules and placements can be read from a layer.

The sensitivities measure how far a layer moves; a probe measures whether the information is still in it.
All of this works for any network; see :func:`srhm.measure.layers.layers_of`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Integer

from ..errors import check_instance, check_integer
from ..model.dataset import Dataset
from ..model.derivation import expand
from ..model.encoding import Encoding, encode
from ..model.grammar import Grammar
from ..model.marginals import symbol_probability
from ..nets.design import encoding_for
from .layers import Layers, LayerTable, first_inputs, layers_of, named, record_activations, tabulate
from .ridge import Ridge

INPUTS = 2000
"""Default number of inputs."""
MIN_INPUTS = 4
"""Two inputs to fit a probe, and two to test it."""

_COLUMNS = 4096  # units turned into double precision at a time


@dataclass(frozen=True)
class Reading:
    """How well linear probes read one kind of choice."""

    accuracy: Float[np.ndarray, "layer level"]
    """Accuracy on the held-out half, mean over the nodes of a level, [layer, level]."""
    error: Float[np.ndarray, "layer level"]
    """Its standard error over the held-out inputs, for the fitted probe, [layer, level]."""
    chance: Float[np.ndarray, " level"]
    """Accuracy of the best guess without the input, from the grammar, [level]."""

    @property
    def corrected(self) -> Float[np.ndarray, "layer level"]:
        """The accuracy on a scale from 0, a guess, to 1, a perfect probe: (accuracy - chance) / (1 - chance)."""
        return (self.accuracy - self.chance) / (1 - self.chance)


@dataclass(frozen=True)
class Probes:
    """Linear probes of every layer for every level (docs, measurements.md)."""

    layers: tuple[str, ...]
    """Names of the layers, k = 1, 2, ...; the last is the output."""
    feature: Reading
    """The informative features of level l = 1 to L and, as level L+1, the class."""
    rule: Reading | None
    """Which of its m synonyms a level-(l+1) feature chose, given the feature, l = 1 to L; None if m = 1."""
    placement: Reading | None
    """Which placement it chose; None if s0 = 0."""
    inputs: int
    """Number of inputs: the probes are fitted to the first half and tested on the second."""

    def metrics(self) -> dict[str, float]:
        """Return the accuracies by name: ``"probe_21"`` is a feature of level l = 1 read from layer k = 2.

        ``"probe_rule_21"`` and ``"probe_placement_21"`` likewise, each with its ``"_error"``; ``"probe_chance_1"``
        is the chance level for a feature of level 1.
        """
        found = {}
        kinds = {"probe": self.feature, "probe_rule": self.rule, "probe_placement": self.placement}
        for prefix, reading in kinds.items():
            if reading is not None:
                found |= named(prefix, reading.accuracy, reading.error)
        return found | {
            f"probe_chance_{level}": float(chance)
            for level, chance in enumerate(self.feature.chance, start=1)
        }

    def table(self) -> LayerTable:
        """Return the accuracies by the name of the layer: ``table()["conv1"]["rule_2"]``, and ``"rule_2_error"``."""
        readings = {"feature": self.feature, "rule": self.rule, "placement": self.placement}
        pairs = {kind: None if one is None else (one.accuracy, one.error) for kind, one in readings.items()}
        return tabulate(self.layers, **pairs)


def probes(
    network: Any,
    dataset: Dataset,
    *,
    inputs: int = INPUTS,
    encoding: Encoding | None = None,
    dtype: Any = None,
    batch: int = 250,
    progress: Callable[[int, int], None] | None = None,
) -> Probes:
    """Measure how well a linear map reads the hidden variables of every level from every layer.

    For each node of a level, a ridge regression maps all activations of a layer, whatever their shape, to one
    indicator per choice; the largest indicator is the prediction. All nodes of a level share one penalty: that with
    the smallest leave-one-out error in the first half of the inputs. Nothing is random.

    Parameters
    ----------
    network
        Any that :func:`srhm.measure.layers.layers_of` takes.
    dataset
        The source of the inputs, usually the test set.
    inputs
        Number of inputs: the first samples of the set, or all if it is smaller. The activations for all of them are
        kept in memory.
    encoding, dtype
        The encoding of the inputs, default: that of a network of :func:`srhm.nets.build`, else ``"whitened"``; and
        their dtype, default: float32, or int32 for ``"integer"``.
    batch
        Number of inputs in a batch.
    progress
        Called after every batch with the number of inputs done and the total.

    Raises
    ------
    ArgumentError
        If there are fewer than 4 inputs, the network was built for another encoding or model, the map does not
        return one row for each input, or the output is not one score for each class.
    """
    check_instance(Dataset, dataset=dataset)
    encoding = encoding_for(network, encoding, dataset.params)
    inputs = first_inputs(dataset, inputs, MIN_INPUTS)
    kinds = {kind: latents for kind, latents in _latents(dataset, inputs).items() if latents[0].choices > 1}
    seen = recorded(layers_of(network), dataset, inputs, encoding, dtype, batch, progress)
    read = {name: _read(values, kinds) for name, values in seen.items()}
    readings = {}
    for kind, latents in kinds.items():
        accuracy, error = np.moveaxis(np.array([found[kind] for found in read.values()]), -1, 0)
        readings[kind] = Reading(accuracy, error, np.array([latent.chance for latent in latents]))
    rule, placement = readings.get("rule"), readings.get("placement")
    return Probes(tuple(read), readings["feature"], rule, placement, inputs)


@dataclass(frozen=True)
class _Latent:
    """The choices of one level at all of its nodes; a probe reads the choice, given the group.

    The group of a rule is the feature that chose it, since the rules of two features share nothing but their
    numbers; all other choices are of one group.
    """

    choice: Integer[np.ndarray, "sample node"]
    choices: int
    chance: float
    group: Any = 0

    def probe(self, ridge: Ridge, kernel: Float[np.ndarray, "new input"]) -> tuple[float, float]:
        """Return the accuracy of the probes of all nodes on the second half of the samples, and its error."""
        half = kernel.shape[1]
        code = self.group * self.choices + self.choice
        known, columns = zip(*(np.unique(node[:half], return_inverse=True) for node in code.T), strict=True)
        targets = [np.eye(len(one))[column] for one, column in zip(known, columns, strict=True)]
        values = ridge.fit(np.concatenate(targets, axis=1))(kernel)
        ends = np.cumsum([len(one) for one in known])[:-1]
        right = np.empty(code[half:].shape)
        for node, scores in enumerate(np.split(values, ends, axis=1)):
            first = code[half:, node] - self.choice[half:, node]
            of_group = _columns(scores, known[node], first[:, None] + np.arange(self.choices))
            right[:, node] = of_group.argmax(axis=1) == self.choice[half:, node]
        each = right.mean(axis=1)
        return float(each.mean()), float(np.sqrt(each.var(ddof=1) / len(each)))


def _columns(
    scores: Float[np.ndarray, "sample known"],
    known: Integer[np.ndarray, " known"],
    wanted: Integer[np.ndarray, "sample choice"],
) -> Float[np.ndarray, "sample choice"]:
    """Return the scores of the wanted codes of each sample; a code that was never fitted has none, 0."""
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[place] == wanted, np.take_along_axis(scores, place, axis=1), 0.0)


def _latents(dataset: Dataset, count: int) -> dict[str, list[_Latent]]:
    """Return the hidden variables of the first samples: of every kind one for each level, from level 1 on."""
    params, grammar = dataset.params, dataset.stream.grammar
    derivation = dataset.derivation(0, count)
    tree = expand(grammar, derivation)
    features = [*tree.features, tree.label[:, None]]
    bounds = [*(level.v for level in params.levels), params.n_c]
    return {
        "feature": [
            _Latent(feature, bound, chance)
            for feature, bound, chance in zip(features, bounds, _guesses(grammar), strict=True)
        ],
        "rule": [
            _Latent(rule, level.m, _best_rule(grammar, level.level, parent), parent)
            for rule, parent, level in zip(derivation.rules, features[1:], params.levels, strict=True)
        ],
        "placement": [
            _Latent(placement, level.placements, float(grammar.placement_probability(level.level).max()))
            for placement, level in zip(derivation.placements, params.levels, strict=True)
        ],
    }


def _best_rule(grammar: Grammar, level: int, parent: Integer[np.ndarray, "sample node"]) -> float:
    """Return the probability of the most probable rule, mean over the parents of the samples."""
    best = grammar.rule_probability(level).max(axis=1)
    return float(best[0] if (best == best[0]).all() else best[parent].mean())


def _guesses(grammar: Grammar) -> list[float]:
    """Return for level 1 to L+1 the chance of the most frequent feature, mean over nodes."""
    levels = range(1, grammar.params.L + 2)
    shares = [grammar.class_probability @ symbol_probability(grammar, level) for level in levels]
    return [float(share.max(axis=1).mean()) for share in shares]


def recorded(
    layers: Layers,
    dataset: Dataset,
    count: int,
    encoding: Encoding,
    dtype: Any,
    batch: int,
    progress: Callable[[int, int], None] | None,
) -> dict[str, np.ndarray]:
    """Return the activations of every layer for the first samples, [sample, unit], with their dtype."""
    kept: dict[str, np.ndarray] = {}
    batch = check_integer("batch", batch, minimum=1)
    for first in range(0, count, batch):
        rows = slice(first, min(first + batch, count))
        part = dataset[rows]
        x = encode(dataset.params, part.features, part.positions, encoding, dtype)
        for name, values in record_activations(layers, x, dataset.params).items():
            if first == 0:
                kept[name] = np.empty((count, values.shape[1]), values.dtype)
            kept[name][rows] = values
        if progress is not None:
            progress(rows.stop, count)
    return kept


def _read(values: np.ndarray, kinds: dict[str, list[_Latent]]) -> dict[str, list[tuple[float, float]]]:
    """Return (accuracy, error) of the probes of one layer, for every kind and level; nan if it is not finite."""
    if not np.isfinite(values).all():
        return {kind: [(np.nan, np.nan)] * len(latents) for kind, latents in kinds.items()}
    half = len(values) // 2
    kernel = kernel_of(values, half)
    ridge = Ridge(kernel[:half])
    return {
        kind: [latent.probe(ridge, kernel[half:]) for latent in latents] for kind, latents in kinds.items()
    }


def kernel_of(values: np.ndarray, half: int) -> Float[np.ndarray, "sample input"]:
    """Return the scalar products of all samples with the first half, about the mean of that half."""
    kernel = np.zeros((len(values), half))
    for first in range(0, values.shape[1], _COLUMNS):
        part = values[:, first : first + _COLUMNS].astype(np.float64)
        part -= part[:half].mean(axis=0)
        kernel += part @ part[:half].T
    return kernel
