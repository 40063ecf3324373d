"""How a network is trained and when training ends (docs, networks.md and measurements.md).

Every difference between the published code and our defaults has a field of its own.
"""

from dataclasses import dataclass, replace
from typing import Literal

from ..errors import ArgumentError, check_choice, check_integer, check_number
from .task import Task

Batches = Literal["reshuffled", "fixed"]
Select = Literal["last", "best"]
Method = Literal["sgd", "adam", "adamw"]
Schedule = Literal["constant", "cosine"]


@dataclass(frozen=True)
class Optimizer:
    """How the weights are trained: stochastic gradient descent, as in the paper, or Adam.

    Raises
    ------
    ArgumentError
        If a field is out of range.
    """

    rate: float | None = None
    """Learning rate; of SGD per width, that is, its learning rate is rate * h. Default: that of the network's family,
    from the published table."""
    momentum: float = 0.9
    """Momentum of SGD, 0 <= momentum < 1 (not Nesterov momentum)."""
    batch_per_class: int = 4
    """Points of each class in a batch: batch_per_class * n_c in all, fewer in the last batch of an epoch."""
    batches: Batches = "reshuffled"
    """"reshuffled": each class is permuted anew every epoch. "fixed": batches are formed once, and their order is
    shuffled (published)."""
    method: Method | None = None
    """"sgd", "adam" or "adamw" (beta 0.9 and 0.999, and epsilon 1e-8). Default: that of the network's family, else
    "sgd"."""
    weight_decay: float = 0.0
    """Weight decay of AdamW, 0 or more."""
    schedule: Schedule = "constant"
    """The rate: "constant", or "cosine" from its value to 0 at the last step that the run may take."""
    warmup: int = 0
    """Steps over which the rate first rises from 0 in proportion."""

    def __post_init__(self) -> None:
        if self.method is not None:
            check_choice("method", self.method, ("sgd", "adam", "adamw"), "is not known")
        if self.method in ("adam", "adamw") and self.momentum != 0.9:
            problem = f"is of SGD, and the method is {self.method}"
            raise ArgumentError("momentum", self.momentum, problem, "Leave it out, or use sgd")
        decay = check_number("weight_decay", self.weight_decay)
        if decay < 0:
            raise ArgumentError("weight_decay", decay, "is below 0", "Use 0 or more")
        if decay and self.method not in (None, "adamw"):
            raise ArgumentError("weight_decay", decay, f"is of AdamW, not of {self.method}", "Use adamw")
        object.__setattr__(self, "weight_decay", decay)
        check_choice("schedule", self.schedule, ("constant", "cosine"), "is not known")
        object.__setattr__(self, "warmup", check_integer("warmup", self.warmup, minimum=0))
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
    max_steps: int | None = None
    """Maximum number of batches over all epochs. Default: no other limit than that of epochs."""
    excess: float | None = None
    """Training ends when the excess of the test loss over its exact floor, in nats, is at most this at an evaluation.
    Of tasks that predict symbols. Default: it does not end so."""
    patience: int | None = None
    """Training ends when this many evaluations in a row have not lowered the test loss of a task that predicts symbols,
    or the test error of noisy inputs. Default there: 10, if it does not end by its excess."""
    loss_patience: int | None = None
    """Training ends when this many evaluations in a row have not lowered the training loss by 1%: with the status stuck
    if it was at chance (within 5%) then and never below before, else unstable. Training of a dead network, whose loss
    is at chance and whose weights no longer change, ends at once. Default: it does not end so (published)."""
    eval_every: int = 10
    """Epochs between evaluations of the test error, of which the best is recorded."""
    select: Select | None = None
    """Which network is reported: the "last" one, or the "best" of the evaluations, by its test error (published), of a
    task that predicts symbols by its test loss. Default: the last, of a task that predicts symbols the best."""

    def __post_init__(self) -> None:
        if self.loss is not None:
            object.__setattr__(self, "loss", check_number("stop_loss", self.loss, above=0.0))
        if self.excess is not None:
            object.__setattr__(self, "excess", check_number("stop_excess", self.excess, above=0.0))
        for name, argument in (
            ("every", "stop_every"),
            ("eval_every", "eval_every"),
            ("max_epochs", "max_epochs"),
            ("max_steps", "max_steps"),
            ("patience", "patience"),
            ("loss_patience", "loss_patience"),
        ):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, check_integer(argument, value, minimum=1))
        if self.select is not None:
            check_choice("select", self.select, ("last", "best"), "is not known")

    def filled_in(self, task: Task) -> "Stopping":
        """Return it with the defaults of a task.

        Raises
        ------
        ArgumentError
            If `excess` is given for a task that does not predict symbols, `loss_patience` for one that does, or
            `patience` for classes of clean inputs.
        """
        fix = "Leave it out, or choose another task"
        if self.excess is not None and not task.predicts_symbols:
            raise ArgumentError("stop_excess", self.excess, "is of tasks that predict symbols", fix)
        if self.patience is not None and task.of_samples:
            problem = "is of tasks that predict symbols, or of noisy inputs"
            raise ArgumentError("patience", self.patience, problem, fix)
        if self.loss_patience is not None and task.predicts_symbols:
            problem = "is of classification; training on symbols ends by the test loss, after `patience`"
            raise ArgumentError("loss_patience", self.loss_patience, problem, "Leave it out")
        waits = self.patience is None and self.excess is None and not task.of_samples
        select = self.select or ("best" if task.predicts_symbols else "last")
        return replace(self, patience=10 if waits else self.patience, select=select)


def check_budget(budget: float | None) -> None:
    """Refuse a budget that is not a number of seconds."""
    if budget is not None:
        check_number("budget", budget)
