"""What the paper predicts, in closed form, and what the data contain, exactly."""

from .class_statistics import ClassStatistics
from .confusion import learner_error, misgrouped, predicted_P
from .empirical import ClassCounts, count_features, count_positions, count_tuples
from .overview import summary
from .population import child_probability, features, patches, positions, slot_probability, transitions, tuples
from .predictions import Prediction, predict, predict_by_relevance
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
    "learner_error",
    "misgrouped",
    "patches",
    "positions",
    "predict",
    "predict_by_relevance",
    "predicted_P",
    "slot_probability",
    "summary",
    "transitions",
    "tuple_moments",
    "tuples",
    "visible_P",
]
