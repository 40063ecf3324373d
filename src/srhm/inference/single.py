"""Single derivations of an input: the most probable one, and samples from the posterior."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, UInt32

from ..errors import check_instance, check_integer
from ..model.derivation import Derivation
from ..model.grammar import Grammar
from ..model.params import Params
from ..randomness import Key, fold, role_key, scan, threefry2x32
from . import picks
from .backtrack import backtrack
from .chunks import in_chunks, mapped, refuse_impossible
from .downward import classes
from .log_domain import MAX, SUM, finite
from .upward import ascend

_DRAWS, _NUMBERS = 64, 2**22
"""Maximum number of draws per sample at a time, and of numbers in the largest array of 16 samples with all draws."""


class MostProbable(NamedTuple):
    """The most probable derivation of each sample."""

    derivation: Derivation
    """The derivation."""
    log_probability: Float[Any, " sample"]
    """ln p(derivation | received)."""


def most_probable(grammar: Grammar, evidence: Float[Any, "sample *shape symbol"]) -> MostProbable:
    """Return the derivation with the largest posterior probability; one of them if several are equal.

    Parameters
    ----------
    grammar, evidence
        As for :func:`~srhm.inference.log_likelihood`.

    Raises
    ------
    ArgumentError
        As for :func:`~srhm.inference.class_posterior`.
    """
    check_instance(Grammar, grammar=grammar)
    found, *both = in_chunks(_most_probable, grammar, evidence)
    refuse_impossible(found)
    return MostProbable(*both)


def sample_posterior(
    grammar: Grammar, evidence: Float[Any, "sample *shape symbol"], draws: int = 1, seed: int = 0
) -> Derivation:
    """Draw derivations from the posterior of each sample, independently.

    Parameters
    ----------
    grammar, evidence
        As for :func:`~srhm.inference.log_likelihood`.
    draws
        Number of draws for each sample.
    seed
        Any integer from 0 to 2^64 - 1. Draw k of sample i is a function of (evidence of sample i, seed, i, k).

    Returns
    -------
    Derivation
        A batch of `draws` derivations per sample: first those of sample 0, then those of sample 1, and so on.

    Raises
    ------
    ArgumentError
        As for :func:`~srhm.inference.class_posterior`; or if `draws` is below 1, or the seed is out of range.
    """
    check_instance(Grammar, grammar=grammar)
    draws = check_integer("draws", draws, minimum=1, maximum=2**31 - 1)
    options = max(level.m * level.nodes for level in grammar.params.levels)
    parts = -(-draws // max(1, min(_DRAWS, _NUMBERS // (16 * options))))
    numbers = np.arange(parts * -(-draws // parts), dtype=np.uint32).reshape(parts, -1)
    found, drawn = in_chunks(_draw, grammar, evidence, role_key(seed, "posterior"), numbers)
    refuse_impossible(found)

    def in_turn(choices: Any) -> Any:  # [sample, node, draw] to [derivation, node]
        xp = choices.__array_namespace__()
        choices = xp.moveaxis(choices[..., :draws], -1, 1)
        return choices.reshape(-1, *choices.shape[2:])

    return mapped(in_turn, drawn)


_Evidence = Float[Any, "position symbol sample"]
_Rows = UInt32[Any, " sample"]


def _most_probable(params: Params, tables: Any, evidence: _Evidence, rows: _Rows) -> Any:
    likelihood, _ = classes(ascend(params, tables, evidence, SUM))
    upward = ascend(params, tables, evidence, MAX)
    sample = evidence.__array_namespace__().arange(evidence.shape[2])
    derivation = backtrack(params, tables, upward, lambda level: picks.best, sample)
    return likelihood, derivation, MAX.total(upward.classes, 0) - upward.prior - finite(likelihood)


def _draw(
    params: Params, tables: Any, evidence: _Evidence, rows: _Rows, key: Key, draws: UInt32[Any, "part draw"]
) -> Any:
    xp, (samples,) = evidence.__array_namespace__(), rows.shape
    upward = ascend(params, tables, evidence, SUM)
    sample = xp.tile(xp.arange(samples), draws.shape[1])

    def one(state: None, draw: UInt32[Any, " draw"]) -> tuple[None, Any]:
        own = Key(*threefry2x32(key, xp.repeat(draw, samples), xp.zeros_like(rows[sample])))
        label, rules, placements = backtrack(
            params, tables, upward, lambda level: picks.random(fold(own, level), rows[sample]), sample
        )
        return state, (label[None], *rules, *placements)

    def apart(drawn: Any) -> Any:  # [part, node, derivation] to [node, draw, sample]
        return xp.moveaxis(drawn, 0, 1).reshape(drawn.shape[1], draws.size, samples)

    _, (label, *choices) = scan(xp, one, None, draws)
    drawn = Derivation(
        apart(label)[0], mapped(apart, tuple(choices[: params.L])), mapped(apart, tuple(choices[params.L :]))
    )
    return classes(upward)[0], drawn
