"""Runs by the names of their options, for tests."""

from srhm.study import Seeds
from srhm.study.options import setup_of


def setup(params, net="cnn", *, published=False, **options):
    """The setup of a network on a model, with options by the names of files of runs."""
    return setup_of(params, {"net": net, **options}, published=published)


def run_spec(params, net, P, *, seeds=None, published=False, **options):
    """A run of it; seeds are 0 by default."""
    return setup(params, net, published=published, **options).at(P, Seeds() if seeds is None else seeds)
