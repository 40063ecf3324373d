"""The common part of the standard architectures: one forward pass for both modes, and the nodes that are measured."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Bool, Float

from ...errors import ArgumentError, check_choice
from ...randomness import Key
from ..design import Design, entering
from ..family import Family, Rate
from ..stateful import StatefulNetwork
from .convolution import Positions
from .modes import Evaluation, Training
from .normalisation import norms

Variant = Literal["standard", "published"]
"""The standard definition of a network, or that of the published code (docs, networks.md)."""

BASE_WIDTH = 64
"""The width at which a standard architecture has its standard numbers of channels."""

DEPTHS = (0.2, 0.5, 0.8)
"""Relative depths f of the layers measured in the paper: node int(f * count), counted from 0."""
_LAYERS = (*(f"depth {one:g}" for one in DEPTHS), "the last node", "the logits")


@dataclass(frozen=True)
class VariantOptions:
    """The options of a ResNet or an EfficientNet."""

    variant: Variant = "standard"
    """The standard definition, or that of the published code: a ResNet with a pool of 4 that drops the last positions,
    EfficientNetB0 without drop-connect."""

    def __post_init__(self) -> None:
        check_choice("variant", self.variant, ("standard", "published"), "is not a variant")


def standard_family(name: str, draw: Callable[..., Any], **row: Any) -> Family:
    """Return the row of a standard architecture: its rate, epochs and width are those of the published runs."""
    defaults: dict[str, Any] = {
        "width": lambda params: BASE_WIDTH,
        "max_epochs": 250,
        "layers": _LAYERS,
        "last_layer": 4,
    }
    return Family(name, draw, lambda params: Rate(1e-4), **(defaults | row))


class StandardNetwork(StatefulNetwork):
    """A network with batch normalisation. Its nodes are the outputs of all its nonlinearities, as published."""

    design: Design | None = eqx.field(static=True, default=None, kw_only=True)
    """What it was built for, if :func:`srhm.nets.build` made it."""

    def to_torch(self, *, layout: str = "channels_first") -> NoReturn:
        """Refuse: standard architectures have no PyTorch form here."""
        fix = "Use a cnn, an lcn, an fcn or a transformer, or measure your own PyTorch module (docs, any_network.md)"
        raise ArgumentError("net", type(self).__name__, "has no PyTorch form", fix)

    @abstractmethod
    def forward(self, x: Positions, mode: Evaluation) -> Float[Array, "sample class_"]:
        """Return the outputs of one pass, in evaluation or training mode."""

    def nodes(self, x: Float[Array | np.ndarray, "sample *shape channel"]) -> list[Array]:
        """Return the activations at all nodes in evaluation mode, from the input up."""
        mode = Evaluation()
        self.forward(entering(self, x), mode)
        return mode.nodes

    def activations(
        self, x: Float[Array | np.ndarray, "sample *shape channel"]
    ) -> dict[str, Float[Array, "sample ..."]]:
        """Return the activations at ``"depth_0.2"``, ``"depth_0.5"``, ``"depth_0.8"``, ``"last"`` and ``"output"``.

        The last node is what the paper's figures call the output; ``"output"`` are the logits.
        """
        mode = Evaluation()
        output = self.forward(entering(self, x), mode)
        count = len(mode.nodes)
        named = {f"depth_{depth}": mode.nodes[int(depth * count)] for depth in DEPTHS}
        return named | {"last": mode.nodes[-1], "output": output}

    def training(
        self, x: Positions, valid: Bool[Array, " sample"], key: Key
    ) -> "tuple[Float[Array, 'sample class_'], StandardNetwork]":
        """Return the outputs of a batch in training mode, and the network with updated statistics."""
        mode = Training(valid, key)
        output = self.forward(x, mode)
        return output, mode.with_updated_statistics(self)

    def statistics(self) -> list[Any]:
        """Return the running statistics of all normalisations."""
        return [array for norm in norms(self) for array in (norm.mean, norm.variance)]


def relu_node(x: Any, mode: Evaluation) -> Any:
    """Return max(0, x) as a node."""
    return mode.node(jax.nn.relu(x))
