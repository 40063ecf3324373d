"""Training: one run as repeated calls of one compiled function that advances a small state."""

from .ensemble import train_ensemble
from .evaluation import TestSet
from .job import Record, TrainingJob
from .loop import Settings, State, advance, batch_gradient, diverged, start, stopped
from .online import advance_online, train_online
from .order import ClassData, EpochOrder, Order, batch_order, class_data, epoch_order
from .protocol import Optimizer, Stopping
from .run import Progress, Result, Status, train
from .task import TASKS, Classification, Task, task_from

__all__ = [
    "TASKS",
    "ClassData",
    "Classification",
    "EpochOrder",
    "Optimizer",
    "Order",
    "Progress",
    "Record",
    "Result",
    "Settings",
    "State",
    "Status",
    "Stopping",
    "Task",
    "TestSet",
    "TrainingJob",
    "advance",
    "advance_online",
    "batch_gradient",
    "batch_order",
    "class_data",
    "diverged",
    "epoch_order",
    "start",
    "stopped",
    "task_from",
    "train",
    "train_ensemble",
    "train_online",
]
