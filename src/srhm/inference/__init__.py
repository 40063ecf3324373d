"""Exact inference by belief propagation (inside-outside): from an input, clean or noisy, to the posterior of the
choices that produced it (docs, inference.md).
"""

from ..model.encoding import MASKED
from ..model.filtering import filtered
from .bayes import bayes_error
from .forward_backward import forward_backward
from .noise import BeliefNoise, Masking, UniformNoise
from .parse import parse, validity
from .prediction import annotate, masked_symbol, next_symbol, prefix_posterior, surprisal
from .queries import class_posterior, log_likelihood, posterior
from .single import most_probable, sample_posterior

__all__ = [
    "MASKED",
    "BeliefNoise",
    "Masking",
    "UniformNoise",
    "annotate",
    "bayes_error",
    "class_posterior",
    "filtered",
    "forward_backward",
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
