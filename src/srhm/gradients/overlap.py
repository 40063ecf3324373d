"""How far one step changes the response of the first layer equally for synonyms, and for a tuple at another place.

A step ΔW changes the response of the units to a patch x by r(x) = ΔWᵀ x, up to a factor. Summed over units,
r(x) · r(x') = xᵀ (ΔW ΔWᵀ) x', so only the products of the step's weights, entry by entry, are needed. They are a
quadratic form of the gradient: known for all data, and on average over training sets of P points.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ..errors import ArgumentError, check_instance
from ..model.derivation import child_offsets
from ..model.encoding import Encoding, encode
from ..model.grammar import Grammar
from ..model.params import Params
from ..nets import Network
from ..nets.design import encoding_for
from ..nets.patch_layer import PatchLayer


@dataclass(frozen=True)
class Overlap:
    """Mean products of two responses over the mean square response: 1 if they always agree, 0 if unrelated.

    Responses are measured from their mean over all tuples in the same placement: what all tuples share does not count
    as overlap. Biases change all responses equally and do not matter.
    """

    synonym: float
    """For two tuples of one parent, in the same placement."""
    shift: float
    """For one tuple in two placements; nan if there is only one placement."""
    both: float
    """For two tuples of one parent in two placements; nan likewise."""
    other: float
    """For tuples of two parents, in the same placement."""


def unit_products(gradient: Float[Any, "*patch entry unit"]) -> Float[Any, "*patch entry entry"]:
    """Return the products of the gradients of two entries, summed over units, from which overlaps are computed."""
    return gradient @ gradient.swapaxes(-1, -2)


def overlap(
    grammar: Grammar,
    net: Network,
    products: Float[Any, "*patch entry entry"],
    encoding: Encoding | None = None,
) -> Overlap:
    """Return the overlaps of a step of the first layer; for an LCN the average over patches.

    Parameters
    ----------
    grammar
        The production rules.
    net
        The CNN or LCN.
    products
        The result of :func:`unit_products` for a step or gradient; or, from moments with ``square=unit_products``,
        `square` for all data or ``expected_square(P)`` for P points, which averages products and squares over training
        sets.
    encoding
        The encoding of the inputs. Default: that of the network, else ``"whitened"``.

    Raises
    ------
    ArgumentError
        If the network has no patches or was built for another encoding, or no parent has synonyms (m = 1).

    Examples
    --------
    >>> from srhm.nets import build
    >>> from srhm.gradients import population_moments
    >>> params = Params(n_c=4, v=4, m=4, s=2, s0=1, L=2)
    >>> grammar, net = Grammar(params), build("cnn", params, width=32)
    >>> moments = population_moments(grammar, net, 4000, square=unit_products)
    >>> few, all_data = (overlap(grammar, net, x) for x in (moments.expected_square(100), moments.square))
    >>> few.shift < all_data.shift
    True
    """
    check_instance(Grammar, grammar=grammar)
    grammar.refuse_weights()
    check_instance(Network, net=net)
    layer, m = net.layers[0], grammar.params.level(1).m
    if not isinstance(layer, PatchLayer):
        raise ArgumentError("net", type(layer).__name__, "has no patches", "Use a CNN or LCN")
    if m == 1:
        raise ArgumentError("m", m, "means that tuples have no synonyms", "Use m >= 2")
    x = _patches(grammar, layer.group, encoding_for(net, encoding, grammar.params))
    x = x - x.mean(axis=0)
    entries = np.asarray(products, np.float64)
    entries = entries.reshape(-1, *entries.shape[-2:]).mean(axis=0)
    return _averaged(m, np.einsum("tqe,ef,urf->tqur", x, entries, x, optimize=True))


def _patches(grammar: Grammar, group: int, encoding: Encoding) -> Float[np.ndarray, "tuple placement entry"]:
    """Return the inputs of a layer for every tuple of level-1 features, parent by parent, in every placement."""
    level = grammar.params.level(1)
    lowest = Params(level.parents, level.v, level.m, level.s, level.s0, 1, level.sparsity)
    tuples = grammar.rules[0].reshape(-1, level.s)
    offsets = child_offsets(level, np.arange(level.placements, dtype=np.int32))
    features, places = np.repeat(tuples, len(offsets), axis=0), np.tile(offsets, (len(tuples), 1))
    x = encode(lowest, features, places, encoding, np.float64)
    x = x.reshape(len(tuples), len(offsets), level.patch // group, group, -1).sum(axis=3)
    return x.reshape(len(tuples), len(offsets), -1)


def _averaged(m: int, product: Float[np.ndarray, "tuple placement tuple placement"]) -> Overlap:
    """Average the products over the pairs of each kind."""
    tuples, placements = product.shape[:2]
    parent = np.arange(tuples) // m
    related, same = parent[:, None] == parent, np.eye(tuples, dtype=bool)
    here = np.einsum("tquq->tu", product) / placements
    elsewhere = np.full((tuples, tuples), np.nan)
    if placements > 1:
        elsewhere = (product.sum(axis=(1, 3)) / placements - here) / (placements - 1)
    synonyms = related & ~same
    kinds = here[synonyms], elsewhere[same], elsewhere[synonyms], here[~related]
    scale = here[same].mean()
    with np.errstate(invalid="ignore"):  # a step that moves all tuples alike has no overlaps
        return Overlap(*(float(kind.mean() / scale) for kind in kinds))
