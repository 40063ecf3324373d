"""The paper's predictions in closed form, and exact statistics of the data."""

from .confusion import predicted_P
from .empirical import count_features, count_positions, count_tuples
from .pairs import count_pairs, pair_moment, symbol_pairs
from .population import features, patches, positions, tuples
from .predictions import predict_by_relevance
from .rule_sets import feature_moments
from .transition import belief_transition
from .visibility import dilution, visible_P

__all__ = [
    "belief_transition",
    "count_features",
    "count_pairs",
    "count_positions",
    "count_tuples",
    "dilution",
    "feature_moments",
    "features",
    "pair_moment",
    "patches",
    "positions",
    "predict_by_relevance",
    "predicted_P",
    "symbol_pairs",
    "tuples",
    "visible_P",
]
