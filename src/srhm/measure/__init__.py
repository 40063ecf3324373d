"""What is measured of a network: activations, sensitivities, probes, clusters, P* and power laws."""

from .clustering import Clusters, adjusted_rand_index, clusters
from .complexity import Crossing, SampleComplexity, nearest_grid, pstar
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
    "Sensitivities",
    "adjusted_rand_index",
    "clusters",
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
