"""What is shown of a batch of samples and what is predicted, in tasks that predict symbols, as NumPy arrays."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Integer

from ..inference.floors import exact_hidden, exact_level, exact_next
from ..model.encoding import MASKED
from ..model.grammar import Grammar
from ..model.params import Params
from ..model.sequences import Predicted, blank_last, check_next, next_examples


class Samples(NamedTuple):
    """The samples of a batch."""

    symbols: Integer[np.ndarray, "sample position"]
    """-1 for a blank."""
    labels: Integer[np.ndarray, " sample"] | None = None
    """The classes."""
    latents: Integer[np.ndarray, "sample place"] | None = None
    """The symbols of the level of the task, the blank last."""
    masks: Callable[[int], np.ndarray] | None = None
    """Given how many positions are hidden, which are, [sample, position]."""


@dataclass(frozen=True)
class ShownTask:
    """What is shown and what is predicted, as in the tasks of the same names in :mod:`srhm.training`."""

    scores: int
    """The number of symbols, the blank included, or of classes, that a target is one of."""
    shown: Callable[[Samples], tuple[Any, Any]]
    """Returns the symbols that enter, and the targets [sample, place]; of the latter as much as is known."""
    exact: Callable[[Grammar, np.ndarray], np.ndarray]
    """Returns the exact probabilities [sample, place, symbol], given the grammar and the symbols that enter."""
    hides: bool
    """Whether inputs have a hidden or a beginning-of-sequence symbol."""
    count: int = 0
    """The number of positions that are hidden at random."""
    level: int | None = None
    """The level whose symbols are needed."""


def next_task(params: Params, positions: Predicted, first: bool, start: bool | None) -> ShownTask:
    """Return the task of the next symbol."""
    starts, v = check_next(positions, first, start), params.level(1).v
    shown = partial(_next, v=v, positions=positions, first=first, starts=starts)
    exact = partial(exact_next, positions=positions, starts=starts)
    return ShownTask(v + 1, shown, exact, hides=positions == "last" or starts)


def masked_task(params: Params, count: int) -> ShownTask:
    """Return the task of symbols of which so many are hidden at random."""
    v = params.level(1).v
    return ShownTask(v + 1, partial(_masked, v=v, count=count), exact_hidden, hides=True, count=count)


def latent_task(params: Params, level: int, count: int) -> ShownTask:
    """Return the task of the symbols of a level, L + 1 for the class, with so many positions hidden at random."""
    of_class = level == params.L + 1
    scores = params.n_c if of_class else params.level(level).v + 1
    shown, exact = partial(_latent, of_class=of_class, count=count), partial(exact_level, level=level)
    return ShownTask(scores, shown, exact, count > 0, count, None if of_class else level)


def _next(samples: Samples, **options: Any) -> tuple[Any, Any]:
    return next_examples(samples.symbols, **options)


def _masked(samples: Samples, v: int, count: int) -> tuple[Any, Any]:
    targets = blank_last(samples.symbols, v)
    if samples.masks is None:
        return samples.symbols, np.full_like(targets, -1)
    mask = samples.masks(count)
    return np.where(mask, MASKED, samples.symbols), np.where(mask, targets, -1)


def _latent(samples: Samples, of_class: bool, count: int) -> tuple[Any, Any]:
    seen, targets = samples.symbols, samples.latents
    if count and samples.masks is not None:
        seen = np.where(samples.masks(count), MASKED, seen)
    if of_class and samples.labels is not None:
        targets = samples.labels[:, None]
    return seen, targets
