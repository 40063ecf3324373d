"""The locally connected network: the patches of the CNN, with separate weights at every position."""

from math import prod
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..errors import ArgumentError
from ..model.params import Level, Params
from ..randomness import Key
from ..theory.predictions import local_law
from .cost import PatchCost
from .draws import Normals
from .family import Family, Rate, layer_thresholds, tabulated_rate
from .interface import Interface
from .network import BIAS_SCALE, SERVED, Network, join_patches
from .options import PatchOptions
from .patch_layer import PatchLayer, repeat_places


class LocalConnection(PatchLayer):
    """One matrix for every patch: (1/sqrt(C_in)) sum over (patch place, channel) of w x, plus 0.1 b."""

    weight: Float[Array, "filter entry channel"]
    """[filter, p * C_in, h], entries ordered by place in the patch, then channel; [filter, s * C_in, h] if shared over
    s0+1. One filter per patch, fewer if patches share them."""
    bias: Float[Array, "patch channel"] | None
    """[patch, h]."""
    patch: int = eqx.field(static=True)
    """The patch length p."""
    group: int = eqx.field(static=True, default=1)
    """Places of the patch that share one weight."""
    sharing: tuple[int, ...] | None = eqx.field(static=True, default=None)
    """The filter of each patch if patches share them, else None."""

    @property
    def filters(self) -> Float[Array, "patch entry channel"]:
        """The weights of each patch."""
        return self.weight if self.sharing is None else self.weight[jnp.asarray(self.sharing)]

    def __call__(self, x: Float[Array, "sample position channel"]) -> Float[Array, "sample patch unit"]:
        """Return the pre-activations."""
        z = (
            jnp.einsum("npe,peh->nph", join_patches(x, self.patch, self.group), self.filters)
            / x.shape[-1] ** 0.5
        )
        return z if self.bias is None else z + BIAS_SCALE * self.bias[None]

    def max_in_block(self, samples: int, parents: int) -> int:
        """A sample has at most one node at a position."""
        return samples


def lcn(
    params: Params, width: int, key: Key, interface: Interface, options: PatchOptions, dtype: Any
) -> Network:
    """Draw an LCN: L local layers on patches of s(s0+1) (docs, networks.md)."""
    normal, q = Normals(key, dtype), len(options.shared_layers)
    layers, entering, positions = [], interface.channels, interface.length
    for level in params.levels:
        positions //= level.patch
        group = level.s0 + 1 if level.level <= q else 1
        sharing = shared_filters(positions, params.levels[level.level : q])
        filters = positions if sharing is None else max(sharing) + 1
        alike = options.alike(level)
        weight = normal.hidden(options.init, filters, width, level.patch // group // alike * entering)
        weight = repeat_places(weight.swapaxes(1, 2), alike, entering)
        layers.append(LocalConnection(weight, normal(positions, width), level.patch, group, sharing))
        entering = width
    return Network.with_readout(normal, tuple(layers), width, interface, options)


def shared_filters(positions: int, above: tuple[Level, ...]) -> tuple[int, ...] | None:
    """Return the filter of each patch of a layer if the layers above are shared too; None if each has its own.

    In the bases p of the levels above, the digits of a patch's number are its place in its parent, the place of its
    parent, and so on. All s0+1 places of a sub-patch have the same filter at each of these levels.
    """
    if not any(level.s0 for level in above):
        return None
    number = np.arange(positions)
    filters, step = np.zeros(positions, np.int64), 1
    for level in above:
        filters += step * (number % level.patch // (level.s0 + 1))
        number, step = number // level.patch, step * level.s
    return tuple((filters + step * number).tolist())


class LCNCost(PatchCost):
    """One matrix per patch, or fewer if they are shared."""

    def layer_parameters(self, layer: int, positions: int, entering: int) -> int:
        """Return the weights and biases of a layer."""
        params, h, shared = self.params, self.width, self.design.spec.options.shared_layers
        filters = positions // prod(above.s0 + 1 for above in params.levels[layer : len(shared)])
        level = params.level(layer)
        return filters * (level.s if layer in shared else level.patch) * entering * h + positions * h

    @property
    def blank_rows(self) -> int:
        """All positions."""
        return self.params.d


def _check(params: Params, width: int, options: PatchOptions) -> None:
    layers = options.shared_layers
    if layers != tuple(range(1, len(layers) + 1)):
        problem = "are not the first layers of the lcn"
        raise ArgumentError("shared_layers", layers, problem, "Use (1,), (1, 2), ...")
    options.check(params)


def _rate(params: Params) -> Rate:
    """The published table, which holds for every model."""
    return tabulated_rate({3: 0.01, 6: 0.003} if params.s == 2 else {6: 0.003}, params.s0)


def _thresholds(params: Params) -> dict[str, float]:
    return layer_thresholds(params, 2, S=0.30 if params.s == 2 else 0.50, D=0.10)


LCN = Family(
    "lcn",
    lcn,
    _rate,
    options=PatchOptions,
    kinds=SERVED,
    stop_loss=lambda options: 1e-2 if options.shared_layers else 1e-3,
    check=_check,
    predict=local_law,
    saving=lambda params, options: options.saving(params),
    thresholds=_thresholds,
    learning_time=3.0,
    cost=LCNCost,
    title="LCN (locally connected)",
    colour="#0072B2",
    marker="o",
)
