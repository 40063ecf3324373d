"""The paper's thresholds: where P*, P*_S and P*_D are read off (docs, measurements.md)."""

from ...params import Params


def thresholds(net: str, params: Params) -> dict[str, float]:
    """Return the paper's thresholds: error 10%, and those of S and D for level 1 (docs, measurements.md).

    The layer is the second hidden one for LCN and CNN, the output for the FCN. D has none where s0 = 0.
    """
    if net == "lcn":
        layer, S, D = 2, 0.30 if params.s == 2 else 0.50, 0.10
    elif net == "cnn":
        layer, S, D = 2, 0.20 if params.L == 3 else (0.40 if params.s == 2 else 0.50), 0.20
    else:
        layer, S, D = params.L + 1, 0.20, 0.20
    layer = min(layer, params.L + 1)
    found = {"error": 0.10, f"S_{layer}1": S}
    return found | ({f"D_{layer}1": D} if params.s0 > 0 else {})
