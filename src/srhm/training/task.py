"""What a network is trained to predict: inputs, targets, loss and error. One class per task."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int

from ..errors import ArgumentError, check_instance
from ..inference.noise import Process, check_draws, process_of_text, words_of
from ..model.derivation import Tree
from ..model.encoding import Encoding, encode_in_tree_order
from ..model.params import Params
from ..model.text import choice_of
from ..nets import Interface
from ..nets.active import Leaves, Symbols
from ..nets.design import design_of
from ..nets.interface import KINDS
from ..nets.network import check_scores
from ..randomness import Key, fold

_NOISE = 2
"""What the key of a step is folded with for noise."""


class Task(ABC):
    """A task: a frozen dataclass whose fields are its options. Training loop and test error use nothing else.

    Its methods are compiled. A new task is one class and one entry in :data:`TASKS`.
    """

    name: ClassVar[str]
    """Its name in JSON data, in files of runs and on the command line."""
    predicts_symbols: ClassVar[bool] = False
    """Whether it has a loss for each of several symbols, and an exact floor:
    :class:`~srhm.training.sequences.SymbolTask`."""

    @property
    def of_samples(self) -> bool:
        """Whether its examples are the unchanged samples and their classes.

        Equal sub-trees of a test set can then be computed once, and the loss can fall to zero.
        """
        return False

    def interface(self, params: Params, encoding: Encoding) -> Interface:
        """Return what enters a network for this task, and what leaves it. Default: inputs and a score for each class.

        Raises
        ------
        ArgumentError
            If the task does not exist on this model.
        """
        return Interface.of_classes(params, encoding)

    def latents(self, params: Params, tree: Tree) -> Any:
        """Return integers [sample, place] that :meth:`examples` needs besides leaves and classes; None: nothing."""
        return None

    @abstractmethod
    def examples(self, leaves: Leaves, labels: Int[Array, " sample"], key: Key) -> tuple[Any, Any]:
        """Return the inputs and the targets of a batch.

        Parameters
        ----------
        leaves
            The samples, given by their informative leaves, with the latents that :meth:`latents` has returned.
        labels
            Their classes; -1 for padding.
        key
            Key for random numbers of the task, such as a mask; every step has its own. A network that draws random
            numbers gets the same key, so a task must fold it first (:func:`srhm.randomness.fold`).

        Returns
        -------
        tuple
            The inputs: leaves, from which our networks compute only informative nodes, symbols of which some may be
            hidden, or dense inputs [sample, position, channel]; and the targets, [sample, ...].
        """

    @abstractmethod
    def check(self, output: Any, targets: Any, params: Params) -> None:
        """Raise an :class:`~srhm.ArgumentError` if the shape of the output does not fit the targets."""

    @abstractmethod
    def losses(self, output: Any, targets: Any) -> Float[Array, " sample"]:
        """Return the loss of each sample; training minimises its mean."""

    @abstractmethod
    def errors(self, output: Any, targets: Any) -> Bool[Array, " sample"] | Float[Array, " sample"]:
        """Return for each sample whether the prediction is wrong, or the fraction of its targets that are wrong."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data: its name, and the options that differ from their defaults."""
        default = type(self)()
        options = {one.name: getattr(self, one.name) for one in fields(self)}  # pyright: ignore[reportArgumentType]
        changed = {
            name: value.text if isinstance(value, Process) else value
            for name, value in options.items()
            if value != getattr(default, name)
        }
        return {"name": self.name} | changed


