"""The names of the namespace ``srhm``, which imports them when the first one is used."""

from .compat import rhm
from .errors import ArgumentError, MissingExtraError, SrhmError
from .inference import parse
from .model.catalogue import Instance, instances, load
from .model.dataset import Batch, Dataset, Split, split
from .model.derivation import (
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
from .model.encoding import Encoding, channels, encode
from .model.grammar import Grammar
from .model.params import Params
from .model.stream import Stream
from .randomness import STREAM_VERSION

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
