"""Diffusion that replaces symbols by uniform draws, step by step: D3PM with a uniform kernel (arXiv 2107.03006)."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Integer

from ..errors import ArgumentError, check_integer, check_number
from ..model.grammar import Grammar
from ..model.params import Params
from .noise import UniformNoise, Words, spread_over, uniform_draws
from .prediction import symbols_given

_LEFT = 0.01
"""The largest share of symbols that the last step may leave as they were, since samples start from uniform draws."""


@dataclass(frozen=True)
class UniformDiffusion:
    """At step t a symbol is replaced by a uniform draw with probability beta_t, which grows linearly.

    What is drawn from are the features, and the blank if the model has blanks: K symbols. After t steps a symbol has
    been replaced with probability 1 - (1 - beta_1) ... (1 - beta_t), the noise level of :class:`UniformNoise`.

    Raises
    ------
    ArgumentError
        If a number is out of range, or more than 1% of the symbols were left as they are after the last step.
    """

    steps: int = 200
    """The number T of steps."""
    beta_first: float = 0.001
    """The probability at step 1."""
    beta_last: float = 0.1
    """The probability at step T."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", check_integer("steps", self.steps, minimum=1))
        for name in ("beta_first", "beta_last"):
            value = check_number(name, getattr(self, name))
            if not 0 < value < 1:
                raise ArgumentError(name, value, "is not a probability above 0", f"Use 0 < {name} < 1")
            object.__setattr__(self, name, value)
        if (left := 1 - self.levels[-1]) > _LEFT:
            problem = f"leave {left:.2g} of the symbols as they are, and samples start from none"
            raise ArgumentError("steps", self.steps, problem, "Use more steps, or a larger beta_last")

    @cached_property
    def betas(self) -> Float[np.ndarray, " step"]:
        """The probability of each step."""
        return np.linspace(self.beta_first, self.beta_last, self.steps)

    @cached_property
    def levels(self) -> Float[np.ndarray, " step"]:
        """The noise level after each step."""
        return -np.expm1(np.cumsum(np.log1p(-self.betas)))

    def drawn(
        self, params: Params, symbols: Any, words: Words, steps: Any
    ) -> Integer[Any, "sample position"]:
        """Return what is received of symbols after some steps, one number for each sample, from 1."""
        xp = symbols.__array_namespace__()
        bounds = np.minimum(np.rint(self.levels * 2.0**32), 2**32) - 1  # multiples of 2^-32
        bound = xp.take(xp.asarray(bounds.astype(np.uint32)), steps - 1)
        return xp.where(words(0) <= bound[:, None], uniform_draws(params, words), symbols)

    def exact(
        self,
        grammar: Grammar,
        received: Integer[np.ndarray, "sample position"],
        steps: Integer[np.ndarray, " sample"],
    ) -> Float[np.ndarray, "sample position symbol"]:
        """Return the posterior of the symbol at every position, given what is received after some steps."""
        params = grammar.params
        evidence = np.empty((*received.shape, params.level(1).v + 1))
        for step in np.unique(steps):
            own = steps == step
            noise = UniformNoise(float(self.levels[step - 1]))
            evidence[own] = noise.evidence(params, received[own], np.float64)
        return symbols_given(grammar, evidence)

    def before(
        self,
        params: Params,
        received: Integer[np.ndarray, "sample position"],
        beliefs: Float[np.ndarray, "sample position symbol"],
        step: int,
    ) -> Float[np.ndarray, "sample position drawn"]:
        """Return p(x_(t-1) | x_t), of K symbols: q(x_(t-1) | x_t, x_0), averaged over beliefs in x_0.

        Parameters
        ----------
        params
            The parameters of the model.
        received
            x_t, -1 for a blank.
        beliefs
            p(x_0 | x_t) of the symbols, the blank last; without blanks that of the blank is left out.
        step
            t, from 1.
        """
        count = spread_over(params, None)
        beta, now = self.betas[step - 1], self.levels[step - 1]
        earlier = self.levels[step - 2] if step > 1 else 0.0
        same = np.eye(count)[np.where(received < 0, count - 1, received)]
        beliefs = beliefs[:, :, :count] / beliefs[:, :, :count].sum(axis=2, keepdims=True)
        # q(x_(t-1) | x_t, x_0) = q(x_t | x_(t-1)) q(x_(t-1) | x_0) / q(x_t | x_0)
        weights = beliefs / ((1 - now) * same + now / count)
        summed = weights.sum(axis=2, keepdims=True)
        return ((1 - beta) * same + beta / count) * ((1 - earlier) * weights + earlier / count * summed)
