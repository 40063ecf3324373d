"""How many training points a network is expected to need, before any run."""

from ..model.params import Params
from ..reference.published import published
from ..theory import predict

_LIKE: dict[str, str] = {"vgg16": "vgg11"}
"""Networks whose P* was not published, and what they are taken to need as much as."""


def expected_P(net: str, params: Params, shared_layers: tuple[int, ...] = ()) -> float:
    """Return P* as published, or as predicted times a typical ratio.

    Each layer that is shared over the s0+1 places of a sub-patch takes a factor s0+1 from it.

    Raises
    ------
    ArgumentError
        If the paper says nothing of this network.
    """
    paper = published(_LIKE.get(net, net), params)
    expected = float(paper.P_star) if paper is not None and paper.valid else predict(net, params).P_star
    return expected / (params.s0 + 1) ** len(shared_layers)
