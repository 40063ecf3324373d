"""The model: its numbers, rules, derivations and samples. All of it can be imported from srhm too."""

from .catalogue import instances, load
from .dataset import Dataset
from .derivation import Derivation, enumerate_all, expand, rank, unrank
from .encoding import Encoding, encode
from .grammar import Grammar
from .holdout import Placements, RulePairs, Tuples
from .params import Params
from .resampling import (
    diffeomorphism,
    exchange_synonyms,
    resample_placements,
    resample_rules,
    resample_symbols,
)
from .splitting import split
from .stream import Stream
from .weights import LogNormal, Zipf

__all__ = [
    "Dataset",
    "Derivation",
    "Encoding",
    "Grammar",
    "LogNormal",
    "Params",
    "Placements",
    "RulePairs",
    "Stream",
    "Tuples",
    "Zipf",
    "diffeomorphism",
    "encode",
    "enumerate_all",
    "exchange_synonyms",
    "expand",
    "instances",
    "load",
    "rank",
    "resample_placements",
    "resample_rules",
    "resample_symbols",
    "split",
    "unrank",
]
