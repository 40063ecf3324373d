"""How a network is trained and when training ends (docs, networks.md and measurements.md).

Every deviation of the published code from our defaults is a field of its own.
"""

from dataclasses import dataclass
from typing import Literal

from ..errors import ArgumentError, check_choice, check_integer, check_number

Batches = Literal["reshuffled", "fixed"]
Select = Literal["last", "best"]


@dataclass(frozen=True)
class Optimizer:
    """Stochastic gradient descent, as the paper's networks were trained.

    Raises
    ------
    ArgumentError
        If a field is out of range.
    """

    rate: float | None = None
    """Learning rate per width: that of SGD is rate * h. Default: that of the network's family, from the published
    table."""
    momentum: float = 0.9
    """Momentum of SGD (not Nesterov's)."""
    batch_per_class: int = 4
    """Points of each class in a batch: batch_per_class * n_c in all, fewer in the last batch of an epoch."""
    batches: Batches = "reshuffled"
    """"reshuffled": each class is permuted anew every epoch. "fixed": formed once, in random order (published)."""

    def __post_init__(self) -> None:
        if self.rate is not None:
            object.__setattr__(self, "rate", check_number("learning_rate", self.rate, above=0.0))
        momentum = self.momentum
        if isinstance(momentum, bool) or not (isinstance(momentum, int | float) and 0 <= momentum < 1):
            raise ArgumentError("momentum", momentum, "is not in [0, 1)", "Use 0.9")
        object.__setattr__(self, "momentum", float(momentum))
        size = check_integer("batch_per_class", self.batch_per_class, least=1)
        object.__setattr__(self, "batch_per_class", size)
        check_choice("batches", self.batches, ("reshuffled", "fixed"), "is not known")


@dataclass(frozen=True)
class Stopping:
    """When training ends, and which network is reported.

    Raises
    ------
    ArgumentError
        If a field is out of range.
    """

    loss: float | None = None
    """Training ends when the mean loss of an epoch is below this. Default: that of the network's family."""
    every: int = 1
    """The rule is applied at epochs that are multiples of this (published: 10)."""
    max_epochs: int | None = None
    """Training ends here at the latest. Default: that of the network's family."""
    eval_every: int = 10
    """Epochs between evaluations of the test error, of which the best is recorded."""
    select: Select = "last"
    """Test error and sensitivities of the last network, or of the best of the evaluations (published)."""

    def __post_init__(self) -> None:
        if self.loss is not None:
            object.__setattr__(self, "loss", check_number("stop_loss", self.loss, above=0.0))
        for name, argument in (
            ("every", "stop_every"),
            ("eval_every", "eval_every"),
            ("max_epochs", "max_epochs"),
        ):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, check_integer(argument, value, least=1))
        check_choice("select", self.select, ("last", "best"), "is not known")
