"""Forward-backward experiments without a trained network: noise acts on data, and the exact posterior denoises them.

What changes is known exactly. The probability that a symbol changes is a marginal of the posterior. How changes of two
inputs are correlated follows from the mean and the variance of the number N of changed inputs below every node, given
its symbol, which one more pass from the inputs up computes: independent parts add up, alternatives mix. Let V_l be the
sum of Var N over all nodes l levels up. Then V_l - V_(l-1) is the sum of the covariances of all pairs of inputs whose
lowest common ancestor is l levels up, and V_L that of all pairs. No posterior draw is needed.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Integer

from ..errors import check_choice, check_instance, check_integer
from ..model.dataset import Backend, Dataset
from ..model.derivation import expand
from ..model.params import Params
from ..model.sequences import level_symbols
from .chunks import in_chunks, mapped
from .downward import descend
from .log_domain import SUM, Cumulants, normalised_exp
from .noise import Process
from .upward import Upward, ascend

_NUMBERS = 2**26
"""Numbers of evidence at a time."""


@dataclass(frozen=True, eq=False)
class Changes:
    """What changes if noise acts on samples and the exact posterior denoises them, by :func:`forward_backward`.

    Levels are counted from 1, the input, to L + 1, the class. Averages are over samples, positions and draws of noise.
    """

    process: Process
    """The process of noise."""
    params: Params
    """The parameters of the model."""
    same: tuple[Float[np.ndarray, "sample _position"], ...]
    """``same[l - 1]``: the probability that the symbol at a position of level l is the old one; of L + 1 the class."""
    filled: tuple[Float[np.ndarray, "sample _position"], ...]
    """``filled[l - 1]``: the probability that a position of level l holds a feature."""
    was_filled: tuple[Bool[np.ndarray, "sample _position"], ...]
    """Whether it held one before."""
    variance: Float[np.ndarray, "sample ancestor"]
    """The sum of Var N over the nodes 0 to L levels above the inputs, N being the number of changed inputs below."""

    @property
    def changed(self) -> Float[np.ndarray, " level"]:
        """The share of the symbols of each level that change, blanks among them."""
        return np.array([1 - level.mean() for level in self.same])

    @property
    def places_kept(self) -> Float[np.ndarray, " level"]:
        """Of the positions of levels 1 to L that hold a feature, the share that still do; 1 without blanks."""
        pairs = zip(self.filled, self.was_filled, strict=True)
        return np.array([level[was].mean() for level, was in pairs])

    @property
    def features_kept(self) -> Float[np.ndarray, " level"]:
        """Of those that still do, the share whose feature is the old one."""
        pairs = zip(self.same, self.was_filled, strict=False)
        return np.array([level[was].mean() for level, was in pairs]) / self.places_kept

    @property
    def distance(self) -> Integer[np.ndarray, " ancestor"]:
        """r: how many inputs lie below the lowest common ancestor, 0 to L levels up; s^l without blanks."""
        return np.cumprod([1, *(level.patch for level in self.params.levels)])

    @property
    def covariance(self) -> Float[np.ndarray, " ancestor"]:
        """C(r): the mean covariance of the changes of two inputs, 1 for a change, at each distance; C(1) a variance."""
        sums = np.diff(self.variance.mean(axis=0), prepend=0.0)
        return sums / (self.params.d * np.diff(self.distance, prepend=0))

    @property
    def susceptibility(self) -> float:
        """The sum of the covariances of all pairs of inputs over that of the variances; nan if nothing changes."""
        mean = self.variance.mean(axis=0)
        return float(mean[-1] / mean[0]) if mean[0] else math.nan

    @property
    def susceptibility_error(self) -> float:
        """Its standard error over samples."""
        first, last = self.variance[:, 0], self.variance[:, -1]
        residual = last - self.susceptibility * first
        if not first.any() or len(first) < 2:
            return math.nan
        return float(residual.std(ddof=1) / len(first) ** 0.5 / first.mean())

    @property
    def correlation_length(self) -> float:
        """The mean distance r of two different inputs, weighted by the covariance of their changes where positive."""
        weights = np.maximum(np.diff(self.variance.mean(axis=0)), 0.0)
        return float((weights * self.distance[1:]).sum() / weights.sum()) if weights.any() else math.nan


def forward_backward(
    data: Dataset,
    process: Process,
    draws: int = 1,
    seed: int = 0,
    backend: Backend = "numpy",
    dtype: Any = np.float32,
) -> Changes:
    """Return what changes if noise acts on samples and the exact posterior denoises them (docs, diffusion.md).

    This is the forward-backward experiment of Sclocchi, Favero, Levi and Wyart (arXiv 2410.13770) with the best
    denoiser that there is, in the limit of infinitely many denoised samples: probabilities, variances and correlations
    are those of the posterior, exactly. Only the noise itself is drawn. Denoised samples are draws of
    :func:`sample_posterior`.

    Parameters
    ----------
    data
        The samples.
    process
        The noise: :class:`UniformNoise`, :class:`Masking` or :class:`BeliefNoise`.
    draws
        How often noise is drawn for each sample. Covariances are those over the posterior; with two draws or more,
        those over the noise too. :class:`BeliefNoise` draws nothing.
    seed
        Seed of the noise: any integer from 0 to 2^64 - 1.
    backend
        ``"numpy"``, or ``"jax"`` for a compiled program on JAX's default device.
    dtype
        float32, the default, or float64, for which JAX needs ``jax_enable_x64``.

    Raises
    ------
    ArgumentError
        If a number is out of range, or the backend is unknown.

    Examples
    --------
    >>> from srhm import Grammar, Params, Stream
    >>> from srhm.inference import BeliefNoise
    >>> data = Dataset.draw(Stream(Grammar(Params(v=8, m=2, s=2, s0=0, L=5)), 0), 64)
    >>> for epsilon in (0.6, 0.8, 0.9):
    ...     found = forward_backward(data, BeliefNoise(epsilon))
    ...     print(epsilon, found.changed.round(2), round(found.susceptibility, 1))
    0.6 [0.06 0.02 0.01 0.01 0.01 0.02] 1.7
    0.8 [0.21 0.15 0.1  0.08 0.1  0.15] 2.8
    0.9 [0.53 0.51 0.47 0.49 0.53 0.61] 3.2
    """
    check_instance(Dataset, data=data)
    check_instance(Process, process=process)
    check_choice("backend", backend, ("numpy", "jax"), "is not a backend")
    draws = check_integer("draws", draws, minimum=1, maximum=2**31 - 1)
    params, parts, many = data.params, [], draws if process.draws else 1
    for start, symbols in _truth(data, max(1, _NUMBERS // (many * params.d * (params.level(1).v + 1)))):
        inputs = np.where(symbols[0] == params.level(1).v, -1, symbols[0]).astype(np.int32)
        # Draw k of sample i is what happens to sample k 2^32 + i.
        received = [process.corrupt(params, inputs, seed, start + (draw << 32)) for draw in range(many)]
        evidence = process.evidence(params, np.concatenate(received), dtype)
        true = tuple(np.tile(level, (many, 1)) for level in symbols)
        if backend == "jax":
            import jax.numpy as jnp

            from ..backend import backend_name

            backend_name()  # refuses where there is none
            evidence, true = jnp.asarray(evidence), tuple(jnp.asarray(level) for level in true)
        same, filled, means, variances = in_chunks(_changes, data.stream.grammar, evidence, true)
        totals = [_total(*both, many) for both in zip(means, variances, strict=True)]
        was = tuple(level < one.v for level, one in zip(symbols, params.levels, strict=False))
        parts.append((_averaged(same, many), _averaged(filled, many), was, np.stack(totals, axis=1)))
    return Changes(process, params, *mapped(lambda *arrays: np.concatenate(arrays), *parts))


def _truth(data: Dataset, count: int) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Yield parts of the samples: the number of the first; the symbols of all levels, blanks last, and the class."""
    params = data.params
    for start in range(0, len(data), count):
        derivation = data.derivation(start, min(count, len(data) - start))
        tree = expand(data.stream.grammar, derivation)
        levels = [
            level_symbols(params, level, tree.features[level - 1], tree.positions[level - 1])
            for level in range(1, params.L + 1)
        ]
        yield start, (*levels, np.asarray(derivation.label)[:, None].astype(np.int32))


