"""Measurements of a network: activations, sensitivities, probes, clusters, P* and power laws."""

from .clustering import clusters
from .complexity import Search, pstar
from .correlation import rank_correlation
from .exponent import fit_exponent, fit_exponents
from .layers import ByPosition, layers_of
from .posteriors import posterior_probes
from .probing import probes
from .sensitivity import sensitivities, test_error

__all__ = [
    "ByPosition",
    "Search",
    "clusters",
    "fit_exponent",
    "fit_exponents",
    "layers_of",
    "posterior_probes",
    "probes",
    "pstar",
    "rank_correlation",
    "sensitivities",
    "test_error",
]
