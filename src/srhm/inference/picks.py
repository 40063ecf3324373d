"""Ways to pick one of several options: the best one, or one at random in proportion to its weight."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, Integer, UInt32

from ..randomness import Key, fold, threefry2x32

Pick = Callable[[Float[Any, "option node derivation"], int], Integer[Any, "node derivation"]]
"""Of log-weights and the number of the choice among those of a level, the option taken."""


def best(weights: Float[Any, "option node derivation"], choice: int) -> Integer[Any, "node derivation"]:
    """Take the option of the largest weight, the first of equals."""
    return weights.__array_namespace__().argmax(weights, axis=0).astype(np.int32)


def random(key: Key, number: UInt32[Any, " derivation"]) -> Pick:
    """Return a pick in proportion to exp(weight), a function of a derivation's key and number alone.

    Each option adds -ln(-ln u), with u uniform, to its weight, and the largest sum wins (Gumbel, 1954): so an
    impossible option is never taken, and the sum of all weights, with its rounding, is not needed.
    """

    def pick(weights: Float[Any, "option node derivation"], choice: int) -> Integer[Any, "node derivation"]:
        xp = weights.__array_namespace__()
        options, nodes, _ = weights.shape
        option = xp.arange(options * nodes, dtype=np.uint32).reshape(options, nodes, 1)
        own = Key(*(word[None, None, :] for word in fold(key, choice)))
        words, _ = threefry2x32(own, number[None, None, :], option)
        u = ((words >> np.uint32(9)).astype(weights.dtype) + 0.5) * 2.0**-23  # exact, never 0 or 1
        return best(weights - xp.log(-xp.log(u)), choice)

    return pick
