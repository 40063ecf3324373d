"""How many training points a network is expected to need, before any run."""

from ..errors import ArgumentError
from ..nets import predict
from ..reference.published import published
from .setup import Setup


def expected_P(setup: Setup) -> float:
    """Return P* as published, or as predicted times a typical ratio; less where options of the family save points.

    What is neither published nor predicted is an ArgumentError.
    """
    net, params = setup.net, setup.params
    if not setup.classifies:
        problem = "has weights, noise, another task or samples held out, for which nothing is published or predicted"
        fix = "Use classification of clean inputs, without weights and with nothing held out"
        raise ArgumentError("setup", setup, problem, fix)
    paper = published(net.row.like or net.family, params)
    expected = float(paper.P_star) if paper is not None and paper.valid else predict(net, params).P_star
    return expected / net.row.saving(params, net.options)
