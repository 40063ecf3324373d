"""The common part of CNN, LCN and FCN: hidden layers with ReLU, a mean over positions, a linear readout."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..errors import ArgumentError
from ..model.encoding import Encoding, encode, encode_in_tree_order, encode_symbols
from ..model.params import Params
from ..model.plane import picture
from .active import Active, Leaves, Symbols
from .design import Design, design_of, entering, pixels_of
from .draws import Normals
from .interface import Interface, Kind
from .options import LayerOptions
from .products import product
from .stateful import StatefulNetwork
from .subtrees import SubtreeTable

BIAS_SCALE = 0.1
"""Factor of every hidden bias: biases are N(0, 1) and enter as 0.1 b."""

SERVED: tuple[Kind, ...] = ("class", "last", "positions")
"""What these networks predict: all but what needs a causal network, since each unit sees a whole sub-tree."""


class Network(eqx.Module):
    """L hidden layers with ReLU and the readout f = (1/h) beta^T (mean over positions of the last layer).

    With a learning rate proportional to the width h this is the mean-field (muP) scaling (docs, networks.md).
    """

    layers: tuple[Any, ...]
    """The hidden layers, each a map [sample, position, channel] -> the same with fewer positions; with `on_leaves` and
    `on_active`, the same at the informative nodes only."""
    readout: Float[Array, "channel score"]
    """beta, [h, score]; with several predictions [h, place * score]."""
    frozen: tuple[int, ...] = eqx.field(static=True, default=())
    """Layers that are not trained, from 1; L + 1 is the readout. Their weights and biases have gradient zero."""
    design: Design | None = eqx.field(static=True, default=None)
    """What it was built for, if by :func:`srhm.nets.build`."""
    places: int | None = eqx.field(static=True, default=None)
    """Predictions of a sample, which outputs [sample, place, score] have an axis for; None: one, without an axis."""

    @classmethod
    def with_readout(
        cls, normal: Normals, layers: tuple[Any, ...], width: int, interface: Interface, options: LayerOptions
    ) -> "Network":
        """Return the network of these layers, its readout drawn for what is predicted."""
        places = interface.places if interface.kind == "positions" else None
        readout = normal(width, interface.numbers)
        return cls(layers, readout, options.frozen_layers, places=places)

    @property
    def width(self) -> int:
        """Channels h of a hidden layer."""
        return self.readout.shape[0]

    def activations(
        self, x: Float[Array | np.ndarray, "sample *shape channel"]
    ) -> dict[str, Float[Array, "sample ..."]]:
        """Return the activations: ``"layer_1"`` to ``"layer_L"``, each after ReLU, then ``"output"``."""
        x, kept = entering(self, x), {}
        layers, readout = self._trained()
        for number, layer in enumerate(layers, start=1):
            x = jax.nn.relu(layer(x))
            kept[f"layer_{number}"] = x
        kept["output"] = self._by_place(x.mean(axis=1) @ readout / readout.shape[0])
        return kept

    def __call__(
        self, x: Float[Array | np.ndarray, "sample *shape channel"]
    ) -> Float[Array, "sample *place score"]:
        """Return the outputs of a batch of dense inputs."""
        return self.activations(x)["output"]

    def on_leaves(self, leaves: Leaves) -> Float[Array, "sample *place score"]:
        """Return the outputs of a batch, computed only at the informative nodes; they equal the dense ones."""
        first, *later = self._trained()[0]
        active = first.on_leaves(leaves)
        for layer, level in zip(later, leaves.params.levels[1:], strict=True):
            active = layer.on_active(active, level.s)
        return self._read(active)

    def on_table(
        self, params: Params, encoding: Encoding, table: SubtreeTable
    ) -> tuple[list[Active], Float[Array, "tree *place score"]]:
        """Return the activations of each layer at the distinct sub-trees of a set, and the outputs of the trees."""
        first, *later = self.layers
        actives = [first.on_leaves(Leaves(params, encoding, table.features, table.positions))]
        for layer, children, multiplicity in zip(later, table.children, table.max_multiplicity, strict=True):
            actives.append(layer.on_shared(actives[-1], children, multiplicity))
        return actives, self._read(actives[-1])

    def to_torch(self, *, layout: str = "channels_first") -> Any:
        """Return a PyTorch module with the same weights; see :func:`srhm.torch.to_torch`.

        Raises
        ------
        ArgumentError
            If the layout is unknown.
        MissingExtraError
            If PyTorch is not installed.
        """
        from ..torch.networks import TorchNetwork

        layers = [layer.to_torch() for layer in self.layers]
        return TorchNetwork(
            layers, np.asarray(self.readout), self.frozen, layout, self.places, pixels_of(self)
        )

    def _read(self, last: Active) -> Float[Array, "sample *place score"]:
        readout = self._trained()[1]
        return self._by_place(product(last.values.mean(axis=1), readout) / readout.shape[0])

    def _by_place(self, output: Float[Array, "sample entry"]) -> Float[Array, "sample *place score"]:
        return output if self.places is None else output.reshape(len(output), self.places, -1)

    def _trained(self) -> tuple[tuple[Any, ...], Float[Array, "channel score"]]:
        """Return the layers and the readout, the frozen ones as constants."""
        if not self.frozen:
            return self.layers, self.readout
        *layers, readout = (
            jax.tree.map(jax.lax.stop_gradient, part) if number in self.frozen else part
            for number, part in enumerate((*self.layers, self.readout), start=1)
        )
        return tuple(layers), readout


def width_of(net: Any) -> int:
    """Return the width h by which the rate of a network is multiplied; 1 for networks that are not ours."""
    if isinstance(net, Network):
        return net.width
    design = design_of(net)
    return 1 if design is None else design.spec.width


def outputs(net: Any, inputs: Any) -> Any:
    """Return the outputs of any network on a batch.

    Parameters
    ----------
    net
        The network.
    inputs
        Dense inputs, or the informative leaves of a batch. From leaves, our networks are computed at their informative
        nodes; any other map gets dense inputs, with the dtype of its weights.
    """
    if isinstance(net, Network) and isinstance(inputs, Leaves):
        return net.on_leaves(inputs)
    return net(dense(net, inputs))


def trained_arrays(net: Any) -> Any:
    """Return which arrays of a network gradient descent trains, as a tree of booleans with its structure.

    All arrays of floating dtype, except those of frozen layers and running statistics.
    """
    mask = jax.tree.map(eqx.is_inexact_array, net)
    if isinstance(net, Network) and net.frozen:
        parts = lambda one: [(*one.layers, one.readout)[number - 1] for number in one.frozen]  # noqa: E731
        return eqx.tree_at(parts, mask, replace_fn=lambda part: jax.tree.map(lambda _: False, part))
    if isinstance(net, StatefulNetwork) and net.statistics():
        return eqx.tree_at(lambda one: one.statistics(), mask, replace_fn=lambda _: False)
    return mask


def check_trainable(net: Any) -> None:
    """Raise an :class:`~srhm.ArgumentError` if this is not a map with weights that can be trained."""
    if not callable(net) or not jax.tree.leaves(eqx.filter(net, eqx.is_inexact_array)):
        problem = "is not a network with JAX arrays as weights"
        raise ArgumentError("net", net, problem, "Give one of srhm.nets.build, or an Equinox module")


def check_scores(argument: str, output: Any, count: int, params: Params, fix: str = "") -> None:
    """Raise an :class:`~srhm.ArgumentError` if outputs are not one real number for each input and class.

    Parameters
    ----------
    argument
        The name of the network in the error.
    output
        The output: a NumPy or JAX array, or a traced array while JAX compiles.
    count
        Number of inputs.
    params
        The parameters of the model.
    fix
        An alternative, appended to the fix.
    """
    shape, wanted = getattr(output, "shape", None), (count, params.n_c)
    if shape is None:
        problem = f"returns a {type(output).__name__}, not an array"
        raise ArgumentError(argument, output, problem, f"Return one score per class, {wanted}{fix}")
    if shape != wanted:
        problem = f"is the shape of the output for {count} inputs of n_c = {params.n_c} classes"
        raise ArgumentError(argument, shape, problem, f"Return one score per class, {wanted}{fix}")
    if not (jnp.issubdtype(output.dtype, jnp.floating) or output.dtype.kind in "biu"):
        raise ArgumentError(
            argument, str(output.dtype), "is the type of the output", f"Return real numbers{fix}"
        )


def dense(net: Any, inputs: Any) -> Float[Array, "sample *shape channel"]:
    """Return a batch as dense inputs with the dtype of the network's weights; dense inputs are returned unchanged."""
    if not isinstance(inputs, Leaves | Symbols):
        return inputs
    dtype = jax.tree.leaves(eqx.filter(net, eqx.is_inexact_array))[0].dtype
    ours = isinstance(net, Network) or design_of(net) is not None  # others take pictures in the plane
    if isinstance(inputs, Symbols):
        x = encode_symbols(inputs.params, inputs.symbols, inputs.encoding, dtype, mask=inputs.mask)
        if inputs.noise is not None:
            level = jnp.broadcast_to(inputs.noise.astype(dtype)[:, None, None], (*x.shape[:2], 1))
            x = jnp.concatenate([x, level], axis=2)
        return picture(inputs.params, x) if inputs.pictures and not ours else x
    written = encode_in_tree_order if ours else encode
    return written(inputs.params, inputs.features, inputs.positions, inputs.encoding, dtype)


def join_patches(
    x: Float[Array, "sample position channel"], length: int, group: int = 1
) -> Float[Array, "sample patch entry"]:
    """Join the positions of each patch: entry = place in the patch * channels + channel.

    With `group` > 1, groups of this many places are summed first and count as one place.
    """
    sample, position, channel = x.shape
    if group > 1:
        x = x.reshape(sample, position // group, group, channel).sum(axis=2)
    return x.reshape(sample, position // length, length // group * channel)
