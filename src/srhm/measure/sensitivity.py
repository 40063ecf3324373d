"""The sensitivities of a network, S_kl to synonyms and D_kl to diffeomorphisms, and its test error.

All of this works for any network: one of ours, a PyTorch module, a scikit-learn estimator, a function of arrays;
see :func:`srhm.measure.layers.layers_of`.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Float

from ..errors import ArgumentError, check_instance, check_integer, import_extra
from ..inference.noise import Process, check_draws
from ..model.dataset import Dataset
from ..model.derivation import Derivation, expand
from ..model.encoding import Encoding, channels, encode, encode_symbols
from ..model.resampling import diffeomorphism, exchange_synonyms
from ..nets import Network
from ..nets.design import Design, design_of, encoding_for
from ..nets.distances import tree_distances
from ..nets.network import check_scores
from ..nets.patch_layer import works_on_patches
from ..nets.subtrees import deduplicate
from .layers import (
    Layers,
    LayerTable,
    first_inputs,
    layers_of,
    named,
    predicted_classes,
    predictor_of,
    record_activations,
    tabulate,
)

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Sensitivities:
    """Relative sensitivities of every layer to transformations of every level (paper, Eq. 6, 7, 13, 14).

    S_kl = <|f_k(x) - f_k(p_l x)|^2> / <|f_k(x) - f_k(z)|^2>, with independent samples x and z and the exchange
    p_l of level-l synonyms; D_kl is the same with the diffeomorphism tau_l of level l.
    """

    layers: tuple[str, ...]
    """Names of the layers, k = 1, 2, ...; the last is the output."""
    S: Float[np.ndarray, "layer level"]
    """Sensitivity to synonyms, [layer, level]."""
    S_error: Float[np.ndarray, "layer level"]
    """Its jackknife standard error over inputs."""
    D: Float[np.ndarray, "layer level"] | None
    """Sensitivity to diffeomorphisms, [layer, level]; None if s0 = 0, where there are none."""
    D_error: Float[np.ndarray, "layer level"] | None
    """Its jackknife standard error over inputs; None where s0 = 0."""
    inputs: int
    """Number of inputs."""
    cumulative: bool
    """Whether level l means all levels 1 to l."""

    def metrics(self) -> dict[str, float]:
        """Return the values by name: ``"S_21"`` is layer k = 2, level l = 1, ``"S_21_error"`` its error."""
        S = named("S", self.S, self.S_error)
        return S if self.D is None or self.D_error is None else S | named("D", self.D, self.D_error)

    def table(self) -> LayerTable:
        """Return the values by the name of the layer: ``table()["conv1"]["S_2"]``, and its ``"S_2_error"``."""
        D = None if self.D is None or self.D_error is None else (self.D, self.D_error)
        return tabulate(self.layers, S=(self.S, self.S_error), D=D)

    def to_pandas(self) -> "pandas.DataFrame":
        """Return a data frame with one row per value: ``layer``, ``level``, ``kind`` (S or D), ``value``, ``error``.

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        frame = import_extra("pandas", "table")
        kinds = {"S": (self.S, self.S_error)}
        if self.D is not None and self.D_error is not None:
            kinds["D"] = self.D, self.D_error
        rows = [
            (layer, level, kind, float(values[k, level - 1]), float(errors[k, level - 1]))
            for kind, (values, errors) in kinds.items()
            for k, layer in enumerate(self.layers)
            for level in range(1, values.shape[1] + 1)
        ]
        return frame.DataFrame(rows, columns=["layer", "level", "kind", "value", "error"])