def _averaged(levels: Any, many: int) -> tuple[Any, ...]:
    """The mean over draws of noise, [sample, position] of each level."""
    arrays = (np.asarray(level, np.float64) for level in levels)
    return tuple(array.reshape(many, -1, array.shape[1]).mean(axis=0) for array in arrays)


def _total(mean: Any, variance: Any, many: int) -> Float[np.ndarray, " sample"]:
    """The variance over posterior and noise, by the law of total variance, added up over the nodes of a level."""
    mean, variance = (np.asarray(one, np.float64) for one in (mean, variance))
    mean, variance = (one.reshape(many, -1, one.shape[1]) for one in (mean, variance))
    total = variance.mean(axis=0)
    if many > 1:
        total = total + mean.var(axis=0, ddof=1)
    return total.sum(axis=1)


def _changes(params: Params, tables: Any, evidence: Any, rows: Any, true: tuple[Any, ...]) -> Any:
    """The kernel: by level p(same) and p(filled), by ancestor mean and variance of N, each [position, sample]."""
    xp = evidence.__array_namespace__()
    upward = ascend(params, tables, evidence, SUM)
    found = descend(params, tables, upward)
    levels = *found.symbols, found.label[None]
    old = [xp.moveaxis(xp.take(level, rows, axis=0, mode="clip"), 0, -1)[:, None] for level in true]
    same = [xp.take_along_axis(level, one, axis=1)[:, 0] for level, one in zip(levels, old, strict=True)]
    filled = [level[:, :-1].sum(axis=1) for level in found.symbols]
    leaves = (xp.arange(evidence.shape[1])[None, :, None] != old[0]).astype(evidence.dtype)
    counts = _counted(params, tables, upward, levels, Cumulants(leaves, xp.zeros_like(leaves)))
    return (
        tuple(same),
        tuple(filled),
        tuple(one.mean for one in counts),
        tuple(one.variance for one in counts),
    )


def _counted(params: Params, tables: Any, upward: Upward, levels: Any, below: Cumulants) -> list[Cumulants]:
    """Return the cumulants, over the posterior, of a sum over the inputs below each node, 0 to L levels up.

    They are given for each symbol of an input, and passed up for each symbol of a node.
    """
    xp, found = upward.classes.__array_namespace__(), [below.mixed(levels[0], 1)]
    for level in range(1, params.L + 1):
        numbers, table, messages = params.level(level), tables[level - 1], upward.levels[level - 1]
        places = below.map(lambda array, p=numbers.patch: array.reshape(-1, p, *array.shape[1:]))
        rules = table.spread.moments(numbers, table.rules, messages.inside, places)
        rules = rules.map(lambda array, shape=messages.rules.shape: array.reshape(shape))
        below = rules.mixed(normalised_exp(messages.rules, messages.parents[:, :, None]), 2)
        if level < params.L:
            blank = places.map(lambda array, v=numbers.v: array[:, :, v].sum(axis=1)[:, None])
            below = Cumulants(*(xp.concatenate(both, axis=1) for both in zip(below, blank, strict=True)))
        found.append(below.mixed(levels[level], 1))
    return found
