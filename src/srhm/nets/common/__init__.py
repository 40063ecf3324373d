"""Common networks in one dimension: VGG, ResNet and EfficientNet (docs, networks.md)."""

from typing import Any, Literal

from ...model.params import Params
from ...randomness import Key
from .efficientnet import EfficientNet, check_efficientnet, efficientnet
from .network import BASE_WIDTH, CommonNetwork, Variant
from .resnet import ResNet, check_resnet, resnet
from .vgg import VGG, check_vgg, vgg

CommonName = Literal["vgg11", "vgg16", "resnet18", "resnet34", "efficientnetb0"]
COMMON: tuple[CommonName, ...] = ("vgg11", "vgg16", "resnet18", "resnet34", "efficientnetb0")
"""The common networks by name."""


def draw_common(
    name: CommonName, params: Params, width: int, key: Key, channels: int, *, dtype: Any, variant: Variant
) -> CommonNetwork:
    """Draw a common network as PyTorch initialises it; see :func:`srhm.nets.build`."""
    if name.startswith("vgg"):
        return vgg(name, params, width, key, channels, dtype)
    if name == "efficientnetb0":
        return efficientnet(params, width, key, channels, dtype, variant)
    return resnet(name, params, width, key, channels, dtype, variant)


def check_common(name: CommonName, params: Params, width: int, variant: Variant) -> None:
    """Refuse a length, a width or a variant that a common network cannot have.

    Raises
    ------
    ArgumentError
        If the inputs are too short for its pools, there is no such variant of it, or a number of channels would
        not be whole.
    """
    if name.startswith("vgg"):
        check_vgg(name, params, variant)
    elif name == "efficientnetb0":
        check_efficientnet(name, width)
    else:
        check_resnet(name, params, variant)


__all__ = [
    "BASE_WIDTH",
    "COMMON",
    "VGG",
    "CommonName",
    "CommonNetwork",
    "EfficientNet",
    "ResNet",
    "Variant",
    "check_common",
    "draw_common",
]
