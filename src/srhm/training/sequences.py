"""Tasks that predict symbols: the next one, hidden ones, or those of a hidden level; each with its exact floor."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, Integer

from ..errors import ArgumentError, check_integer
from ..inference.floors import exact_hidden, exact_level, exact_next, summed_surprisal
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
from ..randomness import Key
from .task import TASKS, Task


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
    """Predict hidden symbols, of each sample a random number, uniform from 1 to all: absorbing (masked) diffusion.

    The share that is hidden is the time of the process, and the mean loss of a sample over its hidden positions, times
    d, is in the mean over times a bound on -ln p(sample): that of a model that reveals positions in random order. The
    test loss is over all predictions, so that samples with more hidden positions have more weight in it.
    """

    name: ClassVar[str] = "denoise"

    def count(self, params: Params, key: Key, rows: Any) -> Any:
        """Return a random number for each sample."""
        return random_counts(key, rows, params.d)


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


def floor(
    task: SymbolTask, grammar: Grammar, symbols: Integer[np.ndarray, "sample position"], targets: Any
) -> tuple[Float[np.ndarray, " place"], Int[np.ndarray, " place"]]:
    """Return the sums of -ln p, p exact, of the targets at each place, and how many there are."""
    return summed_surprisal(task.exact(grammar, symbols), targets)


TASKS.update({kind.name: kind for kind in (NextSymbol, MaskedSymbols, Denoise, Latent)})
