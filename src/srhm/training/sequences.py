"""Tasks that predict symbols: the next one, hidden ones, or those of a hidden level; each with its exact floor."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, Integer

from ..errors import ArgumentError, check_choice, check_integer, check_number
from ..inference import Channel, class_posterior, masked_symbol, next_symbol, posterior
from ..model.derivation import Tree
from ..model.encoding import MASKED, Encoding, channels, encode, on_grid
from ..model.grammar import Grammar
from ..model.params import Params
from ..nets import Interface, Leaves
from ..nets.active import Symbols
from ..randomness import Key, fold, threefry2x32
from .task import TASKS, Task

_MASK = 1
"""What the key of a batch is folded with for masks: a network that draws random numbers uses the key itself."""


class SymbolTask(Task):
    """A task that predicts symbols by their mean cross-entropy, in nats.

    Targets are symbols [sample, place], -1 where nothing is predicted; a blank is the last symbol.
    """

    predicts_symbols: ClassVar[bool] = True

    def check(self, output: Any, targets: Any, params: Params) -> None:
        """Refuse anything but one score for each symbol at each place."""
        wanted = (*targets.shape, self.interface(params, "onehot").scores)
        if self.interface(params, "onehot").kind in ("class", "last"):
            wanted = (wanted[0], wanted[2])
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
        check_choice("positions", self.positions, ("all", "last"), "is not known")
        if self.start is not None and self.positions == "last":
            raise ArgumentError("start", self.start, "is for all positions", "Leave it out")
        if self.start is False and self.first:
            problem = "leaves nothing to predict the first symbol from"
            raise ArgumentError("start", self.start, problem, "Use first=False, or leave it out")

    @property
    def starts(self) -> bool:
        """Whether inputs begin with a beginning-of-sequence symbol."""
        return self.first if self.start is None else self.start

    def interface(self, params: Params, encoding: Encoding) -> Interface:
        """Return that of a causal network; for the last symbol of one with a hidden position."""
        symbols, entering = params.level(1).v + 1, channels(params, encoding)
        if self.positions == "last":
            return Interface(entering + 1, params.d, symbols, kind="last")
        length = params.d if self.starts else params.d - 1
        return Interface(entering + self.starts, length, symbols, length, "causal")

    def examples(self, leaves: Leaves, labels: Int[Array, " sample"], key: Key) -> tuple[Symbols, Any]:
        """Return the symbols one position later, and those to predict."""
        grid, targets = _symbols(leaves)
        if self.positions == "last":
            hidden = jnp.full_like(grid[:, :1], MASKED)
            return _entering(leaves, jnp.concatenate([grid[:, :-1], hidden], axis=1), True), targets[:, -1:]
        if not self.starts:
            return _entering(leaves, grid[:, :-1], False), targets[:, 1:]
        shifted = jnp.concatenate([jnp.full_like(grid[:, :1], MASKED), grid[:, :-1]], axis=1)
        if not self.first:
            targets = targets.at[:, 0].set(-1)
        return _entering(leaves, shifted, True), targets

    def exact(self, grammar: Grammar, symbols: Integer[np.ndarray, "sample position"]) -> np.ndarray:
        """Return p(x_t | x_1 ... x_(t-1)); for the last symbol given all others."""
        if self.positions == "last":
            return masked_symbol(grammar, symbols, symbols == MASKED)[:, -1:]
        begun = symbols[:, 1:] if self.starts else symbols
        # What comes last is predicted and not seen.
        found = next_symbol(grammar, np.pad(begun, ((0, 0), (0, 1)), constant_values=MASKED))
        return found if self.starts else found[:, 1:]


@dataclass(frozen=True)
class MaskedSymbols(SymbolTask):
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
        object.__setattr__(self, "rate", _share(self.rate))
        if self.rate == 0:
            raise ArgumentError("rate", 0, "hides nothing: nothing is left to predict", "Use 0 < rate < 1")

    def hidden(self, params: Params) -> int:
        """Return the number of hidden positions of a sample."""
        count = max(1, round(self.rate * params.d))
        if count == params.d:
            problem = f"hides all d = {params.d} positions: nothing is left to predict from"
            raise ArgumentError("rate", self.rate, problem, f"Use a rate below {1 - 0.5 / params.d:.3g}")
        return count

    def interface(self, params: Params, encoding: Encoding) -> Interface:
        """Return that of a prediction at every position."""
        self.hidden(params)
        d = params.d
        return Interface(channels(params, encoding) + 1, d, params.level(1).v + 1, d, "positions")

    def examples(self, leaves: Leaves, labels: Int[Array, " sample"], key: Key) -> tuple[Symbols, Any]:
        """Return the symbols with some hidden, and these."""
        grid, targets = _symbols(leaves)
        mask = _mask(grid.shape, self.hidden(leaves.params), key)
        return _entering(leaves, jnp.where(mask, MASKED, grid), True), jnp.where(mask, targets, -1)

    def exact(self, grammar: Grammar, symbols: Integer[np.ndarray, "sample position"]) -> np.ndarray:
        """Return the posterior of every position."""
        return masked_symbol(grammar, symbols, symbols == MASKED)


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
        object.__setattr__(self, "rate", _share(self.rate))

    def _of_class(self, params: Params) -> bool:
        check_integer("level", self.level, minimum=1, maximum=params.L + 1)
        return self.level == params.L + 1

    def interface(self, params: Params, encoding: Encoding) -> Interface:
        """Return that of a prediction at every position of the level, or of the class."""
        entering = channels(params, encoding) + (self.rate > 0)
        if self.rate:
            MaskedSymbols(self.rate).hidden(params)
        if self._of_class(params):
            return Interface(entering, params.d, params.n_c)
        level = params.level(self.level)
        return Interface(entering, params.d, level.v + 1, level.positions, "positions")

    def latents(self, params: Params, tree: Tree) -> Integer[Any, "sample place"] | None:
        """Return the symbols of the level, the blank last."""
        if self._of_class(params):
            return None
        level = params.level(self.level)
        grid = on_grid(level.positions, tree.features[self.level - 1], tree.positions[self.level - 1])
        return grid.__array_namespace__().where(grid < 0, np.int32(level.v), grid)

    def examples(self, leaves: Leaves, labels: Int[Array, " sample"], key: Key) -> tuple[Symbols, Any]:
        """Return the symbols, some of them hidden if the rate is above 0, and those of the level."""
        grid, _ = _symbols(leaves)
        if self.rate:
            count = MaskedSymbols(self.rate).hidden(leaves.params)
            grid = jnp.where(_mask(grid.shape, count, key), MASKED, grid)
        targets = labels[:, None] if leaves.latents is None else leaves.latents.astype(jnp.int32)
        return _entering(leaves, grid, self.rate > 0), targets

    def exact(self, grammar: Grammar, symbols: Integer[np.ndarray, "sample position"]) -> np.ndarray:
        """Return the posterior of the level's symbols, or of the class."""
        evidence = Channel().evidence(grammar.params, symbols, np.float64)
        if self._of_class(grammar.params):
            return np.asarray(class_posterior(grammar, evidence))[:, None]
        return np.asarray(posterior(grammar, evidence).symbols[self.level - 1])


