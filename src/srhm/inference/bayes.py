"""The Bayes error, that is, the error of the Bayes-optimal classifier, which knows the grammar and the noise."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from jaxtyping import Float, Integer

from ..errors import check_choice, check_instance, check_integer
from ..model.dataset import Backend
from ..model.derivation import expand
from ..model.encoding import encode
from ..model.grammar import Grammar
from ..model.stream import Stream
from .noise import Process, check_draws
from .queries import class_posterior

_AT_ONCE = 4096


@dataclass(frozen=True)
class BayesError:
    """The Bayes error of noisy inputs, returned by :func:`bayes_error`.

    No classifier has a smaller test error on such inputs: learning curves end at or above this value.
    """

    value: float
    """Mean over inputs of 1 - max over classes of p(class | received)."""
    standard_error: float
    """Standard error of ``value``."""
    interval: tuple[float, float]
    """Lower and upper end, from 0 to the error of a guess without an input: 1 - 1/n_c for equal classes."""
    interval_kind: str
    """What the interval is, such as ``"90% t-interval over 10000 inputs"``."""
    samples: int
    """Number of inputs."""
    process: Process
    """The process of noise."""


def bayes_error(
    grammar: Grammar, process: Process, samples: int = 10_000, seed: int = 0, backend: Backend = "numpy"
) -> BayesError:
    """Measure the Bayes error of noisy inputs (docs, inference.md).

    Inputs are drawn from the model, and noise acts on them. For each of them the exact posterior gives the
    probability that the best guess is wrong; the mean of these is the Bayes error, with less noise than a count of
    wrong guesses (Rao-Blackwell). Without noise and masks the class is a function of the input, so the error is 0.

    Parameters
    ----------
    grammar
        The production rules.
    process
        The noise: :class:`UniformNoise` or :class:`Masking`. :class:`BeliefNoise` is refused: it is not an observation.
    samples
        Number of inputs, at least 2.
    seed
        Any integer from 0 to 2^64 - 1. The inputs are those of a test set of this seed, drawn with replacement, and
        the same for every process, so that curves over the noise are smooth.
    backend
        ``"numpy"``, or ``"jax"`` for a compiled program on JAX's default device.

    Raises
    ------
    ArgumentError
        If a number is out of range, the process draws nothing, or the backend is unknown.

    Examples
    --------
    >>> from srhm import Params
    >>> from srhm.inference import UniformNoise
    >>> grammar = Grammar(Params(n_c=4, v=4, m=4, s=2, s0=1, L=2))
    >>> bayes_error(grammar, UniformNoise(0), samples=100).value
    0.0
    >>> found = bayes_error(grammar, UniformNoise(0.2), samples=1000)
    >>> round(found.value, 2), found.interval_kind
    (0.43, '90% t-interval over 1000 inputs')
    """
    check_instance(Grammar, grammar=grammar)
    check_instance(Process, process=process)
    check_draws("process", process)
    samples = check_integer("samples", samples, minimum=2)
    check_choice("backend", backend, ("numpy", "jax"), "is not a backend")
    wrong = []
    for received, _ in _received(grammar, process, samples, seed):
        evidence = process.evidence(grammar.params, received)
        if backend == "jax":
            import jax.numpy as jnp

            from ..backend import backend_name

            backend_name()  # refuses where there is none
            evidence = jnp.asarray(evidence)
        label = np.sort(np.asarray(class_posterior(grammar, evidence), np.float64), axis=1)
        wrong.append(label[:, :-1].sum(axis=1))  # 1 - max would lose the digits of small errors
    value, standard_error = _mean(np.concatenate(wrong)[:samples])
    return BayesError(
        value,
        standard_error,
        _interval(value, standard_error, samples, 1 - float(grammar.class_probability.max()), process),
        f"90% t-interval over {samples} inputs",
        samples,
        process,
    )


def _received(
    grammar: Grammar, process: Process, samples: int, seed: int
) -> Iterator[tuple[Integer[np.ndarray, "sample *shape"], Integer[np.ndarray, " sample"]]]:
    """Yield what is received of the inputs, and their classes, in parts of equal size; the last may be too long."""
    params, stream = grammar.params, Stream(grammar, seed, "replacement", role="test")
    size = ceil(samples / ceil(samples / _AT_ONCE))
    for start in range(0, samples, size):
        derivation = stream.take(start, size)
        tree = expand(grammar, derivation)
        inputs = encode(params, tree.features[0], tree.positions[0], "integer")
        yield process.corrupt(params, inputs, seed, start), np.asarray(derivation.label)


def _mean(values: Float[np.ndarray, " sample"]) -> tuple[float, float]:
    """Return the mean, and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / sqrt(len(values)))


def _interval(
    value: float, standard_error: float, samples: int, chance: float, process: Process
) -> tuple[float, float]:
    """The 90% t-interval; its upper end is at least what this many inputs without any uncertainty would allow."""
    from scipy.special import stdtrit  # not whenever srhm is imported

    if process.strength == 0 and value == 0:
        return 0.0, 0.0
    half = float(stdtrit(samples - 1, 0.95)) * standard_error
    unseen = chance * (1 - 0.05 ** (1 / samples))
    return max(0.0, value - half), min(chance, max(value + half, unseen))
