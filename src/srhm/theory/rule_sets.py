"""Mean and variance, over all rule sets of a model, of the correlations of features and tuples with the class.

Notation: at each level, T[a, μ] is the probability that a given child of parent a is the feature μ, and
Δ = T - 1/v. The rows of Δ sum to zero, so that the product of two or more levels keeps one term that depends on the
class,

    P(μ | α) = 1/v + [Δ_L ... Δ_l](α, μ) + (terms without α),

and the levels are drawn independently. The random assignment of m of the v^s tuples to each parent gives

    <Δ(a, μ) Δ(b, ν)> = (v^s δ_ab - m) / (m (v^s - 1)) · (δ_μν - 1/v) / v.

Everything below follows by induction over the levels (docs, statistics.md). After Cagnetta et al., "How deep
neural networks learn compositional data: the random hierarchy model" (2024), who give the leading order.
"""

from dataclasses import dataclass

from ..errors import check_instance, check_integer
from ..model.params import Level, Params


@dataclass(frozen=True)
class Moments:
    """Moments over rule sets of the statistics of one symbol at one place of the tree with one class.

    The mean of every covariance and correlation is zero. They are uncorrelated between the places of the
    tree, so that the covariance of statistics pooled over n places has the mean square `covariance / n`.
    """

    probability: float
    """Mean of P(symbol | class)."""
    variance: float
    """Variance of P(symbol | class); exact."""
    covariance: float
    """Mean square of P(class, symbol) - P(class) P(symbol); exact."""
    correlation: float
    """Mean square of P(class | symbol) - 1/n_c; exact where `exact` says so, else to leading order."""
    exact: bool
    """Whether every symbol has the same probability for every rule set, so that `correlation` is exact."""


def contraction(params: Params | Level) -> float:
    """Return q = (1 - 1/v) / (m (1 - v^-s)), the factor of a mean square for each level, near 1/m.

    Where levels differ, give ``params.level(l)`` in place of the params.

    Examples
    --------
    >>> contraction(Params(n_c=10, v=10, m=10, s=2, s0=0, L=2))
    0.09090909090909091
    """
    check_instance((Params, Level), params=params)
    return (1 - 1 / params.v) / (params.m * (1 - float(params.v) ** -params.s))


def feature_moments(params: Params, level: int = 1) -> Moments:
    """Return the moments of a level-l feature at a slot, of which :func:`features` gives one grammar's values.

    With k = L - l + 1 levels between, <covariance²> = (1 - 1/n_c) q^k / (v n_c²), and to leading order, or
    exactly where all tuples are in use, <correlation²> = (1 - 1/n_c) v q^k / n_c². Where levels differ, q^k is the
    product of their q, and v that of level l.

    Raises
    ------
    ArgumentError
        If the level is not between 1 and L.

    Examples
    --------
    >>> feature_moments(Params(n_c=2, v=2, m=2, s=2, s0=0, L=1)).correlation  # 0, ± 1/2 with odds 4 : 1 : 1
    0.08333333333333333
    """
    check_instance(Params, params=params)
    level = check_integer("level", level, minimum=1, maximum=params.L)
    n_c, levels = params.n_c, params.levels[level - 1 :]
    # <P(μ|α)²> - 1/v² = S (1 - 1/v)/v, with S = 1 for the class. With v' symbols above, each level maps S to
    # (v^s / v' - m) / (m (v^s - 1)) + S (1 - 1/v') / (m (1 - v^-s)).
    S, above, product = 1.0, 1.0, 1.0
    for numbers in reversed(levels):
        m, tuples = numbers.m, float(numbers.v) ** numbers.s
        S = (tuples / above - m) / (m * (tuples - 1)) + S * (1 - 1 / above) / (m * (1 - 1 / tuples))
        above, product = float(numbers.v), product * contraction(numbers)
    v = levels[0].v
    joint = (1 - 1 / n_c) * product / (v * n_c**2)
    full = all(numbers.parents * numbers.m == numbers.v**numbers.s for numbers in levels)
    return Moments(1 / v, S * (1 - 1 / v) / v, joint, joint * v**2, full)
