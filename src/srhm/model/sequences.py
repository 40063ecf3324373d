"""What a task of symbols shows to a network and what it asks for: the next symbol, hidden ones, those of a level.

Functions of NumPy or JAX arrays, with the same values for both. What is shown are symbols of the ``"integer"``
encoding, -1 for a blank, and :data:`~srhm.model.encoding.MASKED` where one is hidden. In targets a blank is the last
symbol, and -1 means that nothing is predicted.
"""

from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Integer

from ..errors import ArgumentError, check_choice, check_number
from ..randomness import Key, below, fold, threefry2x32
from .encoding import MASKED, on_grid
from .params import Params

Predicted = Literal["all", "last"]
"""Which symbols a task of next symbols predicts."""

BLOCK = 1024
"""Samples of a test set whose masks have one key."""

_MASK, _COUNT = 1, 2
"""What the key of a batch is folded with for masks: a network that draws random numbers uses the key itself."""


def blank_last(symbols: Integer[Any, "sample position"], v: int) -> Integer[Any, "sample position"]:
    """Return symbols with v for a blank."""
    return symbols.__array_namespace__().where(symbols < 0, np.int32(v), symbols)


def check_next(positions: str, first: bool, start: bool | None) -> bool:
    """Return whether inputs begin with a beginning-of-sequence symbol, given the options of a task of next symbols.

    Raises
    ------
    ArgumentError
        If `positions` is unknown, or `start` does not fit the others.
    """
    check_choice("positions", positions, ("all", "last"), "is not known")
    if start is not None and positions == "last":
        raise ArgumentError("start", start, "is for all positions", "Leave it out")
    if start is False and first:
        problem = "leaves nothing to predict the first symbol from"
        raise ArgumentError("start", start, problem, "Use first=False, or leave it out")
    return first if start is None else start


def next_examples(
    symbols: Integer[Any, "sample position"], v: int, positions: str, first: bool, starts: bool
) -> tuple[Any, Any]:
    """Return what enters, the symbols one position later, and the targets [sample, place].

    A beginning-of-sequence symbol is a hidden one.
    """
    xp, targets = symbols.__array_namespace__(), blank_last(symbols, v)
    hidden = xp.full_like(symbols[:, :1], MASKED)
    if positions == "last":
        return xp.concatenate([symbols[:, :-1], hidden], axis=1), targets[:, -1:]
    if not starts:
        return symbols[:, :-1], targets[:, 1:]
    if not first:
        targets = xp.concatenate([xp.full_like(targets[:, :1], -1), targets[:, 1:]], axis=1)
    return xp.concatenate([hidden, symbols[:, :-1]], axis=1), targets


def check_rate(value: float) -> float:
    """Return the share of the positions that are hidden, if it is at least 0 and below 1."""
    rate = check_number("rate", value)
    if not 0 <= rate < 1:
        problem = "hides everything" if rate == 1 else "is not a share of the positions"
        raise ArgumentError("rate", value, problem, "Use 0 < rate < 1")
    return rate


def check_masking_rate(value: float) -> float:
    """Return the share of the positions that are hidden, if it is above 0 and below 1."""
    rate = check_rate(value)
    if rate == 0:
        raise ArgumentError("rate", 0, "hides nothing: nothing is left to predict", "Use 0 < rate < 1")
    return rate


def hidden_count(params: Params, rate: float) -> int:
    """Return the number of hidden positions of a sample, one at least.

    Raises
    ------
    ArgumentError
        If all would be hidden.
    """
    count = max(1, round(rate * params.d))
    if count == params.d:
        problem = f"hides all d = {params.d} positions: nothing is left to predict from"
        raise ArgumentError("rate", rate, problem, f"Use a rate below {1 - 0.5 / params.d:.3g}")
    return count


def random_counts(key: Key, rows: Integer[Any, " sample"], d: int) -> Integer[Any, "sample 1"]:
    """Return how many of the d positions of each sample are hidden, uniform from 1 to d."""
    words = threefry2x32(fold(key, _COUNT), rows[:, None], rows[:, None] * np.uint32(0))[0]
    return below(words, d).astype(np.int32) + 1


def hidden_positions(
    key: Key, rows: Integer[Any, " sample"], d: int, count: Any
) -> Bool[Any, "sample position"]:
    """Return which of the d positions are hidden, `count` of each sample.

    Parameters
    ----------
    key
        The key of all samples, or keys [sample, 1].
    rows
        The numbers of the samples, uint32 [sample].
    d, count
        The number of positions, and how many of them are hidden: a number, or one for each sample [sample, 1].
    """
    xp = rows.__array_namespace__()
    words = threefry2x32(fold(key, _MASK), rows[:, None], xp.arange(d, dtype=np.uint32)[None])[0]
    rank = xp.argsort(xp.argsort(words, axis=1, stable=True), axis=1, stable=True)
    return rank < count


def level_symbols(
    params: Params, level: int, features: Integer[Any, "sample feature"], positions: Any
) -> Integer[Any, "sample place"]:
    """Return the symbol at every position of a level, the blank last, from its informative features."""
    numbers = params.level(level)
    return blank_last(on_grid(numbers.positions, features, positions), numbers.v)
