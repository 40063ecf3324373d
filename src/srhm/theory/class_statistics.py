"""Joint statistics of symbols at a place and the class: probabilities, correlations, and when they become visible."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, eq=False)
class ClassStatistics:
    """The probability of every symbol at every place, given the class, and that of the classes.

    A symbol is a feature, a tuple or a blank, and a place a slot of the tree or a position of the input: see
    the functions of :mod:`srhm.theory` that make these.

    Examples
    --------
    >>> statistics = ClassStatistics(np.array([[[0.75, 0.25], [0.25, 0.75]]]))
    >>> statistics.correlation[0]
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    >>> statistics.visible_P  # noise (1 - 1/2) / (P/2), signal (1/4)² + (1/4)²
    array([[8., 8.]])
    """

    given_class: Float[np.ndarray, "place class_ symbol"]
    """P(symbol at place | class), [place, class_, symbol]."""
    prior: Float[np.ndarray, " class_"] | None = None
    """P(class), [class_]. Default: 1/n_c."""

    @property
    def class_probability(self) -> Float[np.ndarray, " class_"]:
        """P(class), [class_]."""
        return np.full(self.n_c, 1 / self.n_c) if self.prior is None else self.prior

    @property
    def _joint(self) -> Float[np.ndarray, "place class_ symbol"]:
        """P(class, symbol at place)."""
        return self.class_probability[:, None] * self.given_class

    @property
    def n_c(self) -> int:
        """Number of classes."""
        return self.given_class.shape[1]

    @property
    def probability(self) -> Float[np.ndarray, "place symbol"]:
        """P(symbol at place), [place, symbol]."""
        return self._joint.sum(axis=1)

    @property
    def covariance(self) -> Float[np.ndarray, "place class_ symbol"]:
        """P(class, symbol) - P(class) P(symbol) at each place, [place, class_, symbol]."""
        return self._joint - self.class_probability[:, None] * self.probability[:, None]

    @property
    def conditional(self) -> Float[np.ndarray, "place class_ symbol"]:
        """P(class | symbol at place), [place, class_, symbol]; nan for a symbol that never occurs there."""
        with np.errstate(invalid="ignore"):
            return self._joint / self.probability[:, None]

    @property
    def correlation(self) -> Float[np.ndarray, "place class_ symbol"]:
        """P(class | symbol at place) - P(class), [place, class_, symbol]; nan as for :attr:`conditional`."""
        return self.conditional - self.class_probability[:, None]

    @property
    def visible_P(self) -> Float[np.ndarray, "place symbol"]:
        """Training points at which the correlation of a symbol equals its sampling noise, [place, symbol].

        P points contain a symbol P times its probability. Without a correlation, the frequency of class α among these
        has the variance q_α (1 - q_α) / (P probability), q_α = P(class α), 1/n_c for equal classes. Summed over
        classes it equals the squared correlation at

            P = (1 - Σ_α q_α²) / (probability Σ_α (π_α - q_α)²),

        π_α = P(class α | symbol). It is inf for a symbol without a correlation, nan for one that never occurs
        there. The mean of 1/P over rule sets is that of :func:`srhm.theory.visible_P`.
        """
        signal = (self.correlation**2).sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return (1 - (self.class_probability**2).sum()) / (self.probability * signal)

    def pooled(self) -> "ClassStatistics":
        """The mean over places, that is, the statistics shared by all places, [1, class_, symbol]."""
        return ClassStatistics(self.given_class.mean(axis=0, keepdims=True), self.prior)
