"""Samples as PyTorch data sets, and PyTorch modules as networks (docs, pytorch.md); needs the extra ``torch``."""

from ..errors import MissingExtraError

try:
    import torch as _torch  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise MissingExtraError("torch", "torch") from None

from .balanced import BalancedBatchSampler
from .endless import EndlessDataset
from .finite import TorchDataset
from .form import Form
from .modules import ModuleLayers
from .networks import to_torch
from .symbols import SymbolDataset

__all__ = [
    "BalancedBatchSampler",
    "EndlessDataset",
    "Form",
    "ModuleLayers",
    "SymbolDataset",
    "TorchDataset",
    "to_torch",
]
