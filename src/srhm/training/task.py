"""What a network is trained to predict: inputs, targets, loss and error. One class per task."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import jax
import optax
from jaxtyping import Array, Bool, Float, Int

from ..errors import ArgumentError, check_choice
from ..model.params import Params
from ..nets import Leaves
from ..nets.network import check_scores
from ..randomness import Key


class Task(ABC):
    """A task: a frozen dataclass whose fields are its options. Training loop and test error use nothing else.

    Its methods are compiled. A new task is one class and one entry in :data:`TASKS`.
    """

    name: ClassVar[str]
    """Its name in JSON data, in files of runs and on the command line."""
    of_samples: ClassVar[bool] = False
    """Whether its examples are the unchanged samples and their classes, so that equal sub-trees of a test set can be
    computed once."""

    @abstractmethod
    def examples(self, leaves: Leaves, labels: Int[Array, " sample"], key: Key) -> tuple[Any, Any]:
        """Return the inputs and the targets of a batch.

        Parameters
        ----------
        leaves
            The samples, given by their informative leaves.
        labels
            Their classes; -1 for padding.
        key
            Key for random numbers of the task, such as a mask; every step has its own. A network that draws random
            numbers gets the same key, so a task must fold it first (:func:`srhm.randomness.fold`).

        Returns
        -------
        tuple
            The inputs: leaves, from which our networks compute only informative nodes, or dense inputs
            [sample, position, channel]; and the targets, [sample, ...].
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
        changed = {name: value for name, value in options.items() if value != getattr(default, name)}
        return {"name": self.name} | changed


@dataclass(frozen=True)
class Classification(Task):
    """Predict the class of a sample: mean cross-entropy of the scores, and the fraction of misclassified samples."""

    name: ClassVar[str] = "classification"
    of_samples: ClassVar[bool] = True

    def examples(self, leaves: Leaves, labels: Int[Array, " sample"], key: Key) -> tuple[Any, Any]:
        """Return the samples, unchanged, and their classes."""
        return leaves, labels

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
    """Return a task, given itself, its name or the result of :meth:`Task.to_dict`.

    Raises
    ------
    ArgumentError
        If the task or one of its options is unknown.
    """
    if isinstance(content, Task):
        return content
    options: dict[str, Any] = {"name": content} if isinstance(content, str) else dict(content)
    name = options.pop("name", "")
    check_choice("task", name, TASKS, "is not a task")
    kind = TASKS[name]
    for option in options.keys() - {one.name for one in fields(kind)}:  # pyright: ignore[reportArgumentType]
        raise ArgumentError(option, options[option], f"is not an option of the task {name}", "Leave it out")
    return kind(**options)
