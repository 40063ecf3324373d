"""The gradient of a network on all data, and how far that of P points deviates from it.

The gradient of P points is the mean of the gradients of P single samples, and likewise for all P_max data: both follow
from the mean and the variance of the gradient of one sample. Training sets contain all classes equally often, so only
the variance within classes counts. A step of descent is minus the rate, lr times h, times the gradient.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Integer

from ..backend import backend_name
from ..errors import ArgumentError, check_instance, check_integer, in_short
from ..model.dataset import Dataset
from ..model.encoding import Encoding, channels, encode
from ..model.grammar import Grammar
from ..model.params import Params
from ..model.stream import Stream, default_rule
from ..nets import Network
from ..nets.design import encoding_for

Square = Callable[[Any], Any]
"""A quadratic form of the gradient (each number squared, or products of two of them), without constants."""

_NUMBERS = 2**22
"""Maximum number of entries in the gradients of a batch: few enough for the cache of a core."""


@dataclass(frozen=True)
class GradientMoments:
    """Mean and variance of the gradient of one sample, from all data or some of them."""

    mean: Any
    """The gradient of the mean cross-entropy of the samples used, for the chosen weights, in their shapes."""
    square: Any
    """The quadratic form of the gradient of *all* data, by default each number squared. Exact if all data were used;
    else the form of `mean` minus its expected excess, which is unbiased and can be negative."""
    variance: Any
    """The form of the deviation of a sample's gradient from the mean of its class, averaged over all data: the
    variance within classes. Exact if all data were used, else unbiased; nan with one sample per class."""
    count: int
    """Number of samples used."""
    replacement: bool
    """Whether they were drawn with replacement."""
    P_max: int
    """Number of distinct data."""
    n_c: int
    """Number of classes."""

    @property
    def exact(self) -> bool:
        """Whether all data were used."""
        return self.count == self.P_max and not self.replacement

    @property
    def standard_error(self) -> Any:
        """Standard error of `mean` about the gradient of all data, 0 if all were used; for the form of squares."""
        return self.spread(self.count, replacement=self.replacement)

    def noise(self, P: int, *, replacement: bool = True) -> Any:
        """Return the expected form of the deviation of the gradient of P points from that of all data.

        Parameters
        ----------
        P
            Points of a training set, equally many of each class.
        replacement
            Whether they are drawn with replacement: then it is variance / P. For distinct points it is smaller by the
            factor (P_max - P) / (P_max - n_c), and zero at P = P_max.
        """
        factor = 1.0 if replacement else max(0, self.P_max - P) / max(1, self.P_max - self.n_c)
        factor /= check_integer("P", P, minimum=1)
        return jax.tree.map(lambda variance: variance * factor, self.variance)

    def spread(self, P: int, *, replacement: bool = True) -> Any:
        """Return the standard deviation of each weight's gradient over training sets of P points.

        Parameters
        ----------
        P, replacement
            As for :meth:`noise`.
        """
        return jax.tree.map(lambda one: np.sqrt(np.maximum(one, 0)), self.noise(P, replacement=replacement))

    def expected_square(self, P: int, *, replacement: bool = True) -> Any:
        """Return the mean of the form over the gradients of training sets of P points.

        Parameters
        ----------
        P, replacement
            As for :meth:`noise`.
        """
        return jax.tree.map(np.add, self.square, self.noise(P, replacement=replacement))

    @property
    def visible_P(self) -> Any:
        """Points, drawn with replacement, at which signal equals noise: variance / square; inf without signal."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return jax.tree.map(np.divide, self.variance, self.square)

    @property
    def pooled_visible_P(self) -> float:
        """The same for all weights together: the sum of variances over the sum of squares."""
        noise, signal = (float(sum(map(np.sum, jax.tree.leaves(x)))) for x in (self.variance, self.square))
        return noise / signal