def sensitivities(
    network: Any,
    dataset: Dataset,
    *,
    inputs: int = 1000,
    seed: int = 0,
    cumulative: bool = False,
    encoding: Encoding | None = None,
    dtype: Any = None,
    batch: int = 250,
    progress: Callable[[int, int], None] | None = None,
) -> Sensitivities:
    """Measure S_kl and D_kl of every layer k and level l (docs, measurements.md).

    The denominator is the average over all pairs of distinct inputs, 2 N/(N - 1) times the total variance.

    Parameters
    ----------
    network
        Any that :func:`srhm.measure.layers_of` takes. Our CNN and LCN are computed only at informative nodes, equal
        ones once; a PyTorch module is run in evaluation mode. A function should use batch normalisation and dropout
        in evaluation mode too.
    dataset
        The source of the inputs, usually the test set.
    inputs
        Number of inputs N: the first N samples of the set, or all if it is smaller.
    seed
        Seed of the transformations.
    cumulative
        Re-draw all levels 1 to l, as the published code does.
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
        If there are fewer than 3 inputs, the network was built for another encoding or model, the map does not
        return one row for each input, or the output is not one score for each class.
    """
    check_instance(Dataset, dataset=dataset)
    batch = check_integer("batch", batch, minimum=1)
    encoding = encoding_for(network, encoding, dataset.params)
    inputs = first_inputs(dataset, inputs, 3)
    params, original = dataset.params, dataset.derivation(0, inputs)
    transformations = {"S": exchange_synonyms} | ({"D": diffeomorphism} if params.has_blanks else {})
    forms = {
        letter: [
            transformed(dataset.stream.grammar, original, level, seed, cumulative=cumulative)
            for level in range(1, params.L + 1)
        ]
        for letter, transformed in transformations.items()
    }
    design = design_of(network)
    classifies = design is None or design.interface.kind == "class"
    if (
        isinstance(network, Network)
        and works_on_patches(network)
        and classifies
        and _no_mask(design, encoding)
    ):
        scores = jax.ShapeDtypeStruct((inputs, network.readout.shape[1]), network.readout.dtype)
        check_scores("network", scores, inputs, params)
        squares = _of_trees(network, dataset, encoding, original, forms)
    else:
        recorder = _Recorder(layers_of(network), dataset, encoding, dtype, batch, progress)
        recorder.total = inputs * (2 + sum(map(len, forms.values())))
        squares = _of_batches(recorder, original, forms)
    measured: dict[str, Any] = {"D": None, "D_error": None}
    for letter in forms:
        pairs = [
            [_ratio(change, spread) for change in changes[letter]] for spread, changes in squares.values()
        ]
        measured[letter], measured[letter + "_error"] = np.moveaxis(np.array(pairs), -1, 0)
    return Sensitivities(layers=tuple(squares), inputs=inputs, cumulative=cumulative, **measured)


def _no_mask(design: Design | None, encoding: Encoding) -> bool:
    """Whether no channel of the inputs is that of a mask."""
    return design is None or design.interface.channels == channels(design.params, encoding)


Forms = dict[str, list[Derivation]]
"""For ``"S"`` and ``"D"``, the data transformed at each level."""

Squares = dict[str, tuple[np.ndarray, dict[str, list[np.ndarray]]]]
"""For every layer by name: the squared distance of each input from the mean of all, and for ``"S"`` and ``"D"`` at
each level that of each input from its transformed form."""


def _of_batches(recorder: "_Recorder", original: Derivation, forms: Forms) -> Squares:
    """Measure squared distances of any map, batch by batch."""
    mean = recorder.mean(original)
    spread: dict[str, list[np.ndarray]] = {name: [] for name in mean}
    change = {name: {letter: [[] for _ in changed] for letter, changed in forms.items()} for name in mean}
    for rows, seen in recorder.batches(original):
        for name, values in seen.items():
            spread[name].append(_squares(values - mean[name]))
        for letter, changed in forms.items():
            for number, derivation in enumerate(changed):
                for name, values in recorder.record(derivation, rows).items():
                    change[name][letter][number].append(_squares(values - seen[name]))
    return {
        name: (
            np.concatenate(spread[name]),
            {letter: [np.concatenate(level) for level in levels] for letter, levels in change[name].items()},
        )
        for name in mean
    }


def _of_trees(
    net: Network, dataset: Dataset, encoding: Encoding, original: Derivation, forms: Forms
) -> Squares:
    """Measure squared distances of a network of patches, every distinct sub-tree of all forms once."""
    changed = [derivation for levels in forms.values() for derivation in levels]
    trees = [expand(dataset.stream.grammar, derivation) for derivation in (original, *changed)]
    table = deduplicate(
        dataset.params,
        np.concatenate([tree.features[0] for tree in trees]),
        np.concatenate([tree.positions[0] for tree in trees]),
    )
    found = tree_distances(net, table, params=dataset.params, encoding=encoding, forms=len(changed))
    names = [f"layer_{layer}" for layer in range(1, len(found))] + ["output"]
    squares: Squares = {}
    for name, (spread, change) in zip(names, found, strict=True):
        rows = iter(np.asarray(change, np.float64))
        of_letter = {letter: [next(rows) for _ in levels] for letter, levels in forms.items()}
        squares[name] = np.asarray(spread, np.float64), of_letter
    return squares


def _squares(differences: Float[np.ndarray, "sample entry"]) -> Float[np.ndarray, " sample"]:
    return np.einsum("ne,ne->n", differences, differences)


def _ratio(change: Float[np.ndarray, " sample"], spread: Float[np.ndarray, " sample"]) -> tuple[float, float]:
    """Return <change> over the mean squared distance of pairs, and its jackknife standard error.

    The mean over distinct pairs of |f_i - f_j|^2 is 2 SS / (N - 1), SS the sum of squares about the mean;
    without input i, SS falls by N/(N - 1) times the square of input i.
    """
    N, total, SS = len(change), change.sum(), spread.sum()
    with np.errstate(divide="ignore", invalid="ignore"):  # a constant layer has no sensitivity: nan
        value = (total / N) / (2 * SS / (N - 1))
        without = ((total - change) / (N - 1)) / (2 * (SS - N / (N - 1) * spread) / (N - 2))
        error = np.sqrt((N - 1) / N * ((without - without.mean()) ** 2).sum())
    return float(value), float(error)


