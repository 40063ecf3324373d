"""The paper's predictions in closed form, and exact statistics of the data."""

from .class_statistics import ClassStatistics
from .confusion import learner_error, misgrouped, predicted_P
from .empirical import ClassCounts, count_features, count_positions, count_tuples
from .population import features, patches, positions, tuples
from .predictions import Prediction, full_law, local_law, predict_by_relevance, shared_filters_law
from .rule_sets import Moments, feature_moments, tuple_moments
from .visibility import dilution, earliest_visible_P, visible_P

__all__ = [
    "ClassCounts",
    "ClassStatistics",
    "Moments",
    "Prediction",
    "count_features",
    "count_positions",
    "count_tuples",
    "dilution",
    "earliest_visible_P",
    "feature_moments",
    "features",
    "full_law",
    "learner_error",
    "local_law",
    "misgrouped",
    "patches",
    "positions",
    "predict_by_relevance",
    "predicted_P",
    "shared_filters_law",
    "tuple_moments",
    "tuples",
    "visible_P",
]
