"""Tasks that predict symbols: the next one, hidden ones, or those of a hidden level; each with its exact floor."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, Integer

from ..errors import ArgumentError, check_choice, check_integer
from ..inference.floors import exact_hidden, exact_level, exact_next
from ..inference.noise import words_of
from ..inference.uniform_diffusion import UniformDiffusion
from ..model.derivation import Tree
from ..model.encoding import MASKED, Encoding, channels, encode_in_tree_order
from ..model.grammar import Grammar
from ..model.params import Params
from ..model.sequences import (
    blank_last,
    check_masking_rate,
    check_next,
    check_rate,
    hidden_count,
    hidden_positions,
    level_symbols,
    next_examples,
    random_counts,
)
from ..nets import Interface
from ..nets.active import Leaves, Symbols
from ..randomness import Key, fold
from .task import TASKS, Task

_NOISE = 3
"""What the key of a batch is folded with for noise; masks have keys of their own."""

_TIMES = 10
"""Groups of steps whose losses are recorded apart."""


class SymbolTask(Task):
    """A task that predicts symbols by their mean cross-entropy, in nats.

    Targets are symbols [sample, place], -1 where nothing is predicted; a blank is the last symbol.
    """

    predicts_symbols: ClassVar[bool] = True

    def check(self, output: Any, targets: Any, params: Params) -> None:
        """Refuse anything but one score for each symbol at each place."""
        wanted = self.interface(params, "onehot").output_shape(len(targets))
        shape = getattr(output, "shape", None)
        if shape != wanted:
            fix = f"Return {wanted}: the scores of every symbol, the blank last"
            raise ArgumentError("net", shape, f"is the shape of the output for the task {self}", fix)

    def place_losses(self, output: Any, targets: Any) -> Float[Array, "sample place"]:
        """Return the cross-entropy at each place in nats, 0 where nothing is predicted."""
        output = output.reshape(*targets.shape, output.shape[-1])
        found = optax.softmax_cross_entropy_with_integer_labels(output, jnp.maximum(targets, 0))
        return jnp.where(targets < 0, jnp.zeros_like(found), found)

    def losses(self, output: Any, targets: Any) -> Float[Array, " sample"]:
        """Return the mean cross-entropy of a sample over its predictions, in nats."""
        found = self.place_losses(output, targets)
        return found.sum(axis=1) / (targets >= 0).sum(axis=1).astype(found.dtype)

    def errors(self, output: Any, targets: Any) -> Float[Array, " sample"]:
        """Return the fraction of the predictions of a sample whose largest score is another symbol's."""
        output = output.reshape(*targets.shape, output.shape[-1])
        counted = targets >= 0
        wrong = (output.argmax(axis=-1).astype(targets.dtype) != targets) & counted
        return wrong.sum(axis=1).astype(output.dtype) / counted.sum(axis=1).astype(output.dtype)

    def times(self, params: Params) -> int:
        """Return how many times of a process of noise have losses of their own; 0 without such a process."""
        return 0

    def time_of(self, inputs: Symbols, targets: Any) -> Int[Array, " sample"]:
        """Return the time of each sample, from 0."""
        return jnp.zeros(len(targets), jnp.int32)

    @abstractmethod
    def exact(self, grammar: Grammar, symbols: Integer[np.ndarray, "sample position"]) -> np.ndarray:
        """Return the exact probabilities of what is predicted, from the symbols that enter a network.

        Parameters
        ----------
        grammar
            The production rules.
        symbols
            -1 for a blank, :data:`~srhm.inference.MASKED` at a hidden position; as :meth:`examples` gives them.

        Returns
        -------
        array
            [sample, place, symbol], in float64.
        """


