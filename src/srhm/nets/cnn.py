"""The convolutional network whose filters match the patches of the model: weights shared over positions."""

from dataclasses import dataclass
from typing import Any, Literal

import equinox as eqx
from jaxtyping import Array, Float

from ..errors import check_choice
from ..model.params import Params
from ..randomness import Key
from ..theory.predictions import shared_filters_law
from .cost import PatchCost
from .draws import Normals
from .family import Family, Rate, layer_thresholds, tabulated_rate
from .interface import Interface
from .network import BIAS_SCALE, SERVED, Network, join_patches
from .options import PatchOptions
from .patch_layer import PatchLayer, repeat_places

Bias = Literal["position", "shared", "none"]
"""Biases of a CNN: one for each channel and position (the published net), one for each channel, or none."""


class PatchConvolution(PatchLayer):
    """Convolution with kernel = stride = p, as a product of each patch with one matrix.

    Pre-activation: (1/sqrt(C_in)) sum over (patch place, channel) of w x, plus 0.1 b.
    """

    weight: Float[Array, "entry channel"]
    """[p * C_in, h], rows ordered by place in the patch, then channel; [s * C_in, h] if shared over s0+1."""
    bias: Float[Array, "position channel"] | None
    """[position, h], [1, h] if shared over positions, or None."""
    patch: int = eqx.field(static=True)
    """The patch length p."""
    group: int = eqx.field(static=True, default=1)
    """Places of the patch that share one weight."""

    def __call__(self, x: Float[Array, "sample position channel"]) -> Float[Array, "sample patch unit"]:
        """Return the pre-activations."""
        z = join_patches(x, self.patch, self.group) @ self.weight / x.shape[-1] ** 0.5
        return z if self.bias is None else z + BIAS_SCALE * self.bias[None]

    def max_in_block(self, samples: int, parents: int) -> int:
        """A patch has at most one child at a place."""
        return samples * parents


@dataclass(frozen=True)
class CNNOptions(PatchOptions):
    """The options of a CNN."""

    bias: Bias = "position"
    """Biases: one for each position (published), shared over positions, or none."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("bias", self.bias, ("position", "shared", "none"), "is not a kind of bias")


def cnn(
    params: Params, width: int, key: Key, interface: Interface, options: CNNOptions, dtype: Any
) -> Network:
    """Draw a CNN: L convolutions, kernel = stride = s(s0+1) (docs, networks.md)."""
    normal = Normals(key, dtype)
    layers, entering, positions = [], interface.channels, interface.length
    for level in params.levels:
        positions //= level.patch
        group = level.s0 + 1 if level.level in options.shared_layers else 1
        alike = options.alike(level)
        weight = normal.hidden(options.init, level.patch // group // alike * entering, width)
        weight = repeat_places(weight, alike, entering)
        bias = options.bias
        biases = None if bias == "none" else normal(positions if bias == "position" else 1, width)
        layers.append(PatchConvolution(weight, biases, level.patch, group))
        entering = width
    return Network.with_readout(normal, tuple(layers), width, interface, options)


class CNNCost(PatchCost):
    """One matrix for all patches."""

    def layer_parameters(self, layer: int, positions: int, entering: int) -> int:
        """Return the weights and biases of a layer."""
        level, h, options = self.params.level(layer), self.width, self.design.spec.options
        weights = (level.s if layer in options.shared_layers else level.patch) * entering * h
        return weights + {"position": positions * h, "shared": h, "none": 0}[options.bias]

    @property
    def blank_rows(self) -> int:
        """The places of a patch."""
        return self.params.level(1).patch


def _rate(params: Params) -> Rate:
    """The published table, extended to the next larger s0, to L = 1 as L = 2 and beyond L = 3 as L = 3."""
    if (params.v, params.s) == (4, 3) and params.s0 < 4:
        return Rate(0.003)
    table = _RATES[params.s == 2, min(max(params.L, 2), 3)]
    tabulated = (
        params.L >= 2 and params.s0 in (0, 1, 2, 4, 6) if params.s == 2 else params.s0 in (0, 1, 2, 3, 4, 6)
    )
    return tabulated_rate(table, params.s0, extended=not tabulated)


_RATES: dict[tuple[bool, int], dict[int, float]] = {
    (True, 2): {0: 0.01, 2: 0.1, 4: 0.03, 6: 0.01},
    (True, 3): {2: 0.01, 4: 0.003, 6: 0.001},
    (False, 2): {3: 0.01, 4: 0.003, 6: 0.0003},
    (False, 3): {3: 0.01, 4: 0.003, 6: 0.0003},
}
"""(s = 2, L) -> {largest s0 for which it holds: rate per width}; docs, networks.md."""


def _thresholds(params: Params) -> dict[str, float]:
    S = 0.20 if params.L == 3 else (0.40 if params.s == 2 else 0.50)
    return layer_thresholds(params, 2, S=S, D=0.20)


CNN = Family(
    "cnn",
    cnn,
    _rate,
    options=CNNOptions,
    kinds=SERVED,
    check=lambda params, width, options: options.check(params),
    predict=shared_filters_law,
    saving=lambda params, options: options.saving(params),
    thresholds=_thresholds,
    learning_time=1.7,
    cost=CNNCost,
    title="CNN (convolutional)",
    colour="#D55E00",
    marker="s",
)