def channel_contrast(channels: int) -> Square:
    """Return the form that squares first-layer gradients minus their mean over the channels of a place.

    A blank is the same on all channels (except for ``"onehot_blank"``), so it changes only the mean.

    Parameters
    ----------
    channels
        Number of input channels, v.
    """

    def square(gradient: Any) -> Any:
        places = gradient.reshape(*gradient.shape[:-2], -1, channels, gradient.shape[-1])
        return ((places - places.mean(axis=-2, keepdims=True)) ** 2).reshape(gradient.shape)

    return square


def first_weight(net: Network) -> Any:
    """Return the weights of the first layer, in its shape: the default choice of weights."""
    check_instance(Network, net=net)
    return net.layers[0].weight


def weights(net: Network) -> tuple[Any, ...]:
    """Return the weights of every hidden layer, and the readout."""
    check_instance(Network, net=net)
    return (*(layer.weight for layer in net.layers), net.readout)


def population_moments(
    grammar: Grammar,
    net: Network,
    samples: int | None = None,
    seed: int = 0,
    **options: Any,
) -> GradientMoments:
    """Return the moments of the gradient over all data of a grammar, exactly or by sampling.

    Parameters
    ----------
    grammar
        The production rules.
    net
        A CNN, LCN or FCN, at initialisation or at any other weights.
    samples
        Number of distinct samples to use, a multiple of n_c. Default: all P_max, which is exact.
    seed
        Seed of the sample.
    options
        As for :func:`gradient_moments`.

    Raises
    ------
    ArgumentError
        If there are fewer data, or the number of samples is not a multiple of n_c.

    Examples
    --------
    >>> from srhm.nets import build
    >>> params = Params(n_c=4, v=4, m=4, s=2, s0=1, L=1)
    >>> found = population_moments(Grammar(params), build("cnn", params, width=8))
    >>> found.count, found.exact, found.mean.shape  # all 4 * 4 * 2^2 data; 4 places * 4 channels, 8 units
    (64, True, (16, 8))
    """
    check_instance(Grammar, grammar=grammar)
    grammar.refuse_weights()
    P_max = grammar.params.P_max
    if samples is None and P_max > 2**31 - 1:
        raise ArgumentError(
            "samples", None, f"means all {in_short(P_max)} data, too many", "Give a number of samples"
        )
    count = P_max if samples is None else check_integer("samples", samples, minimum=1)
    stream = Stream(grammar, seed, default_rule(grammar))
    return gradient_moments(net, Dataset.draw(stream, count), **options)


