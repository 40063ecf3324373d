"""Exact queries of an input: its likelihood, and the posterior of its class and of every latent."""

from typing import Any

from jaxtyping import Float, UInt32

from ..errors import check_instance
from ..model.grammar import Grammar
from ..model.params import Params
from .chunks import Invalid, check_invalid, in_chunks, refuse_impossible
from .downward import Posterior, classes, descend
from .log_domain import SUM
from .upward import ascend


def log_likelihood(grammar: Grammar, evidence: Float[Any, "sample *shape symbol"]) -> Float[Any, " sample"]:
    """Return ln p(received) of each sample, -inf if the grammar cannot have produced it.

    Its derivative with respect to the evidence is the posterior of the symbol at every position.

    Parameters
    ----------
    grammar
        The production rules.
    evidence
        ln p(received | symbol) for each of the v + 1 symbols at each position, the blank last, in float32 or
        float64: from :class:`~srhm.inference.UniformNoise`, :class:`~srhm.inference.Masking` or elsewhere. In the plane
        it may be [sample, row, column, symbol] too; results are over positions in tree order, of the same dtype. NumPy
        arrays are computed directly; JAX arrays by a compiled program, which can be part of another one and can be
        differentiated. A row of the result depends only on the same row of the evidence, to the bit.

    Raises
    ------
    ArgumentError
        If the evidence has the wrong shape or dtype, or (NumPy arrays only) contains nan or +inf.

    Examples
    --------
    >>> import numpy as np
    >>> from srhm import Params
    >>> from srhm.inference import MASKED, Masking
    >>> grammar = Grammar(Params(n_c=2, v=2, m=1, s=2, s0=1, L=1))
    >>> evidence = Masking().evidence(grammar.params, np.full((1, 4), MASKED))
    >>> log_likelihood(grammar, evidence)  # everything is masked
    array([0.], dtype=float32)
    """
    check_instance(Grammar, grammar=grammar)
    return in_chunks(_log_likelihood, grammar, evidence)


def class_posterior(
    grammar: Grammar, evidence: Float[Any, "sample *shape symbol"], *, invalid: Invalid = "raise"
) -> Float[Any, "sample class_"]:
    """Return p(class | received) of each sample, at about half the cost of :func:`posterior`.

    Its largest entry is the Bayes-optimal guess.

    Parameters
    ----------
    grammar, evidence
        As for :func:`log_likelihood`.
    invalid
        What happens with samples of probability zero, which this grammar cannot have produced: ``"raise"``, the
        default, an error that names them; ``"mask"``, all their probabilities are zero, as always with JAX arrays.

    Raises
    ------
    ArgumentError
        As for :func:`log_likelihood`; and, by default and for NumPy arrays, if samples have probability zero.
    """
    check_instance(Grammar, grammar=grammar)
    check_invalid(invalid)
    found, label = in_chunks(_classes, grammar, evidence)
    if invalid == "raise":
        refuse_impossible(found)
    return label


def posterior(
    grammar: Grammar, evidence: Float[Any, "sample *shape symbol"], *, invalid: Invalid = "raise"
) -> Posterior:
    """Return the posterior of the class, of the symbol at every position of every level, and of every rule.

    Parameters
    ----------
    grammar, evidence
        As for :func:`log_likelihood`.
    invalid
        As for :func:`class_posterior`. The masked samples are those of the log-likelihood -inf.

    Raises
    ------
    ArgumentError
        As for :func:`class_posterior`.

    Examples
    --------
    >>> import numpy as np
    >>> from srhm import Params
    >>> from srhm.inference import Masking
    >>> params = Params(n_c=2, v=2, m=1, s=2, s0=1, L=1)
    >>> grammar = Grammar.from_rules(params, [[[[0, 1]], [[1, 1]]]])  # class 0 -> (0, 1), class 1 -> (1, 1)
    >>> evidence = Masking().evidence(params, np.array([[-2, -1, -1, 1]]))  # the first feature is masked
    >>> found = posterior(grammar, evidence)
    >>> found.label, found.symbols[0][0, 0]
    (array([[0.5, 0.5]], dtype=float32), array([0.5, 0.5, 0. ], dtype=float32))
    """
    check_instance(Grammar, grammar=grammar)
    check_invalid(invalid)
    found = in_chunks(_posterior, grammar, evidence)
    if invalid == "raise":
        refuse_impossible(found.log_likelihood)
    return found


# The kernels of these queries, samples last.

_Evidence = Float[Any, "position symbol sample"]
_Rows = UInt32[Any, " sample"]


def _log_likelihood(params: Params, tables: Any, evidence: _Evidence, rows: _Rows) -> Any:
    return classes(ascend(params, tables, evidence, SUM))[0]


def _classes(params: Params, tables: Any, evidence: _Evidence, rows: _Rows) -> Any:
    return classes(ascend(params, tables, evidence, SUM))


def _posterior(params: Params, tables: Any, evidence: _Evidence, rows: _Rows) -> Posterior:
    return descend(params, tables, ascend(params, tables, evidence, SUM))
