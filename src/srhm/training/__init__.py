"""Training: one run as repeated calls of one compiled function that advances a small state."""

from .ensemble import train_ensemble
from .evaluation import TestSet
from .loop import Settings, State, advance, batch_gradient, batch_loss, diverged, start, stopped
from .online import advance_online, train_online
from .order import ClassData, EpochOrder, Order, batch_order, class_data, epoch_order
from .protocol import Optimizer, Stopping
from .run import Progress, Result, Status, TrainingJob, train

__all__ = [
    "ClassData",
    "EpochOrder",
    "Optimizer",
    "Order",
    "Progress",
    "Result",
    "Settings",
    "State",
    "Status",
    "Stopping",
    "TestSet",
    "TrainingJob",
    "advance",
    "advance_online",
    "batch_gradient",
    "batch_loss",
    "batch_order",
    "class_data",
    "diverged",
    "epoch_order",
    "start",
    "stopped",
    "train",
    "train_ensemble",
    "train_online",
]
