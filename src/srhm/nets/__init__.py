"""Networks of the paper, one module for each family (docs, networks.md)."""

from collections.abc import Callable
from typing import Any, Literal

import jax

from ..encoding import Encoding
from ..encoding import channels as encoding_channels
from ..errors import ArgumentError, check_integer
from ..params import Params
from ..randomness import role_key
from .active import Active, Leaves
from .cnn import Bias, PatchConvolution, cnn
from .fcn import FullConnection, fcn
from .lcn import LocalConnection, lcn
from .network import Init, Network, outputs
from .patch_layer import PatchLayer, sees_patches

NetName = Literal["cnn", "lcn", "fcn"]

NETS: dict[str, Callable[..., Network]] = {"cnn": cnn, "lcn": lcn, "fcn": fcn}
"""The families by name."""


def default_width(name: NetName, params: Params) -> int:
    """Return the published width: 512, and 256 for the FCN at L = 3 (docs, networks.md)."""
    return 256 if name == "fcn" and params.L >= 3 else 512


def check_options(
    name: NetName, bias: Bias, init: Init, shared_layers: tuple[int, ...] = (), params: Params | None = None
) -> None:
    """Refuse options that no network of the name has, on the model if it is given.

    Raises
    ------
    ArgumentError
        If one of them is none of the options of :func:`build`.
    """
    if name not in NETS:
        raise ArgumentError("net", name, "is not a network", f"Use one of {', '.join(NETS)}")
    if init not in ("normal", "hom"):
        raise ArgumentError("init", init, "is not an initialisation", "Use 'normal' or 'hom'")
    if bias not in ("position", "shared", "none"):
        raise ArgumentError("bias", bias, "is not a kind of bias", "Use 'position', 'shared' or 'none'")
    if bias != "position" and name != "cnn":
        raise ArgumentError("bias", bias, f"is offered for the cnn, not the {name}", "Use bias='position'")
    if shared_layers:
        _check_sharing(name, shared_layers, params)


def _check_sharing(name: NetName, layers: tuple[int, ...], params: Params | None) -> None:
    if name not in ("cnn", "lcn"):
        raise ArgumentError("shared_layers", layers, f"is not offered for the {name}", "Use cnn or lcn")
    most = 62 if params is None else params.L
    rising = all(isinstance(layer, int) for layer in layers) and layers == tuple(sorted(set(layers)))
    if not rising or layers[0] < 1 or layers[-1] > most:
        raise ArgumentError(
            "shared_layers", layers, f"are not layers from 1 to {most} in order", "Use (1,), (1, 2), ..."
        )
    if name == "lcn" and layers != tuple(range(1, len(layers) + 1)):
        raise ArgumentError(
            "shared_layers", layers, "are not the first layers of the lcn", "Use (1,), (1, 2), ..."
        )
    if params is not None and params.sparsity != "A":
        raise ArgumentError(
            "shared_layers", layers, "needs sub-patches, which sparsity B has not", "Use sparsity A, or ()"
        )


def build(
    name: NetName,
    params: Params,
    width: int | None = None,
    seed: int = 0,
    *,
    bias: Bias = "position",
    shared_layers: tuple[int, ...] = (),
    init: Init = "normal",
    encoding: Encoding = "whitened",
    dtype: Any = "float32",
) -> Network:
    """Draw a network for the inputs of a model, every weight N(0, 1).

    Parameters
    ----------
    name
        ``"cnn"``, ``"lcn"`` or ``"fcn"``.
    params
        The numbers of the model: they fix depth, patches and classes.
    width
        Channels h of a hidden layer; the published width unless given.
    seed
        Any integer from 0 to 2^64 - 1.
    bias
        Biases of the CNN: ``"position"``, ``"shared"`` or ``"none"``; the others have one for each unit.
    shared_layers
        Layers of the CNN or the LCN whose weights are shared over the s0+1 places of a sub-patch; for the LCN the
        first ones, ``(1,)``, ``(1, 2)`` and so on (docs, networks.md). With s0 = 0 it changes nothing.
    init
        ``"normal"``, or ``"hom"`` for hidden weights that start at 1.
    encoding
        The encoding of the inputs, which fixes the channels that enter.
    dtype
        Type of the weights: ``"float32"``, or ``"float64"`` where JAX is set to 64 bits.

    Raises
    ------
    ArgumentError
        If an argument is not one of these.

    Examples
    --------
    >>> params = Params(n_c=4, v=4, m=4, s=2, s0=1, L=2)
    >>> net = build("cnn", params, width=8)
    >>> [layer.weight.shape for layer in net.layers], net.readout.shape
    ([(16, 8), (32, 8)], (8, 4))
    """
    if name not in NETS:
        raise ArgumentError("name", name, "is not a network", f"Use one of {', '.join(NETS)}")
    check_options(name, bias, init, shared_layers, params)
    double: bool = jax.config.jax_enable_x64  # pyright: ignore[reportAttributeAccessIssue]
    if getattr(dtype, "__name__", str(dtype)) not in ("float32", "float64")[: 1 + double]:
        raise ArgumentError(
            "dtype", dtype, "is not a type of weights", "Use 'float32', or 'float64' with jax_enable_x64"
        )
    width = default_width(name, params) if width is None else check_integer("width", width, least=1)
    options: dict[str, Any] = {"bias": bias} if name == "cnn" else {}
    if shared_layers:
        options["shared_layers"] = shared_layers
    key = role_key(seed, "network")
    return NETS[name](
        params, width, key, encoding_channels(params, encoding), init=init, dtype=dtype, **options
    )


__all__ = [
    "NETS",
    "Active",
    "Bias",
    "FullConnection",
    "Init",
    "Leaves",
    "LocalConnection",
    "NetName",
    "Network",
    "PatchConvolution",
    "PatchLayer",
    "build",
    "check_options",
    "cnn",
    "default_width",
    "fcn",
    "lcn",
    "outputs",
    "sees_patches",
]
