"""Networks, one module for each family (docs, networks.md)."""

from . import standard
from .active import Active, Leaves
from .cnn import CNN
from .design import Design, design_of, encoding_for
from .family import FAMILIES, Family, Rate, register
from .fcn import FCN
from .lcn import LCN
from .network import Network, check_scores, check_trainable, outputs, width_of
from .patch_layer import PatchLayer, sees_patches
from .spec import NetSpec, build, netspec, predict
from .stateful import StatefulNetwork

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
    "netspec",
    "outputs",
    "predict",
    "register",
    "sees_patches",
    "width_of",
]
