"""The paper's predictions of the sample complexity P*, up to a constant (Eq. 3 and 4)."""

from dataclasses import dataclass

from ..errors import ArgumentError
from ..params import Params


@dataclass(frozen=True)
class Prediction:
    """A predicted P*, in training points, up to a constant of order one.

    Attributes
    ----------
    value
        The formula's value.
    formula
        The formula.
    source
        Where it stands in the paper, or what it was extended from.
    typical_ratio
        P* over `value` as measured: where a search for P* is best started.
    """

    value: float
    formula: str
    source: str
    typical_ratio: float


def predict(net: str, params: Params) -> Prediction:
    """Return the paper's prediction of P* for a network.

    Parameters
    ----------
    net
        ``"lcn"`` (Eq. 3, with C0 = s^(L/2)), ``"cnn"`` (Eq. 4), or ``"fcn"``. The paper has no formula for the
        FCN; Eq. 3 is given, whose ratio to the published P* is 4.8 to 5.5 (Figure 16).
    params
        The numbers of the model.

    Raises
    ------
    ArgumentError
        If there is no such network.

    Examples
    --------
    >>> predict("lcn", Params(n_c=6, v=6, m=6, s=2, s0=1, L=2)).value
    1728.0
    >>> predict("cnn", Params(n_c=6, v=6, m=6, s=2, s0=1, L=2)).value
    864.0
    """
    classes = params.n_c * params.m**params.L
    local = params.s ** (params.L / 2) * (params.s0 + 1) ** params.L * classes
    if net == "lcn":
        ratio = 1.7 if params.s == 2 else 2.8
        return Prediction(local, "s^(L/2) (s0+1)^L n_c m^L", "Eq. 3", ratio)
    if net == "cnn":
        return Prediction(float((params.s0 + 1) ** 2 * classes), "(s0+1)^2 n_c m^L", "Eq. 4", 2.0)
    if net == "fcn":
        return Prediction(local, "s^(L/2) (s0+1)^L n_c m^L", "Eq. 3, of the LCN", 5.0)
    raise ArgumentError("net", net, "has no prediction", "Use 'lcn', 'cnn' or 'fcn'")
