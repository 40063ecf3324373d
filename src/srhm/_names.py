"""The names of the namespace ``srhm``, which imports them when the first one is used."""

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
