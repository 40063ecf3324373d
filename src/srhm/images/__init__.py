"""Smooth deformations of images, the stability of networks to them, and images to measure it on (docs, images.md)."""

from .data import cifar10, digits, fashion_mnist
from .deformation import Deformation
from .stability import relative_stability

__all__ = ["Deformation", "cifar10", "digits", "fashion_mnist", "relative_stability"]
