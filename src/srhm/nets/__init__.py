"""Networks, one module for each family (docs, networks.md)."""

from . import standard
from .active import Active, Leaves
from .cnn import CNN
from .design import Design, design_of, encoding_for
from .family import FAMILIES, Family, Rate, register
from .fcn import FCN
from .lcn import LCN
from .network import Network, check_scores, check_trainable, outputs, trained_arrays, width_of
from .patch_layer import PatchLayer, sees_patches
from .spec import NetSpec, build, netspec, predict
from .stateful import StatefulNetwork
from .weights import load, save

for _row in (CNN, LCN, FCN, *standard.ROWS):
    register(_row)

__all__ = [
    "FAMILIES",
    "Active",
    "Design",
    "Family",
    "Leaves",
    "NetSpec",
    "Network",
    "PatchLayer",
    "Rate",
    "StatefulNetwork",
    "build",
    "check_scores",
    "check_trainable",
    "design_of",
    "encoding_for",
    "load",
    "netspec",
    "outputs",
    "predict",
    "register",
    "save",
    "sees_patches",
    "trained_arrays",
    "width_of",
]
