"""The statistics of :mod:`srhm.theory.population` estimated from a training set, with standard errors."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from ..errors import ArgumentError, check_instance, check_integer
from ..model.dataset import Dataset
from ..model.derivation import expand
from .class_statistics import ClassStatistics


@dataclass(frozen=True, eq=False)
class ClassCounts:
    """How often each symbol occurred at each place in samples of each class.

    The number N_α of samples of a class is fixed (labels are balanced) or taken as it is; the counts of different
    classes are independent, and each is binomial with P(symbol | class).
    """

    counts: Integer[np.ndarray, "place class_ symbol"]
    """Number of samples of a class with the symbol at the place, [place, class_, symbol]."""
    sizes: Integer[np.ndarray, " class_"]
    """Number N_α of samples of each class, [class_], at least 2."""
    prior: Float[np.ndarray, " class_"] | None = None
    """P(class), [class_], known from the model. Default: 1/n_c."""

    @property
    def statistics(self) -> ClassStatistics:
        """The estimates; those of P(symbol | class) are unbiased."""
        return ClassStatistics(self.counts / self.sizes[:, None], self.prior)

    @property
    def given_class_variance(self) -> Float[np.ndarray, "place class_ symbol"]:
        """Variance of the estimated P(symbol | class), x(1 - x)/(N_α - 1) for an estimate x; unbiased."""
        given = self.statistics.given_class
        return given * (1 - given) / (self.sizes[:, None] - 1)

    @property
    def covariance_error(self) -> Float[np.ndarray, "place class_ symbol"]:
        """Standard error of :attr:`ClassStatistics.covariance`; its square is unbiased."""
        prior = self.statistics.class_probability[:, None]
        return np.sqrt(_of_contrast(prior**2 * self.given_class_variance, prior))

    @property
    def correlation_error(self) -> Float[np.ndarray, "place class_ symbol"]:
        """Standard error of :attr:`ClassStatistics.correlation`, to first order in the counts' deviations.

        It is nan for a symbol that never occurred, and unreliable for one that occurred a few times.
        """
        statistics, prior = self.statistics, self.statistics.class_probability[:, None]
        of_joint, total = prior**2 * self.given_class_variance, statistics.probability[:, None]
        with np.errstate(invalid="ignore"):
            return np.sqrt(_of_contrast(of_joint, statistics.conditional)) / total

    @property
    def signal_to_noise(self) -> Float[np.ndarray, "place symbol"]:
        """Squared covariance over the square of its error, minus 1, the value for noise alone.

        Both are summed over classes. Its expectation is about P / :attr:`ClassStatistics.visible_P`, larger by
        1 / (1 - probability) for a frequent symbol; nan for a symbol that never occurred.
        """
        signal, noise = self.statistics.covariance**2, self.covariance_error**2
        with np.errstate(divide="ignore", invalid="ignore"):
            return signal.sum(axis=1) / noise.sum(axis=1) - 1

    def pooled(self) -> "ClassCounts":
        """The counts of all places together, as if each place were a sample of its own.

        The estimates are those of :meth:`ClassStatistics.pooled`. Their errors treat the places of one sample as
        independent, which changes a variance by a fraction of the order of P(symbol | class) for each place.
        """
        counts = self.counts.sum(axis=0, keepdims=True)
        return ClassCounts(counts, self.sizes * len(self.counts), self.prior)


def count_features(dataset: Dataset, level: int = 1) -> ClassCounts:
    """Count the level-l features at each slot of the tree; compare :func:`srhm.theory.features`.

    Raises
    ------
    ArgumentError
        If the level is not between 1 and L, or a class has fewer than two samples.

    Examples
    --------
    >>> from srhm import Grammar, Params, split
    >>> data = split(Grammar(Params(n_c=4, v=4, m=4, s=2, s0=1, L=2)), P=4000, P_test=1).train
    >>> counts = count_features(data)
    >>> counts.counts.shape, counts.counts.sum()  # 4 slots, 4 classes, 4 features; 4 features per sample
    ((4, 4, 4), np.int64(16000))
    """
    check_instance(Dataset, dataset=dataset)
    features, _ = _symbols(dataset, level)
    return _counted(dataset, features, dataset.params.level(level).v)


def count_tuples(dataset: Dataset, level: int = 1) -> ClassCounts:
    """Count the s-tuples of level-l features, as rules, at each node; compare :func:`srhm.theory.tuples`.

    Raises
    ------
    ArgumentError
        As for :func:`count_features`.
    """
    check_instance(Dataset, dataset=dataset)
    params = dataset.params
    level = check_integer("level", level, minimum=1, maximum=params.L)
    derivation = dataset.derivation()
    tree = expand(dataset.stream.grammar, derivation)
    parent = tree.label[:, None] if level == params.L else tree.features[level]
    numbers = params.level(level)
    rules = parent * np.int32(numbers.m) + derivation.rules[level - 1]
    return _counted(dataset, rules, numbers.parents * numbers.m)


def count_positions(dataset: Dataset, level: int = 1) -> ClassCounts:
    """Count features and blanks at each level-l position; compare :func:`srhm.theory.positions`.

    Raises
    ------
    ArgumentError
        As for :func:`count_features`.
    """
    check_instance(Dataset, dataset=dataset)
    params = dataset.params
    features, positions = _symbols(dataset, level)
    numbers = params.level(level)
    grid = np.full((len(dataset), numbers.positions), numbers.v, np.int64)
    np.put_along_axis(grid, positions, features, axis=1)
    return _counted(dataset, grid, numbers.v + 1)


def _symbols(
    dataset: Dataset, level: int
) -> tuple[Integer[np.ndarray, "sample slot"], Integer[np.ndarray, "sample slot"]]:
    """Features and positions of a level; those of the input are stored."""
    level = check_integer("level", level, minimum=1, maximum=dataset.params.L)
    if level == 1:
        return dataset.features.astype(np.int64), dataset.positions.astype(np.int64)
    tree = expand(dataset.stream.grammar, dataset.derivation())
    return tree.features[level - 1].astype(np.int64), tree.positions[level - 1].astype(np.int64)


def _counted(dataset: Dataset, symbols: Integer[np.ndarray, "sample place"], count: int) -> ClassCounts:
    """Count symbols by place and class."""
    n_c, places = dataset.params.n_c, symbols.shape[1]
    labels = dataset.labels.astype(np.int64)
    sizes = np.bincount(labels, minlength=n_c)
    if sizes.min() < 2:
        raise ArgumentError(
            "dataset",
            len(dataset),
            "samples contain a class fewer than twice",
            f"Use {2 * n_c} samples or more",
        )
    entry = (np.arange(places) * n_c + labels[:, None]) * count + symbols
    counts = np.bincount(entry.ravel(), minlength=places * n_c * count)
    prior = dataset.stream.grammar.class_probability
    return ClassCounts(counts.reshape(places, n_c, count), sizes, prior)


def _of_contrast(
    variance: Float[np.ndarray, "place class_ symbol"],
    weight: Float[np.ndarray, "... class_ #symbol"],
) -> Float[np.ndarray, "place class_ symbol"]:
    """Variance of x_α - w_α Σ_β x_β for independent x: (1 - w_α)² var x_α + w_α² Σ_(β≠α) var x_β."""
    total = variance.sum(axis=1, keepdims=True)
    return (1 - 2 * weight) * variance + weight**2 * total
