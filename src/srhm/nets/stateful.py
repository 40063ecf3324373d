"""Networks with a state besides their weights: batch normalisation keeps running statistics of the data."""

from abc import abstractmethod
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Bool, Float

from ..randomness import Key


class StatefulNetwork(eqx.Module):
    """A network that behaves differently in training: it draws random numbers, and updates its running statistics.

    A call of the network is in evaluation mode and changes nothing. The training loop calls :meth:`training`, and keeps
    the statistics in its state. The outputs in training do not depend on the statistics, so their gradient is exactly
    zero and gradient descent does not change them.
    """

    @abstractmethod
    def activations(
        self, x: Float[Array | np.ndarray, "sample *shape channel"]
    ) -> dict[str, Float[Array, "sample ..."]]:
        """Return the activations in evaluation mode, from the input to the output; the last is ``"output"``."""

    @abstractmethod
    def training(
        self, x: Float[Array, "sample position channel"], valid: Bool[Array, " sample"], key: Key
    ) -> "tuple[Float[Array, 'sample class_'], StatefulNetwork]":
        """Return the outputs of a batch in training mode, and the network with updated statistics.

        Parameters
        ----------
        x
            Dense inputs.
        valid
            Which of them are points of the batch; the others are padding and do not enter the statistics.
        key
            Key of random numbers, such as those of dropout.
        """

    @abstractmethod
    def statistics(self) -> list[Any]:
        """Return the arrays that are updated by :meth:`training`, not by gradient descent."""

    def __call__(
        self, x: Float[Array | np.ndarray, "sample *shape channel"]
    ) -> Float[Array, "sample class_"]:
        """Return the outputs of dense inputs in evaluation mode."""
        return self.activations(x)["output"]
