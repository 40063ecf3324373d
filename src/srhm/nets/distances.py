"""Squared distances between the activations of whole samples, from those of their distinct sub-trees.

Two samples differ in a layer only where one of them is informative: the response to blanks is the same in both. So a
distance is a sum over informative nodes, of which equal ones are computed once.
"""

from functools import cache
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..backend import backend_name
from ..model.encoding import Encoding
from ..model.params import Params
from .network import Network
from .subtrees import SubtreeTable

Changes = Float[Array, "node channel"]


_CALLED_ONCE = {"xla_cpu_use_fusion_emitters": False}
"""A run calls this once or a few times. So it compiles in three fifths of the time, and takes no longer."""


def tree_distances(
    net: Network, table: SubtreeTable, *, params: Params, encoding: Encoding, forms: int
) -> list[tuple[Float[Array, " sample"], Float[Array, "form sample"]]]:
    """Return, for every layer, the first to the output, squares of distances between the samples of a table.

    The table holds the sub-trees of the original samples, followed by `forms` changed forms of all of them. The
    distances are those of each original sample from the mean of all, and of each changed form from its original.
    """
    arrays, rest = eqx.partition((net, table), lambda leaf: isinstance(leaf, jax.Array | np.ndarray))
    return _compiled(backend_name())(arrays, rest, params, encoding, forms)


@cache
def _compiled(backend: str) -> Any:
    options = _CALLED_ONCE if backend == "cpu" else None
    return jax.jit(_tree_distances, static_argnums=(1, 2, 3, 4), compiler_options=options)


def _tree_distances(arrays: Any, rest: Any, params: Params, encoding: Encoding, forms: int) -> Any:
    net, table = eqx.combine(arrays, rest)
    actives, output = net.on_table(params, encoding, table)
    numbers = table.roots.reshape(forms + 1, -1)[:, :, None]
    rows = output.reshape(len(output), -1)[numbers[:, :, 0]]
    found = [(((rows[0] - rows[0].mean(axis=0)[None]) ** 2).sum(-1), ((rows[1:] - rows[:1]) ** 2).sum(-1))]
    for layer in range(params.L, 0, -1):
        active = actives[layer - 1]
        changes, places = active.values[:, 0], active.places[:, 0]
        if active.blank is not None:
            changes = changes - jnp.take(active.blank, places, axis=0, mode="clip")
        positions = params.level(layer).patches
        spread = _from_mean(changes, places, numbers[0], positions)
        moved = jax.lax.map(
            lambda other, c=changes, q=places, first=numbers[0]: _between(c, q, first, other), numbers[1:]
        )
        found.append((spread, moved))
        if layer > 1:
            below = table.children[layer - 2][numbers]
            numbers = below.reshape(*numbers.shape[:2], -1)
    return found[::-1]


def _between(
    changes: Changes, places: Int[Array, " node"], one: Int[Array, "sample child"], other: Any
) -> Float[Array, " sample"]:
    """Squared distances of samples given by their nodes: nodes at one position are compared, others with blanks."""
    same = places[one][:, :, None] == places[other][:, None, :]
    first, second = changes[one], changes[other]
    partner = jnp.einsum("nij,njc->nic", same.astype(changes.dtype), second)
    alone = jnp.where(same.any(axis=1), 0, (second**2).sum(-1))
    return ((first - partner) ** 2).sum((1, 2)) + alone.sum(1)


def _from_mean(
    changes: Changes, places: Int[Array, " node"], numbers: Int[Array, "sample child"], positions: int
) -> Float[Array, " sample"]:
    """Squared distances of samples from their mean: at their own nodes, and at all other positions."""
    own, where = changes[numbers], places[numbers]
    mean = jnp.zeros((positions, own.shape[-1]), own.dtype).at[where].add(own) / numbers.shape[0]
    elsewhere = (mean**2).sum(-1)
    at_nodes = ((own - mean[where]) ** 2).sum(-1) - elsewhere[where]
    return elsewhere.sum() + at_nodes.sum(1)
