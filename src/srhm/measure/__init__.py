"""Measurements of a network: activations, sensitivities, probes, clusters, P* and power laws."""

from .clustering import Clusters, adjusted_rand_index, clusters
from .complexity import Crossing, SampleComplexity, Search, combine, nearest_grid, pstar
from .correlation import RankCorrelation, rank_correlation
from .exponent import Exponent, fit_exponent, fit_exponents
from .layers import layers_of
from .probing import Probes, Reading, probes
from .sensitivity import Sensitivities, sensitivities, test_error

__all__ = [
    "Clusters",
    "Crossing",
    "Exponent",
    "Probes",
    "RankCorrelation",
    "Reading",
    "SampleComplexity",
    "Search",
    "Sensitivities",
    "adjusted_rand_index",
    "clusters",
    "combine",
    "fit_exponent",
    "fit_exponents",
    "layers_of",
    "nearest_grid",
    "probes",
    "pstar",
    "rank_correlation",
    "sensitivities",
    "test_error",
]
