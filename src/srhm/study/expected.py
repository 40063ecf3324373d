"""How many training points a network is expected to need, before any run."""

from ..errors import ArgumentError
from ..nets import predict
from ..reference.published import published
from .setup import Setup


def expected_P(setup: Setup) -> float:
    """Return P* as published, or as predicted times a typical ratio; less where options of the family save points.

    Raises
    ------
    ArgumentError
        If it is neither published nor predicted.
    """
    net, params = setup.net, setup.params
    if not setup.classifies:
        problem = "has uneven weights or predicts symbols, and what is published and predicted is of neither"
        raise ArgumentError("setup", setup, problem, "Use a setup that classifies, without weights")
    paper = published(net.row.like or net.family, params)
    expected = float(paper.P_star) if paper is not None and paper.valid else predict(net, params).P_star
    return expected / net.row.saving(params, net.options)
