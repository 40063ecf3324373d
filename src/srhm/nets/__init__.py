"""Networks of the paper, one module for each family (docs, networks.md)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import jax

from ..backend import backend_name
from ..errors import ArgumentError, check_choice, check_instance, check_integer
from ..model.encoding import Encoding
from ..model.encoding import channels as encoding_channels
from ..model.params import Params
from ..randomness import role_key
from .active import Active, Leaves
from .cnn import Bias, PatchConvolution, cnn
from .common import BASE_WIDTH, COMMON, CommonName, CommonNetwork, Variant, check_common, draw_common
from .design import Design, design_of, encoding_for
from .draws import Init
from .fcn import FullConnection, fcn
from .lcn import LocalConnection, lcn
from .network import Network, check_scores, check_trainable, outputs, width_of
from .patch_layer import PatchLayer, sees_patches
from .stateful import StatefulNetwork

NetName = Literal["cnn", "lcn", "fcn"] | CommonName

NETS: dict[str, Callable[..., Network]] = {"cnn": cnn, "lcn": lcn, "fcn": fcn}
"""The families that are made for the model, by name."""

NAMES = (*NETS, *COMMON)
"""All networks by name."""


def default_width(name: NetName, params: Params) -> int:
    """Return the published width: 512, 256 for the FCN at L = 3, 64 for a common network (docs, networks.md)."""
    check_instance(Params, params=params)
    if name in COMMON:
        return BASE_WIDTH
    return 256 if name == "fcn" and params.L >= 3 else 512


def check_options(
    name: NetName,
    bias: Bias,
    init: Init,
    shared_layers: tuple[int, ...] = (),
    variant: Variant = "usual",
    params: Params | None = None,
    frozen_layers: tuple[int, ...] = (),
) -> None:
    """Refuse options that no network of the name has, on the model if it is given.

    Raises
    ------
    ArgumentError
        If one of them is none of the options of :func:`build`.
    """
    check_choice("net", name, NAMES, "is not a network")
    check_choice("init", init, ("normal", "hom"), "is not an initialisation")
    if init != "normal" and name in COMMON:
        raise ArgumentError("init", init, f"is not offered for {name}", "Leave init as it is")
    check_choice("bias", bias, ("position", "shared", "none"), "is not a kind of bias")
    if bias != "position" and name != "cnn":
        raise ArgumentError("bias", bias, f"is offered for the cnn, not the {name}", "Use bias='position'")
    check_choice("variant", variant, ("usual", "published"), "is not a variant")
    if variant != "usual" and name not in COMMON:
        raise ArgumentError("variant", variant, f"is not offered for the {name}", "Use variant='usual'")
    if shared_layers:
        _check_sharing(name, shared_layers, params)
    if frozen_layers:
        _check_frozen(name, frozen_layers, params)


def _check_frozen(name: NetName, layers: tuple[int, ...], params: Params | None) -> None:
    if name in COMMON:
        raise ArgumentError("frozen_layers", layers, f"is not offered for {name}", "Use cnn, lcn or fcn")
    last = 62 if params is None else params.L + 1
    if not _rising(layers) or layers[0] < 1 or layers[-1] > last:
        problem = f"are not layers from 1 to {last}, the readout, in order"
        raise ArgumentError("frozen_layers", layers, problem, "Use (1,), (2,), (1, 2), ...")
    if params is not None and len(layers) == last:
        raise ArgumentError("frozen_layers", layers, "are all there are", "Leave one to be trained")


def _rising(layers: tuple[int, ...]) -> bool:
    return all(isinstance(layer, int) for layer in layers) and layers == tuple(sorted(set(layers)))


def _check_sharing(name: NetName, layers: tuple[int, ...], params: Params | None) -> None:
    if name not in ("cnn", "lcn"):
        raise ArgumentError("shared_layers", layers, f"is not offered for the {name}", "Use cnn or lcn")
    most = 62 if params is None else params.L
    if not _rising(layers) or layers[0] < 1 or layers[-1] > most:
        raise ArgumentError(
            "shared_layers", layers, f"are not layers from 1 to {most} in order", "Use (1,), (1, 2), ..."
        )
    if name == "lcn" and layers != tuple(range(1, len(layers) + 1)):
        raise ArgumentError(
            "shared_layers", layers, "are not the first layers of the lcn", "Use (1,), (1, 2), ..."
        )
    if params is not None and params.sparsity != "A":
        raise ArgumentError(
            "shared_layers",
            layers,
            "needs sub-patches, which sparsity B lacks",
            "Use sparsity A, or share no layers",
        )


def check_fit(name: NetName, params: Params, width: int, variant: Variant = "usual") -> None:
    """Refuse a model or a width that a network cannot be built for.

    Raises
    ------
    ArgumentError
        If the width is below 1, or a common network cannot have it, or the inputs are too short for its pools.
    """
    check_instance(Params, params=params)
    check_integer("width", width, least=1)
    if name in COMMON:
        check_common(name, params, width, variant)


def build(
    name: NetName,
    params: Params,
    width: int | None = None,
    seed: int = 0,
    *,
    bias: Bias = "position",
    shared_layers: tuple[int, ...] = (),
    frozen_layers: tuple[int, ...] = (),
    init: Init = "normal",
    encoding: Encoding = "whitened",
    variant: Variant = "usual",
    dtype: Any = "float32",
) -> Network | CommonNetwork:
    """Draw a network for the inputs of a model.

    Every weight of the CNN, the LCN and the FCN is N(0, 1); the common networks start as in PyTorch, every
    weight and bias uniform in +-(fan-in)^(-1/2).

    Parameters
    ----------
    name
        ``"cnn"``, ``"lcn"`` or ``"fcn"``, or one of the common networks ``"vgg11"``, ``"vgg16"``,
        ``"resnet18"``, ``"resnet34"``, ``"efficientnetb0"``.
    params
        The numbers of the model: they fix depth, patches and classes; for a common network the length of its
        inputs and the classes.
    width
        Channels h of a hidden layer; the published width unless given. A common network has its usual numbers
        of channels at width 64, and times width/64 at others, a multiple of 8 for ``"efficientnetb0"``.
    seed
        Any integer from 0 to 2^64 - 1.
    bias
        Biases of the CNN: ``"position"``, ``"shared"`` or ``"none"``; the others have one for each unit.
    shared_layers
        Layers of the CNN or the LCN whose weights are shared over the s0+1 places of a sub-patch; for the LCN the
        first ones, ``(1,)``, ``(1, 2)`` and so on (docs, networks.md). With s0 = 0 it changes nothing.
    frozen_layers
        Layers of the CNN, the LCN or the FCN that stay as they are drawn, L + 1 for the readout.
    init
        ``"normal"``, or ``"hom"`` for hidden weights that start at 1; the common networks have no such option.
    encoding
        The encoding of the inputs, which fixes the channels that enter.
    variant
        ``"usual"``, or ``"published"`` for a common network as the published code ran it: a ResNet averages
        over pools of 4 positions, which drop the fifth of 5, and an EfficientNet has no drop-connect. There is
        none of a VGG, which was run as usual.
    dtype
        Type of the weights: ``"float32"``, or ``"float64"`` where JAX is set to 64 bits.

    Raises
    ------
    ArgumentError
        If an argument is not one of these, or the inputs are too short for the pools of a common network.

    Examples
    --------
    >>> params = Params(n_c=4, v=4, m=4, s=2, s0=1, L=2)
    >>> net = build("cnn", params, width=8)
    >>> [layer.weight.shape for layer in net.layers], net.readout.shape
    ([(16, 8), (32, 8)], (8, 4))
    """
    check_instance(Params, params=params)
    check_choice("name", name, NAMES, "is not a network")
    check_options(name, bias, init, shared_layers, variant, params, frozen_layers)
    double: bool = jax.config.jax_enable_x64  # pyright: ignore[reportAttributeAccessIssue]
    if getattr(dtype, "__name__", str(dtype)) not in ("float32", "float64")[: 1 + double]:
        raise ArgumentError(
            "dtype", dtype, "is not a type of weights", "Use 'float32', or 'float64' with jax_enable_x64"
        )
    width = default_width(name, params) if width is None else check_integer("width", width, least=1)
    check_fit(name, params, width, variant)
    backend_name()  # refuses where there is none
    key, channels = role_key(seed, "network"), encoding_channels(params, encoding)
    design = Design(name, params, width, encoding, bool(shared_layers))
    if name in COMMON:
        drawn = draw_common(name, params, width, key, channels, dtype=dtype, variant=variant)
        return replace(drawn, design=design)
    options: dict[str, Any] = {"bias": bias} if name == "cnn" else {}
    if shared_layers:
        options["shared_layers"] = shared_layers
    drawn = NETS[name](params, width, key, channels, init=init, dtype=dtype, **options)
    return replace(drawn, frozen=frozen_layers, design=design)


__all__ = [
    "COMMON",
    "NAMES",
    "NETS",
    "Active",
    "Bias",
    "CommonName",
    "CommonNetwork",
    "Design",
    "FullConnection",
    "Init",
    "Leaves",
    "LocalConnection",
    "NetName",
    "Network",
    "PatchConvolution",
    "PatchLayer",
    "StatefulNetwork",
    "Variant",
    "build",
    "check_fit",
    "check_options",
    "check_scores",
    "check_trainable",
    "cnn",
    "default_width",
    "design_of",
    "encoding_for",
    "fcn",
    "lcn",
    "outputs",
    "sees_patches",
    "width_of",
]
