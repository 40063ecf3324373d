"""What the paper predicts, in closed form, and what the data contain, exactly."""

from .class_statistics import ClassStatistics
from .confusion import learner_error, misgrouped, predicted_P
from .empirical import ClassCounts, count_features, count_positions, count_tuples
from .population import child_probability, features, patches, positions, slot_probability, transitions, tuples
from .predictions import Prediction, full_law, local_law, predict_by_relevance, shared_filters_law
from .rule_sets import Moments, contraction, feature_moments, tuple_moments
from .visibility import Symbol, dilution, earliest_visible_P, visible_P

__all__ = [
    "ClassCounts",
    "ClassStatistics",
    "Moments",
    "Prediction",
    "Symbol",
    "child_probability",
    "contraction",
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
    "slot_probability",
    "transitions",
    "tuple_moments",
    "tuples",
    "visible_P",
]
