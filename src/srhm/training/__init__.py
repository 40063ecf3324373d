"""Training: one run as repeated calls of one compiled function that advances a small state."""

from .ensemble import train_ensemble
from .online import train_online
from .protocol import Optimizer, Stopping
from .run import train
from .sequences import Denoise, Latent, MaskedSymbols, NextSymbol
from .task import Classification, Task

__all__ = [
    "Classification",
    "Denoise",
    "Latent",
    "MaskedSymbols",
    "NextSymbol",
    "Optimizer",
    "Stopping",
    "Task",
    "train",
    "train_ensemble",
    "train_online",
]
