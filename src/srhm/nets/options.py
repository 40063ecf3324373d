"""Options that several families of networks have."""

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from ..errors import ArgumentError, check_choice
from ..model.params import Level, Params
from .draws import Init


@dataclass(frozen=True)
class LayerOptions:
    """Options of the networks made for the model, checked: how hidden layers start, and which ones are trained."""

    init: Init = "normal"
    """Initial hidden weights: N(0,1), or all 1 (hom), or N(0,1) and above layer 1 equal for the s0+1 places of a
    sub-patch (aligned: CNN and LCN)."""
    frozen_layers: tuple[int, ...] = ()
    """Layers that are not trained, by number, L + 1 for the readout: 2, or 12 for the first two."""

    _inits: ClassVar[tuple[Init, ...]] = ("normal", "hom")

    def __post_init__(self) -> None:
        check_choice("init", self.init, self._inits, "is not an initialisation")
        object.__setattr__(self, "frozen_layers", _rising("frozen_layers", self.frozen_layers))

    def check(self, params: Params) -> None:
        """Refuse layers that a network on the model lacks."""
        layers, last = self.frozen_layers, params.L + 1
        if layers and layers[-1] > last:
            problem = f"are not layers from 1 to {last}, the readout, in order"
            raise ArgumentError("frozen_layers", layers, problem, "Use (1,), (2,), (1, 2), ...")
        if len(layers) == last:
            raise ArgumentError("frozen_layers", layers, "are all layers", "Leave one to be trained")


@dataclass(frozen=True)
class PatchOptions(LayerOptions):
    """Options of the networks on patches."""

    shared_layers: tuple[int, ...] = ()
    """Layers whose weights are shared over the s0+1 places of a sub-patch, by number: 1, or 12 for the first two.
    Without effect if s0 = 0."""
    _inits: ClassVar[tuple[Init, ...]] = ("normal", "hom", "aligned")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "shared_layers", _rising("shared_layers", self.shared_layers))

    def saving(self, params: Params) -> int:
        """Return the factor by which sharing divides the expected P*: s0+1 for each layer."""
        return prod(params.level(layer).s0 + 1 for layer in self.shared_layers)

    def alike(self, level: Level) -> int:
        """Return how many places of a sub-patch have the same initial weights in a layer that does not share them."""
        aligned = self.init == "aligned" and level.level > 1 and level.level not in self.shared_layers
        return level.s0 + 1 if aligned else 1

    def check(self, params: Params) -> None:
        """Refuse layers that a network on the model lacks, and sharing without sub-patches."""
        super().check(params)
        if self.init == "aligned" and params.sparsity != "A":
            problem = "needs sub-patches, which sparsity B lacks"
            raise ArgumentError("init", self.init, problem, "Use sparsity A, or 'normal'")
        layers = self.shared_layers
        if layers and layers[-1] > params.L:
            problem = f"are not layers from 1 to {params.L} in order"
            raise ArgumentError("shared_layers", layers, problem, "Use (1,), (1, 2), ...")
        if layers and params.sparsity != "A":
            problem = "needs sub-patches, which sparsity B lacks"
            raise ArgumentError("shared_layers", layers, problem, "Use sparsity A, or share no layers")


def _rising(name: str, layers: tuple[int, ...]) -> tuple[int, ...]:
    """Return numbers of layers as a tuple, checked."""
    try:
        numbers = tuple(layers)
    except TypeError:
        numbers = (0,)
    integers = all(isinstance(one, int) and not isinstance(one, bool) and one >= 1 for one in numbers)
    if not integers or numbers != tuple(sorted(set(numbers))):
        raise ArgumentError(
            name, layers, "are not numbers of layers from 1 on, in order", "Use (1,), (1, 2), ..."
        )
    return numbers
