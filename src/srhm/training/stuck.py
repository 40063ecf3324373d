"""Whether a run still learns: the rule of `loss_patience` (docs, networks.md)."""

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import equinox as eqx
import numpy as np

from ..model.dataset import Dataset
from ..nets.network import trained_arrays
from .job import digest_of

_FALL = 0.01
"""The loss has fallen if it is lower than the lowest one before by more than this part of it."""
_AT_CHANCE = 0.05
"""A loss within this part of that of the class frequencies is at chance."""


@dataclass
class LossWatch:
    """The training losses at the evaluations of a run since the last one that had fallen."""

    patience: int
    """Evaluations in a row without a lower loss at which a run ends."""
    chance: float
    """The loss of the class frequencies, in nats."""
    lowest: float = math.inf
    """The last loss that had fallen."""
    since: list[float] = field(default_factory=list)
    """The losses after it."""
    weights: str = ""
    """SHA-256 of the weights at the last evaluation whose loss was at chance."""

    @classmethod
    def of(cls, patience: int | None, train_set: Dataset) -> "LossWatch | None":
        """Return the watch of a run on a training set; None without patience."""
        if patience is None:
            return None
        counts = np.bincount(train_set.labels)
        parts = counts[counts > 0] / counts.sum()
        return cls(patience, -float((parts * np.log(parts)).sum()))

    def ends(self, loss: float, net: Any) -> Literal["stuck", "unstable"] | None:
        """Take the mean loss of the epoch before an evaluation, and the network; return how the run ends, if it does.

        A network whose weights did not change since the last evaluation is dead: no unit that it would learn with
        has a gradient.
        """
        last, self.weights = self.weights, ""
        if self._at_chance(loss):
            self.weights = digest_of(eqx.filter(net, trained_arrays(net)))
            if self.weights == last:
                return self._kind()
        if loss < (1 - _FALL) * self.lowest:
            self.lowest, self.since = loss, []
            return None
        self.since.append(loss)
        if len(self.since) < self.patience:
            return None
        return self._kind()

    def _kind(self) -> Literal["stuck", "unstable"]:
        """Return how a run ends: stuck if its loss never was below chance, and has been there since it fell last."""
        below = self.lowest < (1 - _AT_CHANCE) * self.chance
        return "unstable" if below or not all(map(self._at_chance, self.since)) else "stuck"

    def _at_chance(self, loss: float) -> bool:
        return abs(loss - self.chance) <= _AT_CHANCE * self.chance
