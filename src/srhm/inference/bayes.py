"""The Bayes error: what the best of all classifiers, which knows the grammar and the channel, still gets wrong."""

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from jaxtyping import Float

from ..dataset import Backend
from ..derivation import expand
from ..encoding import encode
from ..errors import ArgumentError, check_integer
from ..grammar import Grammar
from ..stream import Stream
from .channel import Channel
from .queries import class_posterior

_AT_ONCE = 4096


@dataclass(frozen=True)
class BayesError:
    """The Bayes error of inputs that come through a channel, made by :func:`bayes_error`.

    No classifier has a smaller test error on such inputs: a learning curve ends at this line or above it.
    """

    value: float
    """Mean over the inputs drawn of 1 - max over classes of p(class | received)."""
    standard_error: float
    """Standard error of ``value``."""
    interval: tuple[float, float]
    """Low and high end, in [0, 1 - 1/n_c]."""
    interval_kind: str
    """What the interval is, such as ``"90% t-interval over 10000 inputs"``."""
    samples: int
    """Number of inputs drawn."""
    channel: Channel
    """The channel they came through."""


def bayes_error(
    grammar: Grammar, channel: Channel, samples: int = 10_000, seed: int = 0, backend: Backend = "numpy"
) -> BayesError:
    """Measure the Bayes error of a channel (docs, inference.md).

    Inputs are drawn from the model and sent through the channel. Of each the exact posterior gives the
    probability that the best guess is wrong, and its mean is the Bayes error: that is less noisy than counting
    wrong guesses (Rao and Blackwell). Without noise and masks the class is a function of the input, so the error
    is 0.

    Parameters
    ----------
    grammar
        The production rules.
    channel
        What happens to the inputs.
    samples
        Number of inputs, at least 2.
    seed
        Any integer from 0 to 2^64 - 1. The inputs are those of a test set of this seed, drawn independently,
        and the same for every channel: so curves over the noise are smooth.
    backend
        ``"numpy"``, or ``"jax"`` for a compiled program, on its default device.

    Raises
    ------
    ArgumentError
        If a number is out of range, or there is no such backend.

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
    samples = check_integer("samples", samples, least=2)
    if backend not in ("numpy", "jax"):
        raise ArgumentError("backend", backend, "is not a backend", "Use 'numpy' or 'jax'")
    stream = Stream(grammar, seed, "independent", role="test")
    size = ceil(samples / ceil(samples / _AT_ONCE))
    wrong = np.concatenate(
        [_wrong(stream, channel, first, size, backend) for first in range(0, samples, size)]
    )[:samples]
    value, standard_error = float(wrong.mean()), float(wrong.std(ddof=1) / sqrt(samples))
    return BayesError(
        value,
        standard_error,
        _interval(value, standard_error, samples, 1 - 1 / grammar.params.n_c, channel),
        f"90% t-interval over {samples} inputs",
        samples,
        channel,
    )


def _wrong(
    stream: Stream, channel: Channel, start: int, count: int, backend: Backend
) -> Float[np.ndarray, " sample"]:
    """The probability, for each of some samples, that the best guess of the class is wrong."""
    params = stream.params
    tree = expand(stream.grammar, stream.take(start, count))
    inputs = encode(params, tree.features[0], tree.positions[0], "integer")
    evidence = channel.evidence(params, channel.transmit(params, inputs, stream.seed, start))
    if backend == "jax":
        import jax.numpy as jnp

        evidence = jnp.asarray(evidence)
    label = np.sort(np.asarray(class_posterior(stream.grammar, evidence), np.float64), axis=1)
    return label[:, :-1].sum(axis=1)  # 1 - max would lose the digits of small errors


def _interval(
    value: float, standard_error: float, samples: int, chance: float, channel: Channel
) -> tuple[float, float]:
    """The 90% t-interval, its upper end not below what so many inputs without any doubt would still allow."""
    from scipy.special import stdtrit  # not whenever srhm is imported

    if channel.lossless:
        return 0.0, 0.0
    half = float(stdtrit(samples - 1, 0.95)) * standard_error
    unseen = chance * (1 - 0.05 ** (1 / samples))
    return max(0.0, value - half), min(chance, max(value + half, unseen))
