"""All that is predicted of one model, as plain data."""

from typing import Any

from ..errors import check_instance
from ..model.params import Params
from ..nets import FAMILIES
from ..theory.predictions import Prediction
from ..theory.visibility import earliest_visible_P


def summary(params: Params) -> dict[str, Any]:
    """Return the predictions for a model, as JSON data: what `srhm theory --json` prints.

    ``params``, ``d``, ``P_max``, ``relevant_fraction``; ``predictions``, one dict a network with ``net``, ``P_star``,
    ``range``, ``scaling_law``, ``formula``, ``source`` and ``assumptions`` (see :func:`srhm.nets.predict`); and
    ``visible_P``, the training points from which on a correlation with the class exceeds its noise (see
    :func:`srhm.theory.visible_P`), by what is counted.

    Examples
    --------
    >>> found = summary(Params(n_c=6, v=6, m=6, s=2, s0=1, L=2))
    >>> [(one["net"], round(one["P_star"])) for one in found["predictions"]]
    [('cnn', 1728), ('lcn', 2938), ('fcn', 8640)]
    """
    check_instance(Params, params=params)
    return {
        "params": params.to_dict(),
        "d": params.d,
        "P_max": params.P_max,
        "relevant_fraction": params.relevant_fraction,
        "predictions": [
            {"net": one.name, **_prediction(one.predict(params))}
            for one in FAMILIES.values()
            if one.predict is not None and params.uniform
        ],
        "visible_P": {
            f"{what}, {where}": earliest_visible_P(params, what, shared=shared)
            for what in ("features", "tuples")
            for where, shared in (("at each place", False), ("all places together", True))
        },
    }


def _prediction(prediction: Prediction) -> dict[str, Any]:
    return {
        "P_star": prediction.P_star,
        "range": list(prediction.interval),
        "scaling_law": prediction.scaling_law,
        "formula": prediction.formula,
        "source": prediction.source,
        "assumptions": list(prediction.assumptions),
    }