def gradient_moments(
    net: Network,
    data: Dataset,
    *,
    where: Callable[[Any], Any] = first_weight,
    square: Square | None = None,
    uniform: bool = False,
    encoding: Encoding | None = None,
) -> GradientMoments:
    """Return the moments of the gradient over a data set; `mean` is the full-batch gradient of a training set.

    Parameters
    ----------
    net
        A CNN, LCN or FCN, or any differentiable map of dense inputs to outputs.
    data
        The data, equally many of each class.
    where
        A function that returns the weights of interest from the network, an array or a tuple of arrays. Default:
        those of the first layer; ``srhm.gradients.moments.weights`` returns those of all layers.
    square
        A quadratic form of their gradient. Default: each number squared.
    uniform
        Replace the softmax by 1/n_c, its limit for small outputs, as in wide networks at initialisation.
    encoding
        The encoding of the inputs. Default: that of the network, else ``"whitened"``.

    Raises
    ------
    ArgumentError
        If there are not equally many samples of each class, or the network was built for another encoding.
    """
    check_instance(Dataset, data=data)
    backend_name()  # refuses where there is none
    params, count = data.params, len(data)
    encoding = encoding_for(net, encoding, params)
    channels(params, encoding)  # refuses an encoding without
    counts = np.bincount(data.labels, minlength=params.n_c)
    if (counts != counts[0]).any():
        problem = f"samples are not equally many of each of the n_c = {params.n_c} classes"
        raise ArgumentError("data", count, problem, "Take equally many of each class")
    square = _each_squared if square is None else square
    chosen = where(net)
    sizes = sum(one.size for one in jax.tree.leaves(chosen))
    size = min(count, max(1, min(1024, _NUMBERS // sizes)))
    totals = None
    for batch in data.batches(size):
        spare = size - len(batch)
        features = np.pad(batch.features, [(0, spare), (0, 0)])
        positions = np.pad(batch.positions, [(0, spare), (0, 0)])
        # A class beyond the last one is not counted.
        labels = np.pad(batch.labels.astype(np.int32), (0, spare), constant_values=params.n_c)
        sums = _batch_sums(net, features, positions, labels, (params, encoding, where, square, uniform))
        sums = jax.tree.map(lambda one: np.asarray(one, np.float64), sums)
        totals = sums if totals is None else jax.tree.map(np.add, totals, sums)
    assert totals is not None  # a data set is not empty
    return _moments(data, totals[0], totals[1], square)


def _each_squared(gradient: Any) -> Any:
    return jax.tree.map(lambda one: one * one, gradient)


def _moments(data: Dataset, of_class: Any, squares: Any, square: Square) -> GradientMoments:
    """Moments from the sums of the gradients of each class [class_, ...] and the sum of their squares."""
    n_c, P_max, count = data.params.n_c, data.params.P_max, len(data)
    replacement = data.stream.rule == "replacement"
    of_class = jax.tree.map(lambda one: one * (n_c / count), of_class)
    mean = jax.tree.map(lambda one: one.mean(axis=0), of_class)
    between = [square(jax.tree.map(lambda one, a=a: one[a], of_class)) for a in range(n_c)]
    # The unbiased variance of distinct data has the divisor of that of all data, minus the degrees of freedom.
    divisor = count - n_c if replacement else (count - n_c) * P_max / max(1, P_max - n_c)
    divisor = count if count == P_max and not replacement else divisor or np.nan
    variance = jax.tree.map(
        lambda total, *means: (total - (count / n_c) * sum(means)) / divisor, squares, *between
    )
    found = GradientMoments(mean, square(mean), variance, count, replacement, P_max, n_c)
    excess = found.noise(count, replacement=replacement)
    return replace(found, square=jax.tree.map(np.subtract, found.square, excess))


@eqx.filter_jit
def _batch_sums(
    net: Any,
    features: Integer[Any, "sample leaf"],
    positions: Integer[Any, "sample leaf"],
    labels: Integer[Any, " sample"],
    how: tuple[Params, Encoding, Callable[[Any], Any], Square, bool],
) -> tuple[Any, Any]:
    """Return the sum of the gradients of the data of each class, and the sum of their squares."""
    params, encoding, where, square, uniform = how
    chosen = where(net)
    dtype = jax.tree.leaves(chosen)[0].dtype
    x = encode(params, jnp.asarray(features), jnp.asarray(positions), encoding, dtype)
    known = jax.nn.one_hot(labels, params.n_c, dtype=dtype)

    def loss(part: Any, x: Float[Array, "position channel"], y: Float[Array, " class_"]) -> Float[Array, ""]:
        """A function with the gradient of the cross-entropy, (softmax - y) df; zero where y is 0."""
        output = eqx.tree_at(where, net, part)(x[None])[0]
        guess = jnp.full_like(output, 1 / params.n_c) if uniform else jax.nn.softmax(output)
        return jax.lax.stop_gradient((guess - y) * y.sum()) @ output

    gradients = jax.vmap(jax.grad(loss), (None, 0, 0))(chosen, x, known)
    of_class = jax.tree.map(lambda one: jnp.tensordot(known, one, (0, 0)), gradients)
    return of_class, jax.tree.map(lambda one: one.sum(axis=0), jax.vmap(square)(gradients))
