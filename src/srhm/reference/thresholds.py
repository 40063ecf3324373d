"""The paper's thresholds: where P*, P*_S and P*_D are read off (docs, measurements.md)."""

from ..errors import ArgumentError, check_choice, check_instance
from ..model.params import Params
from ..nets import COMMON


def thresholds(net: str, params: Params) -> dict[str, float]:
    """Return the paper's thresholds: error 10%, and those of S and D for level 1 (docs, measurements.md).

    The layer is the second hidden one for LCN and CNN, the output for the FCN. D has none where s0 = 0. The common
    networks have that of the error alone.
    """
    check_instance(Params, params=params)
    if net in COMMON:
        return {"error": 0.10}
    if net == "lcn":
        layer, S, D = 2, 0.30 if params.s == 2 else 0.50, 0.10
    elif net == "cnn":
        layer, S, D = 2, 0.20 if params.L == 3 else (0.40 if params.s == 2 else 0.50), 0.20
    else:
        layer, S, D = params.L + 1, 0.20, 0.20
    layer = min(layer, params.L + 1)
    found = {"error": 0.10, f"S_{layer}1": S}
    return found | ({f"D_{layer}1": D} if params.s0 > 0 else {})


def chosen_thresholds(net: str, params: Params, quantities: str) -> dict[str, float]:
    """Return the thresholds of the quantities whose P* is searched: ``"error"``, or ``"all"`` that the paper has.

    Raises
    ------
    ArgumentError
        If it is neither, or the paper has none but the error's for the network.
    """
    check_choice("quantities", quantities, ("error", "all"), "is not known")
    if quantities == "all" and net in COMMON:
        problem = f"needs thresholds of S and D, which the paper has none of for {net}"
        raise ArgumentError("quantities", quantities, problem, "Use error")
    limits = thresholds(net, params)
    return limits if quantities == "all" else {"error": limits["error"]}