@dataclass(frozen=True)
class NextSymbol(SymbolTask):
    """Predict every next symbol from those before it, or the last one from all others.

    Raises
    ------
    ArgumentError
        If an option is unknown, or does not fit the others.
    """

    name: ClassVar[str] = "next"

    positions: Literal["all", "last"] = "all"
    """Which symbols are predicted: all, or the last, which is then hidden from the network."""
    first: bool = True
    """Whether the first symbol is predicted too, of which nothing is known."""
    start: bool | None = None
    """Whether inputs begin with a beginning-of-sequence symbol. Default: where the first symbol is predicted."""

    def __post_init__(self) -> None:
        check_next(self.positions, self.first, self.start)

    @property
    def starts(self) -> bool:
        """Whether inputs begin with a beginning-of-sequence symbol."""
        return check_next(self.positions, self.first, self.start)

    def interface(self, params: Params, encoding: Encoding) -> Interface:
        """Return that of a causal network; for the last symbol of one with a hidden position."""
        symbols, entering = params.level(1).v + 1, channels(params, encoding)
        if self.positions == "last":
            return Interface(entering + 1, params.d, symbols, kind="last")
        length = params.d if self.starts else params.d - 1
        return Interface(entering + self.starts, length, symbols, length, "causal")

    def examples(self, leaves: Leaves, labels: Int[Array, " sample"], key: Key) -> tuple[Symbols, Any]:
        """Return the symbols one position later, and those to predict."""
        shown = self.positions, self.first, self.starts
        seen, targets = next_examples(_symbols(leaves), leaves.params.level(1).v, *shown)
        return _entering(leaves, seen, self.positions == "last" or self.starts), targets

    def exact(self, grammar: Grammar, symbols: Integer[np.ndarray, "sample position"]) -> np.ndarray:
        """Return p(x_t | x_1 ... x_(t-1)); for the last symbol given all others."""
        return exact_next(grammar, symbols, self.positions, self.starts)


class HiddenSymbols(SymbolTask):
    """A task that hides positions of whole inputs, and predicts the symbols there from the others."""

    @abstractmethod
    def count(self, params: Params, key: Key, rows: Any) -> Any:
        """Return how many positions are hidden: a number, or one for each sample, [sample, 1]."""

    def interface(self, params: Params, encoding: Encoding) -> Interface:
        """Return that of a prediction at every position."""
        d = params.d
        return Interface(channels(params, encoding) + 1, d, params.level(1).v + 1, d, "positions")

    def examples(self, leaves: Leaves, labels: Int[Array, " sample"], key: Key) -> tuple[Symbols, Any]:
        """Return the symbols with some hidden, and these."""
        params, grid = leaves.params, _symbols(leaves)
        rows = jnp.arange(len(grid), dtype=jnp.uint32)
        mask = hidden_positions(key, rows, params.d, self.count(params, key, rows))
        targets = blank_last(grid, params.level(1).v)
        return _entering(leaves, jnp.where(mask, MASKED, grid), True), jnp.where(mask, targets, -1)

    def exact(self, grammar: Grammar, symbols: Integer[np.ndarray, "sample position"]) -> np.ndarray:
        """Return the posterior of every position."""
        return exact_hidden(grammar, symbols)


