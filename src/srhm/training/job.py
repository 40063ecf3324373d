"""One training job: network, data and settings, with defaults filled in and checked before it starts."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import equinox as eqx
import jax
import numpy as np
import optax

from ..errors import ArgumentError, check_instance, check_integer
from ..model.dataset import Dataset
from ..model.stream import STORED_RULES
from ..nets import Design
from ..nets.design import design_of, encoding_for
from ..nets.network import check_trainable, trained_arrays, width_of
from ..randomness import STREAM_VERSION
from .loop import Program
from .protocol import Optimizer, Stopping
from .task import Classification, Task, check_built_for

Record = bool | Callable[[Any], Mapping[str, Any]]
"""Whether a run is recorded; a function of the network returns by name what is recorded besides loss and error."""


@dataclass(frozen=True, eq=False)
class TrainingJob:
    """Network, data and settings: the arguments of :func:`train` that determine its result.

    It raises what :func:`train` does.
    """

    net: Any
    """The network."""
    train_set: Dataset
    """The training set."""
    test_set: Dataset
    """The test set, of the same grammar."""
    optimizer: Optimizer | optax.GradientTransformation = field(default_factory=Optimizer)
    """Rate, momentum and batches of SGD; or an optax transformation. Default: the rate of the family."""
    stopping: Stopping = field(default_factory=Stopping)
    """When training ends. Default: loss and epochs of the family."""
    order_seed: int = 0
    """Seed of the order of the training points."""
    encoding: Any = None
    """The encoding of the inputs. Default: that of the network."""
    record: Record = False
    """Keep the loss and the test error at log-spaced steps, and what a function of the network returns."""
    design: Design | None = None
    """What the network was built for. Default: what the network itself says."""
    task: Task = field(default_factory=Classification)
    """What the network predicts."""
    batch_per_class: int | None = None
    """Points of each class in a batch, for an optax transformation. Default: 4, or that of the optimizer."""

    def __post_init__(self) -> None:
        check_trainable(self.net)
        check_instance(Dataset, train_set=self.train_set, test_set=self.test_set)
        check_instance(Stopping, stopping=self.stopping)
        check_instance(Task, task=self.task)
        if not isinstance(self.record, bool) and not callable(self.record):
            fix = "Use True, False, or a function of the network"
            raise ArgumentError("record", self.record, "is neither true nor false, nor a function", fix)
        grammar, other = self.train_set.stream.grammar, self.test_set.stream.grammar
        if other != grammar:
            raise ArgumentError("test_set", other, "is of another grammar", f"Use {grammar}")
        design, stopping = self.design or design_of(self.net), self.stopping.filled_in(self.task)
        loss, last = (1e-3, 10_000) if design is None else (design.spec.stop_loss, design.spec.max_epochs)
        optimizer = self._checked_optimizer(design)
        size = self.batch_per_class or Optimizer.batch_per_class
        encoding = encoding_for(self.net, self.encoding, self.train_set.params)
        check_built_for(self.net, self.task, self.train_set.params, encoding)
        filled = {
            "optimizer": optimizer,
            "stopping": replace(
                stopping,
                loss=loss if stopping.loss is None else stopping.loss,
                max_epochs=last if stopping.max_epochs is None else stopping.max_epochs,
            ),
            "encoding": encoding,
            "batch_per_class": optimizer.batch_per_class if isinstance(optimizer, Optimizer) else size,
        }
        for name, value in filled.items():
            object.__setattr__(self, name, value)

    def _checked_optimizer(self, design: Design | None) -> Optimizer | optax.GradientTransformation:
        """Return the optimizer, its rate filled in, after a check."""
        optimizer, size = self.optimizer, self.batch_per_class
        if size is not None:
            check_integer("batch_per_class", size, minimum=1)
        if isinstance(optimizer, Optimizer):
            if size is not None:
                problem = "is given together with an Optimizer, which has its own"
                raise ArgumentError("batch_per_class", size, problem, "Put it into the Optimizer")
            return chosen_optimizer(design, optimizer, width_of(self.net))
        if not isinstance(optimizer, optax.GradientTransformation):
            fix = "Give an Optimizer, or a transformation of optax such as optax.adam(1e-3)"
            raise ArgumentError("optimizer", optimizer, "is not an optimizer", fix)
        try:
            jax.eval_shape(lambda weights: _one_update(optimizer, weights), _trained(self.net))
        except TypeError as error:
            problem = f"cannot be used with gradients and weights alone ({error})"
            raise ArgumentError("optimizer", optimizer, problem, "Use another, such as optax.adam") from error
        return optimizer

    @property
    def transformation(self) -> optax.GradientTransformation | None:
        """The transformation of optax that was given; None where it is an :class:`Optimizer`."""
        return None if isinstance(self.optimizer, Optimizer) else self.optimizer

    @property
    def width(self) -> int:
        """What the rate is multiplied by: the width of a network of ours, 1 for any other."""
        return width_of(self.net) if self.design is None else self.design.spec.width

    @property
    def rate(self) -> float | None:
        """The learning rate; None where a transformation of optax has its own."""
        if not isinstance(self.optimizer, Optimizer):
            return None
        assert self.optimizer.rate is not None  # filled in
        return self.optimizer.rate * (self.width if self.optimizer.method == "sgd" else 1)

    @property
    def program(self) -> Program:
        """What the compiled steps are compiled for."""
        assert self.batch_per_class is not None  # filled in
        data = self.train_set.params, self.encoding, self.batch_per_class, self.task
        if not isinstance(self.optimizer, Optimizer):
            return Program(*data, transformation=self.optimizer)
        scheduled = (self.optimizer.schedule, self.optimizer.warmup) != ("constant", 0)
        return Program(*data, method=self.optimizer.method, scheduled_rate=scheduled)

    @property
    def identity(self) -> dict[str, Any]:
        """What names the run, the initial weights apart, as JSON data."""
        described = repr(self.optimizer)
        if self.transformation is not None:
            described = f"{_described(self.transformation, self.net)}, {self.batch_per_class} of a class"
        record = self.record
        if not isinstance(record, bool):
            record = getattr(record, "__qualname__", None) or repr(record)
        task = [] if self.task == Classification() else [repr(self.task)]
        return {
            "grammar": self.train_set.stream.grammar.digest,
            "train": _origin(self.train_set),
            "test": _origin(self.test_set),
            "numbers": [float(self.width), int(self.order_seed)],
            "options": [described, _text_of(self.stopping), self.encoding, record, *task],
            "version": STREAM_VERSION,
        }


def _text_of(stopping: Stopping) -> str:
    """Return it as text, in which a field that came later stands only where it is used: checkpoints have this text."""
    return repr(stopping).replace("loss_patience=None, ", "")


def chosen_optimizer(design: Design | None, optimizer: Optimizer, width: int = 1) -> Optimizer:
    """Return an optimizer with method and rate filled in: those of the family of a network of :func:`srhm.nets.build`.

    A missing rate is an ArgumentError if the network has none, or has one of another method.
    """
    usual = "sgd" if design is None else design.spec.row.optimizer
    method, rate = optimizer.method or usual, optimizer.rate
    if rate is None and design is None:
        per = (
            "the learning rate" if width == 1 or method != "sgd" else f"the learning rate divided by {width}"
        )
        raise ArgumentError("learning_rate", None, "is missing: this network has no default", f"Give {per}")
    if rate is None and method != usual:
        problem = f"is missing: the default of this network is of {usual}, not of {method}"
        raise ArgumentError("learning_rate", None, problem, "Give the learning rate")
    if rate is None and design is not None:
        rate = design.spec.rate(design.params).value
    # Checked once more with the method: momentum is of SGD, weight decay of AdamW.
    return replace(optimizer, method=method, rate=rate)


def _origin(dataset: Dataset) -> list[Any]:
    """What identifies the samples of a set, given the grammar."""
    stream = dataset.stream
    rule = STORED_RULES[stream.rule]
    numbers = [] if dataset.numbers is None else [hashlib.sha256(dataset.numbers.tobytes()).hexdigest()]
    return [int(stream.seed), rule, stream.reverse, stream.role, int(dataset.start), len(dataset), *numbers]


def _trained(net: Any) -> Any:
    """Return a network with its trained arrays only."""
    return eqx.filter(net, trained_arrays(net))


def _one_update(transformation: optax.GradientTransformation, weights: Any) -> Any:
    with jax.numpy_dtype_promotion("standard"):  # as optax expects
        return transformation.update(weights, transformation.init(weights), weights)


def _described(transformation: optax.GradientTransformation, net: Any) -> str:
    """SHA-256 of what a transformation of optax does: its program has all its numbers in it."""
    program = jax.make_jaxpr(lambda weights: _one_update(transformation, weights))(_trained(net))
    text = re.sub(r"0x[0-9a-f]+", "", str(program))  # the address of a function in memory
    sha = hashlib.sha256(text.encode())
    for constant in program.consts:
        sha.update(np.ascontiguousarray(constant).tobytes())
    return sha.hexdigest()


def digest_of(net: Any) -> str:
    """SHA-256 of the shapes, types and values of a network's arrays."""
    sha = hashlib.sha256()
    for leaf in jax.tree.leaves(eqx.filter(net, eqx.is_array)):
        array = np.ascontiguousarray(leaf)
        sha.update(f"{array.shape} {array.dtype}".encode())
        sha.update(array.tobytes())
    return sha.hexdigest()
