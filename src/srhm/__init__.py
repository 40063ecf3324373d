"""The Sparse Random Hierarchy Model of Tomasini & Wyart (ICML 2024): sparse, hierarchical data sets.

This namespace holds the data: parameters, rules, derivations, data sets. Networks, training, measurements and
the laboratory are imported by name: ``srhm.nets``, ``srhm.training``, ``srhm.representation``,
``srhm.complexity``, ``srhm.lab``.
"""

from .catalogue import Instance, instances, load
from .dataset import Batch, Dataset, Split, split
from .derivation import (
    Derivation,
    Tree,
    child_offsets,
    enumerate_all,
    exchange_synonyms,
    expand,
    placement_of,
    rank,
    shift,
    unrank,
)
from .encoding import Encoding, channels, encode
from .errors import ArgumentError, MissingExtraError, SrhmError
from .grammar import Grammar
from .inference import parse
from .migration import rhm
from .params import Params
from .randomness import STREAM_VERSION
from .stream import Stream

__version__ = "0.1.0"

__all__ = [
    "STREAM_VERSION",
    "ArgumentError",
    "Batch",
    "Dataset",
    "Derivation",
    "Encoding",
    "Grammar",
    "Instance",
    "MissingExtraError",
    "Params",
    "Split",
    "SrhmError",
    "Stream",
    "Tree",
    "channels",
    "child_offsets",
    "encode",
    "enumerate_all",
    "exchange_synonyms",
    "expand",
    "instances",
    "load",
    "parse",
    "placement_of",
    "rank",
    "rhm",
    "shift",
    "split",
    "unrank",
]
