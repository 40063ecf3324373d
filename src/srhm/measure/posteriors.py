"""How well the exact posteriors of the latents can be read from each layer of a sequence model, at every position."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ..errors import ArgumentError, check_instance, check_integer
from ..inference.prediction import prefix_posterior
from ..model.dataset import Dataset
from ..model.encoding import Encoding, encode
from ..model.grammar import Grammar
from ..nets.design import design_of, encoding_for
from .layers import ByPosition, first_inputs
from .probing import MIN_INPUTS, kernel_of, recorded
from .ridge import Ridge


@dataclass(frozen=True)
class PosteriorProbes:
    """Ridge regressions of exact posteriors on activations: the share R^2 of their variance that is read."""

    layers: tuple[str, ...]
    """Names of the layers."""
    seen: tuple[int, ...]
    """How many symbols each position has seen."""
    R2: Float[np.ndarray, "layer position level"]
    """Of the posterior of the level-l symbol above the last symbol seen, given all symbols seen: l = 2, ..., L, and the
    class. On the held-out half: 1 - squared error / variance; nan where the posterior does not vary."""
    control: Float[np.ndarray, "layer position level"]
    """The same if the posteriors of the samples are exchanged at random: what a probe reads by chance."""
    pooled: Float[np.ndarray, "layer level"]
    """R^2 of all positions together: 1 - summed squared error / summed variance."""


def posterior_probes(
    network: Any,
    dataset: Dataset,
    *,
    seen: Sequence[int] | None = None,
    shared: bool = False,
    inputs: int = 1000,
    seed: int = 0,
    encoding: Encoding | None = None,
    batch: int = 250,
    progress: Callable[[int, int], None] | None = None,
) -> PosteriorProbes:
    """Regress the exact posteriors of the latents on the activations of each layer, at each position.

    Position by position a ridge regression maps the activations to the posterior, a vector of probabilities. It is
    fitted to the first half of the inputs, with the penalty of the smallest leave-one-out error there; R^2 is that of
    the second half.

    Parameters
    ----------
    network
        One with layers [sample, position, channel]; see :class:`ByPosition`.
    dataset
        The source of the inputs, usually the test set.
    seen
        How many symbols of the input each position has seen. Default: as a network of ours that predicts every next
        symbol, which another one must give: of a causal one 1, 2, ..., or 0, 1, ... with a start symbol.
    shared
        Fit one probe to all positions together, in place of one to each; its tables have one position. It takes memory
        in proportion to (inputs times positions) squared.
    inputs
        Number of inputs: the first samples of the set, or all if it is smaller.
    seed
        Of the exchange of samples in the control.
    encoding, batch, progress
        As for :func:`probes`.

    Raises
    ------
    ArgumentError
        If there are fewer than 4 inputs, no layer has as many positions as `seen`, or `seen` is missing or does not
        fit.
    """
    check_instance(Dataset, dataset=dataset)
    params = dataset.params
    encoding = encoding_for(network, encoding, params)
    numbers = _seen(network, seen, params.d)
    count = first_inputs(dataset, inputs, MIN_INPUTS)
    by_name = recorded(ByPosition(network), dataset, count, encoding, None, batch, progress)
    names = list(dict.fromkeys(name.rpartition("_position_")[0] for name in by_name))
    layers = [name for name in names if f"{name}_position_{len(numbers)}" in by_name]
    layers = [name for name in layers if f"{name}_position_{len(numbers) + 1}" not in by_name]
    layers = [name for name in layers if name not in ("output", "predictions")]
    if not layers:
        fix = f"Give a network with layers [sample, {len(numbers)}, channel]"
        raise ArgumentError("network", names, "are layers without these positions", fix)
    first = dataset[slice(0, count)]
    symbols = encode(params, first.features, first.positions, "integer")
    # Of each prefix only the posteriors that are read are kept: those of all positions would be large.
    exact = {number: _above(dataset.stream.grammar, symbols, number) for number in dict.fromkeys(numbers)}
    order = np.random.default_rng(check_integer("seed", seed, minimum=0)).permutation(count)
    places = [*range(len(numbers))]
    groups = [places] if shared else [[place] for place in places]
    squares = np.full((3, len(layers), len(groups), params.L), np.nan)
    for at, layer in enumerate(layers):
        for group, members in enumerate(groups):
            values = np.stack([by_name[f"{layer}_position_{place + 1}"] for place in members], axis=1)
            if not np.isfinite(values).all():
                continue
            half = count // 2 * len(members)
            kernel = kernel_of(values.reshape(count * len(members), -1), half)
            ridge = Ridge(kernel[:half])
            for index in range(params.L):
                targets = np.stack([exact[numbers[place]][index] for place in members], axis=1)
                true, exchanged = (one.reshape(len(kernel), -1) for one in (targets, targets[order]))
                variance = ((true[half:] - true[half:].mean(axis=0)) ** 2).sum()
                if variance > _CONSTANT * count:
                    misfits = (_misfit(ridge, kernel, one, half) for one in (true, exchanged))
                    squares[:, at, group, index] = *misfits, variance
    left, by_chance, variance = squares
    with np.errstate(invalid="ignore"):
        pooled = 1 - np.nansum(left, axis=1) / np.nansum(variance, axis=1)
    return PosteriorProbes(tuple(layers), numbers, 1 - left / variance, 1 - by_chance / variance, pooled)


def _above(grammar: Grammar, symbols: np.ndarray, seen: int) -> list[np.ndarray]:
    """Return the posteriors of the symbols of level 2 to L above the last symbol seen, and of the class."""
    params, found = grammar.params, prefix_posterior(grammar, symbols, [seen])
    widths = [params.level(1).positions // level.positions for level in params.levels[1:]]
    above = [
        of_level[:, 0, max(seen - 1, 0) // width].copy()
        for of_level, width in zip(found.symbols[1:], widths, strict=True)
    ]
    return [*above, found.label[:, 0]]


_CONSTANT = 1e-12
"""A variance below this is round-off."""


def _misfit(ridge: Ridge, kernel: np.ndarray, targets: np.ndarray, half: int) -> float:
    """Return the squared error of the fit to the first half on the second."""
    values = ridge.fit(targets[:half])(kernel[half:])
    return float(((values - targets[half:]) ** 2).sum())


def _seen(network: Any, seen: Sequence[int] | None, d: int) -> tuple[int, ...]:
    """Return how many symbols each position has seen."""
    design = design_of(network)
    if seen is None:
        if design is None or design.interface.kind != "causal":
            problem = "is missing, and the network was not built to predict every next symbol"
            raise ArgumentError(
                "seen", None, problem, "Give a number for each position, such as range(1, d + 1)"
            )
        first = 0 if design.interface.length == d else 1
        return tuple(range(first, first + design.interface.length))
    return tuple(check_integer("seen", number, minimum=0, maximum=d) for number in seen)
