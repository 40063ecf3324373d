"""The Bayes error, that is, the error of the Bayes-optimal classifier, which knows the grammar and the channel.

And the error of any other classifier on the same inputs.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

import numpy as np
from jaxtyping import Float, Integer

from ..errors import ArgumentError, check_choice, check_instance, check_integer
from ..model.dataset import Backend
from ..model.derivation import expand
from ..model.encoding import encode
from ..model.grammar import Grammar
from ..model.stream import Stream
from .channel import Channel
from .queries import class_posterior

_AT_ONCE = 4096


@dataclass(frozen=True)
class BayesError:
    """The Bayes error of inputs sent through a channel, returned by :func:`bayes_error`.

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
    channel: Channel
    """The channel."""


def bayes_error(
    grammar: Grammar, channel: Channel, samples: int = 10_000, seed: int = 0, backend: Backend = "numpy"
) -> BayesError:
    """Measure the Bayes error of a channel (docs, inference.md).

    Inputs are drawn from the model and sent through the channel. For each of them the exact posterior gives the
    probability that the best guess is wrong; the mean of these is the Bayes error, with less noise than a count of
    wrong guesses (Rao-Blackwell). Without noise and masks the class is a function of the input, so the error is 0.

    Parameters
    ----------
    grammar
        The production rules.
    channel
        The channel that the inputs are sent through.
    samples
        Number of inputs, at least 2.
    seed
        Any integer from 0 to 2^64 - 1. The inputs are those of a test set of this seed, drawn with replacement, and
        the same for every channel, so that curves over the noise are smooth.
    backend
        ``"numpy"``, or ``"jax"`` for a compiled program on JAX's default device.

    Raises
    ------
    ArgumentError
        If a number is out of range, or the backend is unknown.

    Examples
    --------
    >>> from srhm import Params
    >>> grammar = Grammar(Params(n_c=4, v=4, m=4, s=2, s0=1, L=2))
    >>> bayes_error(grammar, Channel(), samples=100).value
    0.0
    >>> found = bayes_error(grammar, Channel(noise=0.2), samples=1000)
    >>> round(found.value, 2), found.interval_kind
    (0.43, '90% t-interval over 1000 inputs')
    """
    check_instance(Grammar, grammar=grammar)
    check_instance(Channel, channel=channel)
    samples = check_integer("samples", samples, minimum=2)
    check_choice("backend", backend, ("numpy", "jax"), "is not a backend")
    wrong = []
    for received, _ in _received(grammar, channel, samples, seed):
        evidence = channel.evidence(grammar.params, received)
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
        _interval(value, standard_error, samples, 1 - float(grammar.class_probability.max()), channel),
        f"90% t-interval over {samples} inputs",
        samples,
        channel,
    )


def channel_error(
    classify: Callable[[Integer[np.ndarray, "sample *shape"]], Any],
    grammar: Grammar,
    channel: Channel,
    samples: int = 10_000,
    seed: int = 0,
) -> tuple[float, float]:
    """Measure the test error of any classifier on inputs sent through a channel.

    The inputs are those of :func:`bayes_error` with the same samples and seed, so the two can be compared.

    Parameters
    ----------
    classify
        Maps what is received, [sample, position], or in the plane pictures [sample, row, column], with features, -1 for
        blanks and :data:`MASKED` for masked positions, to classes [sample] or to scores [sample, class_], of which the
        largest is the prediction.
        :func:`srhm.model.encoding.encode_symbols` encodes such inputs for a network.
    grammar, channel, samples, seed
        As for :func:`bayes_error`.

    Returns
    -------
    tuple
        The fraction of inputs that are given a wrong class, and its standard error.

    Raises
    ------
    ArgumentError
        If a number is out of range, or `classify` returns something of another shape.
    """
    check_instance(Grammar, grammar=grammar)
    check_instance(Channel, channel=channel)
    samples = check_integer("samples", samples, minimum=2)
    wrong = []
    for received, true in _received(grammar, channel, samples, seed):
        found = np.asarray(classify(received))
        if found.shape not in ((len(received),), (len(received), grammar.params.n_c)):
            fix = f"Return shape ({len(received)},), or ({len(received)}, {grammar.params.n_c})"
            raise ArgumentError("classify", found.shape, "is not the shape of classes or their scores", fix)
        guess = found if found.ndim == 1 else found.argmax(axis=1)
        wrong.append(guess != true)
    return _mean(np.concatenate(wrong)[:samples].astype(np.float64))


def _received(
    grammar: Grammar, channel: Channel, samples: int, seed: int
) -> Iterator[tuple[Integer[np.ndarray, "sample *shape"], Integer[np.ndarray, " sample"]]]:
    """Yield what is received of the inputs, and their classes, in parts of equal size; the last may be too long."""
    params, stream = grammar.params, Stream(grammar, seed, "replacement", role="test")
    size = ceil(samples / ceil(samples / _AT_ONCE))
    for start in range(0, samples, size):
        derivation = stream.take(start, size)
        tree = expand(grammar, derivation)
        inputs = encode(params, tree.features[0], tree.positions[0], "integer")
        yield channel.transmit(params, inputs, seed, start), np.asarray(derivation.label)


def _mean(values: Float[np.ndarray, " sample"]) -> tuple[float, float]:
    """Return the mean, and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / sqrt(len(values)))


def _interval(
    value: float, standard_error: float, samples: int, chance: float, channel: Channel
) -> tuple[float, float]:
    """The 90% t-interval; its upper end is at least what this many inputs without any uncertainty would allow."""
    from scipy.special import stdtrit  # not whenever srhm is imported

    if channel.lossless:
        return 0.0, 0.0
    half = float(stdtrit(samples - 1, 0.95)) * standard_error
    unseen = chance * (1 - 0.05 ** (1 / samples))
    return max(0.0, value - half), min(chance, max(value + half, unseen))
