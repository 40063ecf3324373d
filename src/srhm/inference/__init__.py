"""Exact inference by belief propagation (inside-outside): from an input, clean or noisy, to the posterior of the
choices that produced it (docs, inference.md).
"""

from ..model.encoding import MASKED
from ..model.filtering import filtered
from .bayes import bayes_error, channel_error
from .channel import Channel
from .parse import parse, validity
from .prediction import annotate, masked_symbol, next_symbol, prefix_posterior, surprisal
from .queries import class_posterior, entropies, log_likelihood, posterior
from .single import most_probable, sample_posterior

__all__ = [
    "MASKED",
    "Channel",
    "annotate",
    "bayes_error",
    "channel_error",
    "class_posterior",
    "entropies",
    "filtered",
    "log_likelihood",
    "masked_symbol",
    "most_probable",
    "next_symbol",
    "parse",
    "posterior",
    "prefix_posterior",
    "sample_posterior",
    "surprisal",
    "validity",
]
