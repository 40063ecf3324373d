"""The model: its numbers, rules, derivations and samples. All of it can be imported from srhm too."""

from .catalogue import Instance, instances, load
from .dataset import Batch, Dataset, Split, split
from .derivation import (
    Derivation,
    Tree,
    child_offsets,
    diffeomorphism,
    enumerate_all,
    exchange_synonyms,
    expand,
    placement_of,
    rank,
    unrank,
)
from .encoding import Encoding, channels, encode
from .grammar import Grammar
from .params import Params
from .stream import Stream
from .weights import LogNormal, Zipf

__all__ = [
    "Batch",
    "Dataset",
    "Derivation",
    "Encoding",
    "Grammar",
    "Instance",
    "LogNormal",
    "Params",
    "Split",
    "Stream",
    "Tree",
    "Zipf",
    "channels",
    "child_offsets",
    "diffeomorphism",
    "encode",
    "enumerate_all",
    "exchange_synonyms",
    "expand",
    "instances",
    "load",
    "placement_of",
    "rank",
    "split",
    "unrank",
]
