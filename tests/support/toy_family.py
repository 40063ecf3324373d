"""A family of networks that the library does not know: one hidden layer, with an option of its own."""

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from srhm import Params
from srhm.errors import check_number
from srhm.nets import Family, Interface, Rate
from srhm.nets.draws import Normals
from srhm.theory.predictions import Prediction


class ToyNet(eqx.Module):
    """Leaky ReLUs of all inputs, and a mean over them for each class."""

    weight: jax.Array
    readout: jax.Array
    options: "ToyOptions" = eqx.field(static=True)

    def activations(self, x):
        """Return the activations of the hidden layer, and the outputs."""
        x = jnp.asarray(x).reshape(len(x), -1)
        hidden = jax.nn.leaky_relu(x @ self.weight / x.shape[1] ** 0.5, self.options.slope)
        return {
            "hidden": hidden,
            "output": hidden @ self.readout / (len(self.readout) if self.options.mean else 1),
        }

    def __call__(self, x):
        """Return the outputs."""
        return self.activations(x)["output"]


@dataclass(frozen=True)
class ToyOptions:
    """The options of a toy net."""

    slope: float = 0.0
    """Slope of the units below zero."""
    mean: bool = True
    """Outputs are means over the hidden units, not sums."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "slope", check_number("slope", self.slope, above=-1.0))


def toy(
    params: Params, width: int, key: Any, interface: Interface, options: ToyOptions, dtype: Any
) -> ToyNet:
    """Draw a toy net."""
    normal = Normals(key, dtype)
    return ToyNet(
        normal(interface.length * interface.channels, width), normal(width, interface.scores), options
    )


def toy_law(params: Params) -> Prediction:
    """A law that we choose."""
    return Prediction(50.0 * params.n_c, "50 n_c", "the tests", 1.0, (0.5, 2.0))


TOY = Family(
    "toy",
    toy,
    lambda params: Rate(0.5),
    width=lambda params: 24,
    options=ToyOptions,
    stop_loss=lambda options: 1e-2,
    max_epochs=200,
    predict=toy_law,
    thresholds=lambda params: {"error": 0.3, "S_21": 0.15},
    label="Toy net",
    colour="#123456",
    marker="*",
)
