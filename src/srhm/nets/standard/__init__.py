"""Standard architectures in one dimension: VGG, ResNet and EfficientNet (docs, networks.md)."""

from .efficientnet import EFFICIENTNETB0, EfficientNet
from .network import BASE_WIDTH, StandardNetwork
from .resnet import RESNET18, RESNET34, ResNet
from .vgg import VGG, VGG11, VGG16

ROWS = (VGG11, VGG16, RESNET18, RESNET34, EFFICIENTNETB0)
"""The rows of these families."""

__all__ = ["BASE_WIDTH", "ROWS", "VGG", "EfficientNet", "ResNet", "StandardNetwork"]
