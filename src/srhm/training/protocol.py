"""How a network is trained and when training ends (docs, networks.md and measurements.md).

Every difference between the published code and our defaults has a field of its own.
"""

from dataclasses import dataclass
from typing import Literal

from ..errors import ArgumentError, check_choice, check_integer, check_number

Batches = Literal["reshuffled", "fixed"]
Select = Literal["last", "best"]


@dataclass(frozen=True)
class Optimizer:
    """Stochastic gradient descent, as in the paper.

    Raises
    ------
    ArgumentError
        If a field is out of range.
    """

    rate: float | None = None
    """Learning rate per width: the learning rate of SGD is rate * h. Default: that of the network's family, from the
    published table."""
    momentum: float = 0.9
    """Momentum of SGD, 0 <= momentum < 1 (not Nesterov momentum)."""
    batch_per_class: int = 4
    """Points of each class in a batch: batch_per_class * n_c in all, fewer in the last batch of an epoch."""
    batches: Batches = "reshuffled"
    """"reshuffled": each class is permuted anew every epoch. "fixed": batches are formed once, and their order is
    shuffled (published)."""

    def __post_init__(self) -> None:
        if self.rate is not None:
            object.__setattr__(self, "rate", check_number("learning_rate", self.rate, above=0.0))
        momentum = self.momentum
        if isinstance(momentum, bool) or not (isinstance(momentum, int | float) and 0 <= momentum < 1):
            raise ArgumentError("momentum", momentum, "is not in [0, 1)", "Use 0.9")
        object.__setattr__(self, "momentum", float(momentum))
        size = check_integer("batch_per_class", self.batch_per_class, minimum=1)
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
    """Training ends when the mean loss of an epoch is below this value. Default: that of the network's family."""
    every: int = 1
    """The rule is applied at epochs that are multiples of this number (published: 10)."""
    max_epochs: int | None = None
    """Maximum number of epochs. Default: that of the network's family."""
    eval_every: int = 10
    """Epochs between evaluations of the test error, of which the best is recorded."""
    select: Select = "last"
    """Which network is reported: the last one, or that with the smallest test error of the evaluations (published)."""

    def __post_init__(self) -> None:
        if self.loss is not None:
            object.__setattr__(self, "loss", check_number("stop_loss", self.loss, above=0.0))
        for name, argument in (
            ("every", "stop_every"),
            ("eval_every", "eval_every"),
            ("max_epochs", "max_epochs"),
        ):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, check_integer(argument, value, minimum=1))
        check_choice("select", self.select, ("last", "best"), "is not known")
