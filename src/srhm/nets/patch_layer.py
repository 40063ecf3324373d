"""The common part of the layers of CNN and LCN: units on one patch each, computed at the informative nodes."""

from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from .active import Active, Leaves, leaf_changes
from .blocks import Capacities, blockwise, choose_capacities
from .network import BIAS_SCALE, Network


def repeat_places(
    weight: Float[Array, "*patch entry unit"], places: int, entering: int
) -> Float[Array, "*patch entries unit"]:
    """Give each of some places of a sub-patch the weights of the sub-patch, which are those of `entering` channels."""
    if places == 1:
        return weight
    *patch, entry, unit = weight.shape
    parts = weight.reshape(*patch, entry // entering, entering, unit)
    return jnp.repeat(parts, places, axis=-3).reshape(*patch, places * entry, unit)


class PatchLayer(eqx.Module):
    """A layer whose units are connected to one patch each; see :mod:`srhm.nets.active` for the formula."""

    weight: eqx.AbstractVar[Float[Array, "*patch entry channel"]]
    """[..., p * C_in, h], entries ordered by place in the patch, then channel."""
    bias: eqx.AbstractVar[Float[Array, "position channel"] | None]
    """[position, h], [1, h] if shared over positions, or None."""
    patch: eqx.AbstractVar[int]
    """The patch length p."""
    group: eqx.AbstractVar[int]
    """Places that are summed first and share one weight: s0+1 in a layer shared over them, else 1. With more than 1,
    the p C_in entries above are those of the p / group sums."""

    @property
    def filters(self) -> Float[Array, "*patch entry channel"]:
        """The weights, those of each patch if there are several."""
        return self.weight

    @property
    def blocks(self) -> Float[Array, "block channel unit"]:
        """The matrix of each group of places: those of a patch, or of all positions if nothing is shared."""
        entry, unit = self.weight.shape[-2:]
        return self.filters.reshape(-1, entry * self.group // self.patch, unit)

    def to_torch(self) -> Any:
        """Return the layer as a PyTorch module, with its ReLU."""
        from ..torch import networks

        bias, sharing = None if self.bias is None else np.asarray(self.bias), getattr(self, "sharing", None)
        return networks.PatchLayer(np.asarray(self.weight), bias, BIAS_SCALE, self.patch, self.group, sharing)

    @abstractmethod
    def max_in_block(self, samples: int, parents: int) -> int:
        """Return the maximum number of informative children that share a block, with `parents` patches in a sample."""

    def on_leaves(self, leaves: Leaves) -> Active:
        """Return the activations of the first hidden layer, from the inputs."""
        changes, blank = leaf_changes(self.blocks, leaves, self.group)
        layer = self._join(changes, blank, leaves.positions.astype(jnp.int32), leaves.params.level(1).s)
        return layer if leaves.params.has_blanks else layer._replace(blank=None)

    def on_active(self, below: Active, s: int) -> Active:
        """Return the activations of a later layer, from those of the layer below it; a node has s children."""
        samples, nodes, _ = below.values.shape
        blocks, most, blank = len(self.blocks), self.max_in_block(samples, nodes // s), self._blanks(below)
        changes, blank = self._respond(
            below, blank, choose_capacities(samples * nodes, blocks, most, len(blank) // blocks)
        )
        return self._join(changes.reshape(samples, nodes, -1), blank, below.places, s)

    def on_shared(
        self, below: Active, children: Int[Array, "tree child"], max_multiplicity: tuple[int, int]
    ) -> Active:
        """Return the activations of distinct sub-trees, given by the numbers of their children below.

        At most `max_multiplicity[0]` trees below are at the same place of a patch, and at most `max_multiplicity[1]` at
        the same position.
        """
        of_patch = len(self.blocks) * self.group == self.patch
        most = self.group * (
            max_multiplicity[0] if of_patch else max_multiplicity[1]
        )  # of a group, so often at most
        changes, blank = self._respond(below, self._blanks(below), (most,))
        places = below.places.reshape(-1)[children]
        return self._join(jnp.take(changes, children, axis=0), blank, places, children.shape[1])

    def _blanks(self, below: Active) -> Float[Array, "place channel"]:
        """Return the activations of blanks, a row for each group of places that has weights; empty without blanks."""
        blocks, group, channel = self.blocks, self.group, below.values.shape[-1]
        if below.blank is None:
            return jnp.zeros((0, channel), blocks.dtype)
        blank = jnp.broadcast_to(below.blank, (max(len(below.blank), len(blocks) * group), channel))
        return blank.reshape(-1, group, channel).sum(axis=1) if group > 1 else blank

    def _respond(
        self, below: Active, blank: Float[Array, "place channel"], capacities: Capacities
    ) -> tuple[Any, Any]:
        """Multiply the activations of each node, minus those of a blank, by its block, and those of all blanks."""
        blocks, (samples, nodes, channel) = self.blocks, below.values.shape
        changes = below.values
        if below.blank is not None:
            changes = changes - jnp.take(below.blank, below.places, axis=0, mode="clip")
        changes, blank = blockwise(  # pyright: ignore[reportGeneralTypeIssues] # custom_vjp hides the tuple
            capacities,
            blocks,
            changes.reshape(samples * nodes, channel),
            (below.places // self.group % len(blocks)).reshape(samples * nodes),
            blank,
        )
        return changes, None if below.blank is None else blank

    def _join(self, changes: Any, blank: Any, places: Any, s: int) -> Active:
        """Add the changes of each node's s children, and the response to blanks with the bias."""
        p, divisor = self.patch, self.blocks.shape[1] ** 0.5
        samples, children, unit = changes.shape
        parents = places[:, ::s] // p
        of_child = changes.reshape(samples, children // s, s, unit)
        z = sum(of_child[:, :, child] for child in range(s)) / divisor  # fuses, where a reduction would not
        shift = jnp.zeros((1, unit), z.dtype)
        if blank is not None:
            shift = blank.reshape(-1, p // self.group, unit).sum(axis=1) / divisor
        if self.bias is not None:
            shift = shift + BIAS_SCALE * self.bias
        z = z + jnp.take(shift, parents, axis=0, mode="clip")
        return Active(jax.nn.relu(z), parents, None if blank is None else jax.nn.relu(shift))


def works_on_patches(net: Any) -> bool:
    """Return whether the response of a network to a sub-tree is the same in every sample: a CNN or an LCN."""
    return isinstance(net, Network) and all(isinstance(layer, PatchLayer) for layer in net.layers)
