"""What is shown of a batch of samples and what is predicted, in tasks that predict symbols, as NumPy arrays."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Integer

from ..inference.floors import exact_hidden, exact_level, exact_next
from ..model.encoding import MASKED
from ..model.grammar import Grammar
from ..model.params import Params
from ..model.sequences import Predicted, blank_last, next_examples


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


class ShownTask(ABC):
    """What is shown and what is predicted; see the tasks of the same names in :mod:`srhm.training`."""

    count: int = 0
    """The number of positions that are hidden at random."""

    @property
    def hides(self) -> bool:
        """Whether inputs have a hidden or a beginning-of-sequence symbol."""
        return self.count > 0

    @property
    def level(self) -> int | None:
        """The level whose symbols are needed."""
        return None

    @abstractmethod
    def scores(self, params: Params) -> int:
        """Return the number of symbols that a target is one of."""

    @abstractmethod
    def shown(self, params: Params, samples: Samples) -> tuple[Any, Any]:
        """Return the symbols that enter, and the targets [sample, place]; of the latter as much as is known."""

    @abstractmethod
    def exact(self, grammar: Grammar, seen: np.ndarray) -> np.ndarray:
        """Return the exact probabilities [sample, place, symbol]."""


@dataclass(frozen=True)
class NextTask(ShownTask):
    """The next symbol; see :class:`srhm.training.NextSymbol`."""

    positions: Predicted
    first: bool
    starts: bool

    @property
    def hides(self) -> bool:
        """Whether a beginning-of-sequence symbol, or a hidden last one, enters."""
        return self.positions == "last" or self.starts

    def scores(self, params: Params) -> int:
        """Return the number of symbols, the blank included."""
        return params.level(1).v + 1

    def shown(self, params: Params, samples: Samples) -> tuple[Any, Any]:
        """See :class:`ShownTask`."""
        return next_examples(samples.symbols, params.level(1).v, self.positions, self.first, self.starts)

    def exact(self, grammar: Grammar, seen: np.ndarray) -> np.ndarray:
        """See :class:`ShownTask`."""
        return exact_next(grammar, seen, self.positions, self.starts)


@dataclass(frozen=True)
class MaskedTask(ShownTask):
    """Symbols that are hidden at random; see :class:`srhm.training.MaskedSymbols`."""

    count: int

    def scores(self, params: Params) -> int:
        """Return the number of symbols, the blank included."""
        return params.level(1).v + 1

    def shown(self, params: Params, samples: Samples) -> tuple[Any, Any]:
        """See :class:`ShownTask`."""
        targets = blank_last(samples.symbols, params.level(1).v)
        if samples.masks is None:
            return samples.symbols, np.full_like(targets, -1)
        mask = samples.masks(self.count)
        return np.where(mask, MASKED, samples.symbols), np.where(mask, targets, -1)

    def exact(self, grammar: Grammar, seen: np.ndarray) -> np.ndarray:
        """See :class:`ShownTask`."""
        return exact_hidden(grammar, seen)


@dataclass(frozen=True)
class LatentTask(ShownTask):
    """The symbols of a level, or the class; see :class:`srhm.training.LatentSymbols`."""

    of: int
    of_class: bool
    count: int

    @property
    def level(self) -> int | None:
        """The level, or None for the class."""
        return None if self.of_class else self.of

    def scores(self, params: Params) -> int:
        """Return the number of classes, or of symbols, the blank included."""
        return params.n_c if self.of_class else params.level(self.of).v + 1

    def shown(self, params: Params, samples: Samples) -> tuple[Any, Any]:
        """See :class:`ShownTask`."""
        seen = samples.symbols
        if self.count and samples.masks is not None:
            seen = np.where(samples.masks(self.count), MASKED, seen)
        targets = samples.latents
        if self.of_class and samples.labels is not None:
            targets = samples.labels[:, None]
        return seen, targets

    def exact(self, grammar: Grammar, seen: np.ndarray) -> np.ndarray:
        """See :class:`ShownTask`."""
        return exact_level(grammar, seen, self.of)
