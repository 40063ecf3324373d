"""Networks that change by being shown data: batch normalisation keeps statistics beside the weights."""

from abc import abstractmethod
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Bool, Float

from ..randomness import Key


class StatefulNetwork(eqx.Module):
    """A network that behaves differently in training: it draws at random, and takes statistics of the batch in.

    Called as a map from inputs to outputs it is in evaluation mode, and changes nothing. The training loop calls
    :meth:`training`, and has the statistics in its state. The outputs of training do not depend on the
    statistics, so that their gradient is exactly zero and gradient descent leaves them as they are.
    """

    @abstractmethod
    def activations(
        self, x: Float[Array | np.ndarray, "sample position channel"]
    ) -> dict[str, Float[Array, "sample ..."]]:
        """Return the activations in evaluation mode, from the input to the last, ``"output"``."""

    @abstractmethod
    def training(
        self, x: Float[Array, "sample position channel"], valid: Bool[Array, " sample"], key: Key
    ) -> "tuple[Float[Array, 'sample class_'], StatefulNetwork]":
        """Return the outputs of a batch in training mode, and the network with its statistics taken in.

        Parameters
        ----------
        x
            Dense inputs.
        valid
            Which of them are points of the batch; the others fill it up, and no statistics know of them.
        key
            Key of what is drawn at random, such as dropout.
        """

    @abstractmethod
    def statistics(self) -> list[Any]:
        """Return the arrays that training sets and gradient descent does not."""

    def __call__(
        self, x: Float[Array | np.ndarray, "sample position channel"]
    ) -> Float[Array, "sample class_"]:
        """Return the outputs of dense inputs in evaluation mode."""
        return self.activations(x)["output"]