@dataclass(frozen=True)
class Classification(Task):
    """Predict the class of a sample: mean cross-entropy of the scores, and the fraction of misclassified samples.

    Raises
    ------
    ArgumentError
        If the noise is not a process that draws what is received.

    Examples
    --------
    >>> from srhm.inference import UniformNoise
    >>> task_from("classification(uniform(0.2))") == Classification(UniformNoise(0.2))
    True
    """

    name: ClassVar[str] = "classification"

    noise: Process | None = None
    """Noise on the inputs, drawn anew at every step, of :class:`~srhm.inference.UniformNoise` or
    :class:`~srhm.inference.Masking`; in text such as uniform(0.2). Masked positions have a channel of their own.
    The test error is that of noisy inputs too. Default: no noise."""

    def __post_init__(self) -> None:
        if self.noise is not None:
            check_instance(Process, noise=self.noise)
            check_draws("noise", self.noise)

    @property
    def of_samples(self) -> bool:
        """Whether there is no noise."""
        return self.noise is None

    def interface(self, params: Params, encoding: Encoding) -> Interface:
        """Return inputs, with a channel for what is masked, and a score for each class."""
        found = Interface.of_classes(params, encoding)
        masks = self.noise is not None and self.noise.masks
        return replace(found, channels=found.channels + 1) if masks else found

    def examples(self, leaves: Leaves, labels: Int[Array, " sample"], key: Key) -> tuple[Any, Any]:
        """Return the samples, or what noise leaves of them, and their classes."""
        if self.noise is None:
            return leaves, labels
        params, rows = leaves.params, jnp.arange(len(labels), dtype=jnp.uint32)
        symbols = encode_in_tree_order(params, leaves.features, leaves.positions, "integer")
        words = words_of(fold(key, _NOISE), (rows, jnp.zeros_like(rows)), params.d)
        received = self.noise.drawn(params, symbols, words)
        return Symbols(params, leaves.encoding, received, self.noise.masks, pictures=True), labels

    def check(self, output: Any, targets: Any, params: Params) -> None:
        """Refuse anything but one score per class."""
        check_scores("net", output, len(targets), params)

    def losses(self, output: Any, targets: Any) -> Float[Array, " sample"]:
        """Return the cross-entropy of each sample, in nats."""
        one_hot = jax.nn.one_hot(targets, output.shape[-1], dtype=output.dtype)
        return optax.softmax_cross_entropy(output, one_hot)

    def errors(self, output: Any, targets: Any) -> Bool[Array, " sample"]:
        """Return whether the largest score is not that of the class."""
        return output.argmax(axis=-1).astype(targets.dtype) != targets


TASKS: dict[str, type[Task]] = {Classification.name: Classification}
"""All tasks by name; the first is the default."""


def task_from(content: "Task | str | Mapping[str, Any]") -> Task:
    """Return a task, given itself, the result of :meth:`Task.to_dict`, or a text: its name, and options in brackets.

    Raises
    ------
    ArgumentError
        If the task or one of its options is unknown.

    Examples
    --------
    >>> task_from("latent(3, rate=0.2)"), task_from("next(last)")
    (Latent(level=3, rate=0.2), NextSymbol(positions='last', first=True, start=None))
    """
    if isinstance(content, Task):
        return content
    return choice_of("task", content, TASKS, "latent(3) or next(first=False)", {"noise": process_of_text})


def task_text(task: Task) -> str:
    """Return a task as text, as :func:`task_from` takes it: its name, and the options that differ in brackets."""
    options = task.to_dict()
    name = options.pop("name")
    return f"{name}({', '.join(f'{key}={value}' for key, value in options.items())})" if options else name


def check_built_for(net: Any, task: Task, params: Params, encoding: Encoding) -> None:
    """Raise an :class:`~srhm.ArgumentError` if a network of :func:`srhm.nets.build` was built for another task.

    The number of its scores is that of its output, which :meth:`Task.check` looks at.
    """
    design = design_of(net)
    if design is None:
        return
    wanted, built = task.interface(params, encoding), design.interface
    if replace(wanted, scores=1) != replace(built, scores=1):
        words = [f"{KINDS[one.kind]} from {one.channels} channels" for one in (built, wanted)]
        problem = f"was built for {words[0]}, and the task {task.name} is {words[1]}"
        fix = "Build it with interface=task.interface(params, encoding)"
        raise ArgumentError("net", design.spec.family, problem, fix)
