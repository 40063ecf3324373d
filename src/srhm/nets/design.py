"""What a network was built for: what training and measurements take from it instead of asking again."""

from typing import Any, NamedTuple

from ..errors import ArgumentError
from ..model.encoding import Encoding, check_encoding
from ..model.params import Params


class Design(NamedTuple):
    """What :func:`srhm.nets.build` was asked for."""

    spec: Any
    """The :class:`~srhm.nets.NetSpec`, its width filled in."""
    params: Params
    """The parameters of the model."""


def design_of(net: Any) -> Design | None:
    """Return what a network of :func:`srhm.nets.build` was built for; None for any other."""
    design = getattr(net, "design", None)
    return design if isinstance(design, Design) else None


def encoding_for(net: Any, encoding: Encoding | None, params: Params) -> Encoding:
    """Return the encoding in which a network gets its inputs: the one given, or else its own, or else ``"whitened"``.

    Parameters
    ----------
    net
        Any network; only one of :func:`srhm.nets.build` is known to fit or not.
    encoding
        An encoding, or None for its own.
    params
        The parameters of the model whose data it gets.

    Raises
    ------
    ArgumentError
        If there is no such encoding, or the network was built for another one, or for another v, s, s0 or L.
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
    """Raise an error where the data have other inputs, or sub-trees of another form: n_c is told by the outputs."""
    for name in ("v", "s", "s0", "L"):
        built, found = getattr(design.params, name), getattr(params, name)
        if built != found:
            problem = f"was built for a model with {name} = {built}, and the data have {name} = {found}"
            raise ArgumentError(
                "network", design.spec.family, problem, "Build it with the params of the data"
            )
