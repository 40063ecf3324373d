"""The paper's predictions of the sample complexity P* (Eq. 3 to 5).

Two words, used everywhere: the *scaling law* is the paper's formula, which gives P* up to a constant; the *predicted*
P* is the scaling law times the constant that the paper's own measurements have.
"""

import math
from dataclasses import dataclass
from typing import SupportsFloat

from ..errors import ArgumentError, check_instance, check_integer, check_number
from ..model.params import Params


@dataclass(frozen=True)
class Prediction:
    """A predicted P*, in training points: a scaling law times a measured constant of order one."""

    scaling_law: float
    """The value of the scaling law: the formula without its constant."""
    formula: str
    """The formula of the scaling law."""
    source: str
    """Where it is in the paper, or what it was extended from."""
    typical_ratio: float
    """The constant, measured P* over the scaling law; a search for P* is best started there."""
    ratios: tuple[float, float]
    """Smallest and largest P* over the scaling law among the paper's points."""
    assumptions: tuple[str, ...] = ()
    """The assumptions of the formula, in sentences."""
    blank_power: float = 0.0
    """The exponent of s0+1 in the formula."""
    size_power: float = 0.0
    """The exponent of s at fixed m in the formula."""
    symbols: str = ""
    """The formula as TeX."""

    @property
    def P_star(self) -> float:
        """The predicted P*: the scaling law times the typical ratio."""
        return self.scaling_law * self.typical_ratio

    @property
    def blank_symbol(self) -> str:
        """The exponent of s0+1 in the formula, as TeX."""
        return "2" if self.size_power == 0 else "L"

    @property
    def interval(self) -> tuple[float, float]:
        """The range of P* for the ratios of the paper's points; not a confidence interval."""
        return self.scaling_law * self.ratios[0], self.scaling_law * self.ratios[1]


def local_law(params: Params) -> Prediction:
    """Return the predicted P* of the LCN: Eq. 3, with C0 = s^(L/2).

    Examples
    --------
    >>> local_law(Params(n_c=6, v=6, m=6, s=2, s0=1, L=2)).scaling_law
    1728.0
    """
    check_instance(Params, params=params)
    source, ratios = "Eq. 3", _lcn_ratios(params.s)
    return Prediction(_local(params), _LOCAL, source, *ratios, _TRAINED + _OF_LCN, *_local_powers(params))


def shared_filters_law(params: Params) -> Prediction:
    """Return the predicted P* of the CNN: Eq. 4.

    Examples
    --------
    >>> shared_filters_law(Params(n_c=6, v=6, m=6, s=2, s0=1, L=2)).scaling_law
    864.0
    """
    check_instance(Params, params=params)
    value = float((params.s0 + 1) ** 2 * params.n_c * params.m**params.L)
    return Prediction(
        value, "(s0+1)^2 n_c m^L", "Eq. 4", 2.0, (1.7, 6.5), _TRAINED + _OF_CNN, 2.0, 0.0, _CNN_SYMBOLS
    )


def full_law(params: Params) -> Prediction:
    """Return Eq. 3 for the FCN, for which the paper has no formula.

    Its ratio to the published P* is 4.8 to 5.5 at L = 2, 2.6 to 15.6 in all (Figure 16).
    """
    check_instance(Params, params=params)
    source, ratios = "Eq. 3, of the LCN", (2.6, 15.6)
    return Prediction(_local(params), _LOCAL, source, 5.0, ratios, _TRAINED + _OF_FCN, *_local_powers(params))


def _local(params: Params) -> float:
    return params.s ** (params.L / 2) * (params.s0 + 1) ** params.L * params.n_c * params.m**params.L


def _local_powers(params: Params) -> tuple[float, float, str]:
    return float(params.L), params.L / 2, r"$s^{L/2}(s_0+1)^L\, n_c m^L$"


_CNN_SYMBOLS = r"$(s_0+1)^2\, n_c m^L$"
_LOCAL = "s^(L/2) (s0+1)^L n_c m^L"
_TRAINED = (
    "P* is where the test error falls to 10%, for wide networks in the mean-field scaling and batches with 4 points of "
    "each class.",
    "Each level is learned from the correlation of its s-tuples with the class, which takes n_c m^L points without "
    "blanks: from there on, it exceeds its sampling noise in P points.",
)
_OF_LCN = (
    "A first-layer weight of its own at every position has an informative input in a fraction (s0+1)^-L of the data.",
    "The factor s^(L/2) is of the paper's Gaussian readout; it was not seen apart from the constant.",
)
_OF_CNN = (
    "One weight serves all positions. That (s0+1)^2 remains, whatever L, was measured by the paper for L = 2 and 3; it "
    "gives no derivation.",
)
_OF_FCN = (
    "The paper has no formula for it: Eq. 3 follows its points at L = 2, and less well those at L = 3.",
)


def _lcn_ratios(s: int) -> tuple[float, tuple[float, float]]:
    """The typical, the smallest and the largest ratio of published P* of LCNs to Eq. 3 (Figures 4B and 10)."""
    return (1.7, (0.84, 2.6)) if s == 2 else (2.8, (1.9, 3.3))


def predict_by_relevance(d: SupportsFloat, F: SupportsFloat, *, n_c: int, m: int, s: int) -> Prediction:
    """Return the paper's prediction of P* of the LCN over input length and relevant fraction (Eq. 5).

    P* = n_c F^(a - 1/2) d^(a + 1/2) with a = ln m / ln s. It is Eq. 3, with C0 = s^(L/2), in other variables:
    F d = s^L leaves are informative, so that m^L = (F d)^a, s^(L/2) = (F d)^(1/2) and (s0+1)^L = 1/F. Unlike Eq.
    3 it is also defined between the models, where F d is not a power of s.

    Parameters
    ----------
    d
        Input length, positive.
    F
        Relevant fraction (s0+1)^(-L): the informative fraction of the input, above 0 and at most 1.
    n_c
        Number of classes.
    m
        Rules of one class or feature, its synonyms.
    s
        Informative children.

    Raises
    ------
    ArgumentError
        If an argument is out of range, or F d < s: fewer informative leaves than a tree of one level has.

    Examples
    --------
    >>> round(predict_by_relevance(16, 1 / 4, n_c=6, m=6, s=2).scaling_law, 6)
    1728.0
    >>> local_law(Params(n_c=6, v=6, m=6, s=2, s0=1, L=2)).scaling_law
    1728.0
    """
    n_c, m, s = (
        check_integer("n_c", n_c, minimum=2),
        check_integer("m", m, minimum=1),
        check_integer("s", s, minimum=2),
    )
    d, F = check_number("d", d, above=0.0), check_number("F", F, above=0.0)
    if F > 1:
        raise ArgumentError("F", F, "is above 1", "Give the informative fraction of the input")
    if F * d < s * (1 - 1e-12):
        problem = f"leaves F d = {F * d:.3g} informative leaves, fewer than s = {s}"
        raise ArgumentError("F", F, problem, "Use F d >= s")
    a = math.log(m) / math.log(s)
    value = n_c * F ** (a - 0.5) * d ** (a + 0.5)
    return Prediction(value, "n_c F^(a-1/2) d^(a+1/2)", "Eq. 5", *_lcn_ratios(s), _TRAINED + _OF_LCN)
