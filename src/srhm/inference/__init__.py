"""Exact inference by belief propagation (inside-outside): from an input, clean or noisy, to the posterior of the
choices that produced it (docs, inference.md).
"""

from .bayes import BayesError, bayes_error, channel_error
from .channel import MASKED, Channel
from .downward import Posterior
from .parse import parse
from .queries import Entropies, class_posterior, entropies, log_likelihood, posterior
from .single import MostProbable, most_probable, sample_posterior

__all__ = [
    "MASKED",
    "BayesError",
    "Channel",
    "Entropies",
    "MostProbable",
    "Posterior",
    "bayes_error",
    "channel_error",
    "class_posterior",
    "entropies",
    "log_likelihood",
    "most_probable",
    "parse",
    "posterior",
    "sample_posterior",
]