def _share(value: float) -> float:
    rate = check_number("rate", value)
    if not 0 <= rate < 1:
        problem = "hides everything" if rate == 1 else "is not a share of the positions"
        raise ArgumentError("rate", value, problem, "Use 0 < rate < 1")
    return rate


def _symbols(leaves: Leaves) -> tuple[Int[Array, "sample position"], Int[Array, "sample position"]]:
    """Return the symbols with -1 for a blank, and with the blank as the last symbol."""
    grid = encode(leaves.params, leaves.features, leaves.positions, "integer")
    return grid, jnp.where(grid < 0, leaves.params.level(1).v, grid)


def _entering(leaves: Leaves, symbols: Any, hides: bool) -> Symbols:
    return Symbols(leaves.params, leaves.encoding, symbols, hides)


def _mask(shape: tuple[int, ...], count: int, key: Key) -> Any:
    """Return which positions are hidden, `count` of each sample."""
    samples, d = (jnp.arange(size, dtype=jnp.uint32) for size in shape)
    words = threefry2x32(fold(key, _MASK), samples[:, None], d[None])[0]
    rank = jnp.argsort(jnp.argsort(words, axis=1), axis=1)
    return rank < count


def floor(
    task: SymbolTask, grammar: Grammar, symbols: Integer[np.ndarray, "sample position"], targets: Any
) -> tuple[Float[np.ndarray, " place"], Int[np.ndarray, " place"]]:
    """Return the sums of -ln p, p exact, of the targets at each place, and how many there are."""
    exact, counted = task.exact(grammar, symbols), targets >= 0
    chosen = np.take_along_axis(exact, np.maximum(targets, 0)[:, :, None], axis=2)[:, :, 0]
    return -np.log(np.where(counted, chosen, 1.0)).sum(axis=0), counted.sum(axis=0)


TASKS.update({kind.name: kind for kind in (NextSymbol, MaskedSymbols, Latent)})