@dataclass
class _Recorder:
    """Records the activations of the layers for batches of inputs, [sample, entry], in float64."""

    layers: Layers
    dataset: Dataset
    encoding: Encoding
    dtype: Any
    batch: int
    progress: Callable[[int, int], None] | None = None
    total: int = 0
    """Number of inputs in all."""
    count: int = 0
    """Number of inputs done."""
    _trees: dict[int, Any] = field(default_factory=dict)

    def record(self, derivation: Derivation, rows: slice) -> dict[str, Float[np.ndarray, "sample entry"]]:
        if id(derivation) not in self._trees:  # expanded once, not once a batch
            self._trees[id(derivation)] = (derivation, expand(self.dataset.stream.grammar, derivation))
        tree = self._trees[id(derivation)][1]
        x = encode(
            self.dataset.params, tree.features[0][rows], tree.positions[0][rows], self.encoding, self.dtype
        )
        seen = {
            name: values.astype(np.float64)
            for name, values in record_activations(self.layers, x, self.dataset.params).items()
        }
        self.count += len(x)
        if self.progress is not None:
            self.progress(self.count, self.total)
        return seen

    def batches(
        self, derivation: Derivation
    ) -> Iterator[tuple[slice, dict[str, Float[np.ndarray, "sample entry"]]]]:
        count = len(derivation.label)
        for first in range(0, count, self.batch):
            rows = slice(first, min(first + self.batch, count))
            yield rows, self.record(derivation, rows)

    def mean(self, derivation: Derivation) -> dict[str, Float[np.ndarray, " entry"]]:
        sums: dict[str, Any] = {}
        for _, seen in self.batches(derivation):
            for name, values in seen.items():
                sums[name] = sums.get(name, 0.0) + values.sum(axis=0)
        return {name: total / len(derivation.label) for name, total in sums.items()}


def test_error(
    predict: Any,
    dataset: Dataset,
    *,
    noise: Process | None = None,
    seed: int = 0,
    encoding: Encoding | None = None,
    dtype: Any = None,
    batch: int = 1000,
) -> float:
    """Return the fraction of a set that a predictor misclassifies; nan if it diverged.

    Parameters
    ----------
    predict
        A map from dense inputs [sample, position, channel] to scores [sample, class_], of which the largest is the
        prediction, or to class numbers [sample], from 0 to n_c - 1; or any network that
        :func:`srhm.measure.layers.predictor_of` takes. It diverged if an output is nan.
    dataset
        The test set.
    noise, seed
        Noise on the inputs, :class:`~srhm.inference.UniformNoise` or :class:`~srhm.inference.Masking`, and its seed.
        What is masked has a channel of its own in a network that was built with one; to any other it is a blank, or
        -2 in the encoding ``"integer"``.
        Default: no noise.
    encoding, dtype
        The encoding of the inputs, default: that of a network of :func:`srhm.nets.build`, else ``"whitened"``; and
        their dtype, default: float32, or int32 for ``"integer"``.
    batch
        Number of inputs in a batch.

    Raises
    ------
    ArgumentError
        If the network was built for another encoding or model, or the predictor returns neither n_c scores nor a
        class number for each input.
    """
    check_instance(Dataset, dataset=dataset)
    if noise is not None:
        check_instance(Process, noise=noise)
        check_draws("noise", noise)
    elif seed != 0:
        raise ArgumentError(
            "seed", seed, "is that of noise, and there is none", "Give noise, or leave it out"
        )
    batch = check_integer("batch", batch, minimum=1)
    wrong, answers, params = 0, predictor_of(predict), dataset.params
    encoding, design = encoding_for(predict, encoding, params), design_of(predict)
    masks = design is not None and design.interface.channels > channels(params, encoding)
    for start, part in enumerate(dataset.batches(batch)):
        if noise is None:
            x = encode(params, part.features, part.positions, encoding, dtype)
        else:
            x = encode(params, part.features, part.positions, "integer")
            x = noise.corrupt(params, x, seed, start * batch)
            if encoding == "integer":
                x = x.astype(np.int32 if dtype is None else dtype)
            else:
                x = encode_symbols(params, x, encoding, dtype, mask=masks)
        classes = predicted_classes(answers(x), len(part), params)
        if classes is None:
            return math.nan
        wrong += int((classes != part.labels).sum())
    return wrong / len(dataset)


test_error.__test__ = False  # pyright: ignore[reportFunctionMemberAccess] # not a test of pytest's
