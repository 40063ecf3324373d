"""Networks, one module for each family (docs, networks.md)."""

from . import standard
from .active import Leaves
from .cnn import CNN
from .design import Design
from .family import FAMILIES, Family, Rate, register
from .fcn import FCN
from .interface import Interface
from .lcn import LCN
from .network import Network, outputs
from .spec import NetSpec, build, predict
from .stateful import StatefulNetwork
from .transformer import TRANSFORMER
from .weights import load, load_weights, save

for _row in (CNN, LCN, FCN, *standard.ROWS, TRANSFORMER):
    register(_row)

__all__ = [
    "FAMILIES",
    "Design",
    "Family",
    "Interface",
    "Leaves",
    "NetSpec",
    "Network",
    "Rate",
    "StatefulNetwork",
    "build",
    "load",
    "load_weights",
    "outputs",
    "predict",
    "register",
    "save",
]