@dataclass(frozen=True)
class MaskedSymbols(HiddenSymbols):
    """Predict hidden symbols from the others. Of every sample equally many are hidden, others in each epoch.

    Raises
    ------
    ArgumentError
        If the rate is not above 0 and below 1.
    """

    name: ClassVar[str] = "masked"

    rate: float = 0.15
    """The share of the positions that are hidden, rounded to a whole number of positions, one at least."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", check_masking_rate(self.rate))

    def count(self, params: Params, key: Key, rows: Any) -> int:
        """Return the same number for all samples."""
        return hidden_count(params, self.rate)

    def interface(self, params: Params, encoding: Encoding) -> Interface:
        """Return that of a prediction at every position, if not all are hidden."""
        hidden_count(params, self.rate)
        return super().interface(params, encoding)


@dataclass(frozen=True)
class Denoise(HiddenSymbols):
    """Predict samples from what a process of diffusion leaves of them, at a time that is drawn for each.

    ``Denoise()``, the absorbing (masked) process, hides of each sample a random number of symbols, uniform from 1 to
    all, and has them predicted. The share that is hidden is the time, and the mean loss of a sample over its hidden
    positions, times d, is in the mean over times a bound on -ln p(sample): that of a model that reveals positions in
    random order. The test loss is over all predictions, so that samples with more hidden positions have more weight.

    ``Denoise("uniform")`` replaces symbols by uniform draws, of the features, and of the blank too if the model has
    blanks, and has all symbols predicted: D3PM (Austin et al., arXiv 2107.03006). Step t replaces a symbol with
    probability beta_t, which grows linearly, and t is uniform from 1 to `steps`. A network is given, in one more
    channel, the same at all positions, the noise level: the probability 1 - (1 - beta_1) ... (1 - beta_t) that a symbol
    has been replaced, which is 0 for clean inputs.

    Raises
    ------
    ArgumentError
        If an option is unknown or out of range, is not one of the process, or if the last step leaves more than 1% of
        the symbols as they are.

    Examples
    --------
    >>> Denoise("uniform").diffusion.levels[[0, 99, 199]].round(5).tolist()
    [0.001, 0.92623, 0.99997]
    """

    name: ClassVar[str] = "denoise"

    process: Literal["absorbing", "uniform"] = "absorbing"
    """The process: symbols are hidden, or replaced by uniform draws."""
    steps: int = 200
    """Steps of the uniform process; the absorbing one has d."""
    beta_first: float = 0.001
    """The probability that the first step of the uniform process replaces a symbol."""
    beta_last: float = 0.1
    """That of its last step."""

    def __post_init__(self) -> None:
        check_choice("process", self.process, ("absorbing", "uniform"), "is not known")
        checked = UniformDiffusion(self.steps, self.beta_first, self.beta_last)
        for name in ("steps", "beta_first", "beta_last"):
            object.__setattr__(self, name, getattr(checked, name))
            if self.process == "absorbing" and getattr(self, name) != getattr(Denoise, name):
                problem = "is of the uniform process"
                raise ArgumentError(name, getattr(self, name), problem, 'Leave it out, or use "uniform"')

    @cached_property
    def diffusion(self) -> UniformDiffusion | None:
        """The steps of the uniform process; None for the absorbing one."""
        if self.process == "absorbing":
            return None
        return UniformDiffusion(self.steps, self.beta_first, self.beta_last)

    def count(self, params: Params, key: Key, rows: Any) -> Any:
        """Return a random number for each sample."""
        return random_counts(key, rows, params.d)

    def examples(self, leaves: Leaves, labels: Int[Array, " sample"], key: Key) -> tuple[Symbols, Any]:
        """Return the symbols with some hidden, and these; or those that some steps leave, and the clean ones."""
        if self.diffusion is None:
            return super().examples(leaves, labels, key)
        params, grid = leaves.params, _symbols(leaves)
        rows = jnp.arange(len(grid), dtype=jnp.uint32)
        steps = random_counts(key, rows, self.steps)[:, 0]
        words = words_of(fold(key, _NOISE), (rows, jnp.zeros_like(rows)), params.d)
        received = self.diffusion.drawn(params, grid, words, steps)
        return self.entering(params, leaves.encoding, received, steps), blank_last(grid, params.level(1).v)

    def entering(self, params: Params, encoding: Encoding, received: Any, steps: Any = None) -> Symbols:
        """Return what enters a network: symbols, and for the uniform process the step of each sample."""
        if self.diffusion is None:
            return Symbols(params, encoding, received, True)
        levels = jnp.take(jnp.asarray(self.diffusion.levels, jnp.float32), steps - 1)
        return Symbols(params, encoding, received, False, steps=steps, noise=levels)

    def times(self, params: Params) -> int:
        """Return the number of positions that may be hidden, or of groups of equally many steps, 10 at most."""
        return params.d if self.diffusion is None else min(_TIMES, self.steps)

    def time_of(self, inputs: Symbols, targets: Any) -> Int[Array, " sample"]:
        """Return how many positions are hidden, less one, or the group of steps."""
        if inputs.steps is None:
            return (targets >= 0).sum(axis=1).astype(jnp.int32) - 1
        return (inputs.steps - 1) * self.times(inputs.params) // self.steps

    def exact(
        self, grammar: Grammar, symbols: Integer[np.ndarray, "sample position"], steps: Any = None
    ) -> np.ndarray:
        """Return the posterior of every position; for the uniform process after the steps, one number a sample."""
        if (steps is None) != (self.diffusion is None):
            fix = "Leave them out" if self.diffusion is None else "Give the step of each sample"
            raise ArgumentError("steps", steps, f"do not fit the {self.process} process", fix)
        if self.diffusion is None:
            return super().exact(grammar, symbols)
        return self.diffusion.exact(grammar, symbols, steps)


@dataclass(frozen=True)
class Latent(SymbolTask):
    """Predict the symbols at all positions of one level, or the class, from whole inputs or from what a mask leaves.

    Raises
    ------
    ArgumentError
        If the level is below 1, or the rate is not from 0 and below 1.
    """

    name: ClassVar[str] = "latent"

    level: int = 2
    """The level, from 1, the input, to L; L + 1 is the class."""
    rate: float = 0.0
    """The share of the input's positions that are hidden, as for :class:`MaskedSymbols`; 0 hides none."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "level", check_integer("level", self.level, minimum=1))
        object.__setattr__(self, "rate", check_rate(self.rate))

    def _of_class(self, params: Params) -> bool:
        check_integer("level", self.level, minimum=1, maximum=params.L + 1)
        return self.level == params.L + 1

    def interface(self, params: Params, encoding: Encoding) -> Interface:
        """Return that of a prediction at every position of the level, or of the class."""
        entering = channels(params, encoding) + (self.rate > 0)
        if self.rate:
            hidden_count(params, self.rate)
        if self._of_class(params):
            return Interface(entering, params.d, params.n_c)
        level = params.level(self.level)
        return Interface(entering, params.d, level.v + 1, level.positions, "positions")

    def latents(self, params: Params, tree: Tree) -> Integer[Any, "sample place"] | None:
        """Return the symbols of the level, the blank last."""
        if self._of_class(params):
            return None
        return level_symbols(
            params, self.level, tree.features[self.level - 1], tree.positions[self.level - 1]
        )

    def examples(self, leaves: Leaves, labels: Int[Array, " sample"], key: Key) -> tuple[Symbols, Any]:
        """Return the symbols, some of them hidden if the rate is above 0, and those of the level."""
        grid = _symbols(leaves)
        if self.rate:
            grid = jnp.where(_mask(leaves.params, grid, self.rate, key), MASKED, grid)
        targets = labels[:, None] if leaves.latents is None else leaves.latents.astype(jnp.int32)
        return _entering(leaves, grid, self.rate > 0), targets

    def exact(self, grammar: Grammar, symbols: Integer[np.ndarray, "sample position"]) -> np.ndarray:
        """Return the posterior of the level's symbols, or of the class."""
        return exact_level(grammar, symbols, self.level)


def _symbols(leaves: Leaves) -> Int[Array, "sample position"]:
    return encode_in_tree_order(leaves.params, leaves.features, leaves.positions, "integer")


def _entering(leaves: Leaves, symbols: Any, hides: bool) -> Symbols:
    return Symbols(leaves.params, leaves.encoding, symbols, hides)


def _mask(params: Params, grid: Any, rate: float, key: Key) -> Any:
    """Return which positions are hidden, equally many of each sample."""
    rows = jnp.arange(len(grid), dtype=jnp.uint32)
    return hidden_positions(key, rows, params.d, hidden_count(params, rate))


TASKS.update({kind.name: kind for kind in (NextSymbol, MaskedSymbols, Denoise, Latent)})
