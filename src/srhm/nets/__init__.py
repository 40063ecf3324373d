"""Networks, one module for each family (docs, networks.md)."""

from . import standard
from .cnn import CNN
from .design import Design
from .family import FAMILIES, Family, Rate, register
from .fcn import FCN
from .interface import Interface
from .lcn import LCN
from .network import Network
from .spec import NetSpec, build, predict
from .transformer import TRANSFORMER
from .unet import UNET
from .weights import load, load_weights, save

for _row in (CNN, LCN, FCN, *standard.ROWS, TRANSFORMER, UNET):
    register(_row)

__all__ = [
    "FAMILIES",
    "Design",
    "Family",
    "Interface",
    "NetSpec",
    "Network",
    "Rate",
    "build",
    "load",
    "load_weights",
    "predict",
    "register",
    "save",
]
