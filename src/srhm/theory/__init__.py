"""What the paper predicts, in closed form."""

from .predictions import Prediction, predict, predict_by_relevance

__all__ = ["Prediction", "predict", "predict_by_relevance"]
