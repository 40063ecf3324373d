"""The paper's numbers that ours are laid beside, and its thresholds (docs, measurements.md)."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from ..errors import ArgumentError
from ..nets import COMMON
from ..params import Params


@dataclass(frozen=True)
class Published:
    """One published P*, in training points.

    Attributes
    ----------
    P_star
        The grid point whose error is nearest to 10%, one seed.
    low, high
        Its neighbours on the published grid, between which the crossing lies; None where the grid ends.
    figure
        The figure it stands in.
    note
        What is known about its origin.
    """

    P_star: int
    low: int | None
    high: int | None
    figure: str
    note: str


@cache
def _table() -> list[dict]:
    return json.loads(files("srhm.lab").joinpath("published.json").read_text(encoding="utf-8"))


def published(net: str, params: Params) -> Published | None:
    """Return the published P* of a network on a model, or None if the paper has none.

    Examples
    --------
    >>> published("lcn", Params(n_c=6, v=6, m=6, s=2, s0=1, L=2)).P_star
    3054
    """
    wanted = {name: getattr(params, name) for name in ("L", "s", "s0", "v", "m", "n_c", "sparsity")}
    for entry in _table():
        if entry["arch"].lower() == net and all(entry[name] == value for name, value in wanted.items()):
            low, high = entry["grid_bracket"] or (None, None)
            return Published(entry["value"], low, high, entry["figure"], entry["note"])
    return None


def thresholds(net: str, params: Params) -> dict[str, float]:
    """Return the paper's thresholds: error 10%, and those of S and D for level 1 (docs, measurements.md).

    The layer is the second hidden one for LCN and CNN, the output for the FCN. D has none where s0 = 0. The common
    networks have that of the error alone.
    """
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
    if quantities not in ("error", "all"):
        raise ArgumentError("quantities", quantities, "is not known", "Use error or all")
    if quantities == "all" and net in COMMON:
        problem = f"needs thresholds of S and D, which the paper has none of for {net}"
        raise ArgumentError("quantities", quantities, problem, "Use error")
    limits = thresholds(net, params)
    return limits if quantities == "all" else {"error": limits["error"]}
