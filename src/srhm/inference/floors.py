"""The exact predictor of each task of symbols, and its loss: the floor under the loss of every network."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int, Integer

from ..errors import ArgumentError
from ..model.encoding import MASKED
from ..model.grammar import Grammar
from .noise import clean_evidence
from .prediction import next_symbol, seen_symbols
from .queries import class_posterior, posterior


def exact_hidden(grammar: Grammar, seen: Integer[np.ndarray, "sample position"]) -> np.ndarray:
    """Return the posterior of the symbol at every position, hidden ones being :data:`~srhm.inference.MASKED`."""
    return seen_symbols(grammar, seen)


def exact_next(
    grammar: Grammar, seen: Integer[np.ndarray, "sample position"], positions: str, starts: bool
) -> np.ndarray:
    """Return p(x_t | x_1 ... x_(t-1)) of what :func:`srhm.model.sequences.next_examples` shows."""
    if positions == "last":
        return exact_hidden(grammar, seen)[:, -1:]
    begun = seen[:, 1:] if starts else seen
    # What comes last is predicted and not seen.
    found = next_symbol(grammar, np.pad(begun, ((0, 0), (0, 1)), constant_values=MASKED))
    return found if starts else found[:, 1:]


def exact_level(
    grammar: Grammar, seen: Integer[np.ndarray, "sample position"], level: int
) -> Float[np.ndarray, "sample place symbol"]:
    """Return the posterior of the symbols at a level, L + 1 for the class, in float64.

    Raises
    ------
    ArgumentError
        If the grammar has no symbols there.
    """
    evidence = clean_evidence(grammar.params, seen, np.float64)
    number = grammar.latent_level(level)
    if number is None:
        return np.asarray(class_posterior(grammar, evidence))[:, None]
    return np.asarray(posterior(grammar, evidence).symbols[number - 1])


def surprisals(
    exact: Float[np.ndarray, "sample place symbol"], targets: Any
) -> Float[np.ndarray, "sample place"]:
    """Return -ln p of each target, in nats; 0 for a target of -1, which does not count."""
    if exact.shape[:2] != targets.shape:
        problem = f"does not fit what is predicted, which is {exact.shape}"
        raise ArgumentError("targets", targets.shape, problem, "Use another level, or another grammar")
    chosen = np.take_along_axis(exact, np.maximum(targets, 0)[:, :, None], axis=2)[:, :, 0]
    return -np.log(np.where(targets >= 0, chosen, 1.0))


def summed_surprisal(
    exact: Float[np.ndarray, "sample place symbol"], targets: Any
) -> tuple[Float[np.ndarray, " place"], Int[np.ndarray, " place"]]:
    """Return the sums of -ln p of the targets at each place, and how many there are; a target of -1 does not count."""
    return surprisals(exact, targets).sum(axis=0), (targets >= 0).sum(axis=0)
