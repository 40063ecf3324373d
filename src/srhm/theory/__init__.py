"""What the paper predicts, in closed form."""

from .predictions import Prediction, predict

__all__ = ["Prediction", "predict"]
