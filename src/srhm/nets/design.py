"""What a network was built for; training and measurements read it from the network."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from ..errors import ArgumentError
from ..model.encoding import Encoding, check_encoding
from ..model.params import Params
from ..model.plane import in_tree_order, pixels
from .interface import Interface


class Design(NamedTuple):
    """What :func:`srhm.nets.build` built a network for."""

    spec: Any
    """The :class:`~srhm.nets.NetSpec`, its width filled in."""
    params: Params
    """The parameters of the model."""
    interface: Interface
    """What enters it and what leaves it."""


def design_of(net: Any) -> Design | None:
    """Return what a network of :func:`srhm.nets.build` was built for; None for any other network."""
    design = getattr(net, "design", None)
    return design if isinstance(design, Design) else None


def entering(net: Any, x: Any) -> Any:
    """Return dense inputs, or pictures of the plane that a network of ours was built for, as it computes with them.

    Pictures are [sample, row, column, channel]; it computes with [sample, position, channel], in tree order.
    """
    design, x = design_of(net), jnp.asarray(x)
    return x if design is None else in_tree_order(design.params, x, more=1)


def pixels_of(net: Any) -> np.ndarray | None:
    """Return the pixel of each position, row after row, for a network built for the plane; else None."""
    design = design_of(net)
    return None if design is None or not design.params.plane else pixels(design.params)


def encoding_for(net: Any, encoding: Encoding | None, params: Params) -> Encoding:
    """Return the encoding for the inputs of a network: `encoding`, or its own if that is None, or ``"whitened"``.

    Parameters
    ----------
    net
        Any network; only networks of :func:`srhm.nets.build` can be checked.
    encoding
        An encoding, or None.
    params
        The parameters of the model of the data.

    Raises
    ------
    ArgumentError
        If the encoding is unknown, or the network was built for another encoding or another v, s, s0, L or plane.
    """
    design = design_of(net)
    if design is not None:
        _check_model(design, params)
    if encoding is None:
        return "whitened" if design is None else design.spec.encoding
    check_encoding(encoding)
    if design is not None and encoding != design.spec.encoding:
        problem = f"differs from the encoding {design.spec.encoding!r} that the network was built for"
        fix = f"Leave encoding out, or use build(..., encoding={encoding!r})"
        raise ArgumentError("encoding", encoding, problem, fix)
    return encoding


def _check_model(design: Design, params: Params) -> None:
    """Raise an error if the data have other inputs or other sub-trees; the outputs show whether n_c is right."""
    for name in ("v", "s", "s0", "L", "plane"):
        built, found = getattr(design.params, name), getattr(params, name)
        if built != found:
            problem = f"was built for a model with {name} = {built}, and the data have {name} = {found}"
            raise ArgumentError(
                "network", design.spec.family, problem, "Build it with the params of the data"
            )
